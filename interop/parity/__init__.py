"""Parity: does one model compute what another computes, to within what rounding does?

inputs.py     the few input sets of every conversion, from the signature and the graph
wide.py       many that find faults, at scales that meet every threshold (thresholds.py, coverage.py)
recipes.py    how one set is drawn (values.py; roles.py: what each input is for; bounds.py: within
              which limits; flat.py: who reads and makes a value)
own_inputs.py the user's own (generated.py: from a generator; sets.py: one set, whether it fits)
truth.py      the true outputs, in float64 (double.py: the twin model; operators/: fast operators)
precisions.py float32, TF32, float16, bfloat16, int8: what each rounds, and the bits it has
floor.py      runs with perturbed weights and inputs (session.py: on ONNX Runtime; rounding.py: the
              grids; emulate.py: a graph that rounds; floors.py: each precision when asked for)
noise.py      the noise floor that those runs give, group by group (groups.py)
compare.py    one output against its reference: verdict and evidence (evidence.py)
consistency.py which other precision explains an error
figures.py    the usual figures (ranks.py: order; tasks.py: labels and tokens)
proof.py      source, artifact and truth against each other, hop by hop
grade.py      the grade of the worst, by a table of rules
unaided.py    a backend against itself: second runs, rows of a batch, builds
latency.py    which of two is faster, interleaved, with a confidence interval

Inputs are made and outputs compared here, in the host; models run in workers.
"""

from interop.parity.compare import OutputParity, Verdict, compare, compare_outputs
from interop.parity.floor import floor_runs
from interop.parity.floors import LazyFloors
from interop.parity.grade import RULES, Grade, Rule, grade
from interop.parity.inputs import input_sets
from interop.parity.latency import Latency, Samples, interleave, latency
from interop.parity.noise import Noise, measure_noise, measure_outputs
from interop.parity.own_inputs import load_input_sets
from interop.parity.precisions import FLOAT32, PRECISIONS, Precision, precision_named
from interop.parity.proof import OutputProof, prove
from interop.parity.randomness import random_nodes
from interop.parity.sets import InputSet
from interop.parity.tasks import classification, continuations
from interop.parity.truth import Truth
from interop.parity.wide import Wide, wide_input_sets, wide_inputs

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
