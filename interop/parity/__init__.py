"""Parity: does one model compute what another computes, to within what rounding does?

inputs/    quick.py: the few sets of every conversion; wide.py: many that find faults, at scales that
           meet every threshold (thresholds.py, coverage.py); own.py: the user's (generated.py).
           recipes.py: how one is drawn (values.py; roles.py: what each input is for; bounds.py:
           within which limits; flat.py: who reads and makes a value; sets.py: one set)
truth/     evaluator.py: the true outputs, in float64 (double.py: the twin model; operators/: fast
           operators; randomness.py: which nodes have none)
floor/     runs.py: runs with perturbed weights and inputs (session.py: on ONNX Runtime; rounding.py:
           the grids; emulate.py: a graph that rounds); precisions.py: what each rounds, and the bits
           it has; narrow.py: each precision when asked for; noise.py: the floor that runs give,
           group by group (groups.py); constants.py: what the model's small constants do
verdict/   compare.py: one output against its reference (evidence.py; elements.py: of sequences;
           consistency.py: which other precision explains an error; figures.py: the usual figures;
           ranks.py, tasks.py); proof.py: source, artifact and truth, hop by hop; suspicion.py: is an
           error within the margin what a wrong constant does; grade.py: the grade of the worst, by a
           table of rules; derivatives.py: gradients
settings.py  inputs of operators that set what they do, and walks over graphs
mapped.py    weights that stay in their file; sampled.py: a sample of all outputs, as one vector
unaided.py   a backend against itself: second runs, rows of a batch, builds
latency.py   which of two is faster, interleaved, with a confidence interval

Inputs are made and outputs compared here, in the host; models run in workers.
"""

from interop.parity.floor.narrow import LazyFloors
from interop.parity.floor.noise import Noise, measure_noise, measure_outputs
from interop.parity.floor.precisions import FLOAT32, PRECISIONS, Precision, precision_named
from interop.parity.floor.runs import floor_runs
from interop.parity.inputs.own import load_input_sets
from interop.parity.inputs.quick import input_sets
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.wide import Wide, wide_input_sets, wide_inputs
from interop.parity.latency import Latency, Samples, interleave, latency
from interop.parity.truth.evaluator import Truth
from interop.parity.truth.randomness import random_nodes
from interop.parity.verdict.compare import OutputParity, Verdict, compare, compare_outputs
from interop.parity.verdict.grade import RULES, Grade, Rule, grade
from interop.parity.verdict.proof import OutputProof, prove
from interop.parity.verdict.tasks import classification, continuations

__all__ = [
    "FLOAT32",
    "PRECISIONS",
    "RULES",
    "Grade",
    "InputSet",
    "Latency",
    "LazyFloors",
    "Noise",
    "OutputParity",
    "OutputProof",
    "Precision",
    "Rule",
    "Samples",
    "Truth",
    "Verdict",
    "Wide",
    "classification",
    "compare",
    "compare_outputs",
    "continuations",
    "floor_runs",
    "grade",
    "input_sets",
    "interleave",
    "latency",
    "load_input_sets",
    "measure_noise",
    "measure_outputs",
    "precision_named",
    "prove",
    "random_nodes",
    "wide_input_sets",
    "wide_inputs",
]
