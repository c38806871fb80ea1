"""Parity: does one model compute what another computes, to within what rounding does?

inputs.py       input sets, from the signature and the graph (bounds.py: indices inside their tables)
truth.py        the true outputs, in float64 (double.py: the twin model; operators/: fast operators)
precisions.py   float32, TF32, float16, bfloat16, int8: what each rounds, and the bits it has
floor.py        runs with perturbed weights and inputs (session.py: ONNX Runtime; rounding.py: the
                grids; emulate.py: the graph that rounds; floors.py: each precision when asked for)
noise.py        the noise floor that those runs give, group by group (groups.py)
compare.py      one output against its reference: verdict and evidence (evidence.py)
consistency.py  which other precision explains an error
figures.py      the usual figures (ranks.py: order; tasks.py: labels and tokens)
randomness.py   models that draw random numbers, by distribution
proof.py        source, artifact and truth against each other, hop by hop
grade.py        the grade of the worst, by a table of rules
latency.py      which of two is faster, interleaved, with a confidence interval

Inputs are made and outputs compared here, in the host; models run in workers.
"""

from interop.parity.compare import OutputParity, Verdict, compare, compare_outputs
from interop.parity.floor import floor_runs
from interop.parity.floors import LazyFloors
from interop.parity.grade import RULES, Grade, Rule, grade
from interop.parity.inputs import InputSet, input_sets, load_input_sets
from interop.parity.latency import Latency, Samples, interleave, latency
from interop.parity.noise import Noise, measure_noise, measure_outputs
from interop.parity.precisions import FLOAT32, PRECISIONS, Precision, precision_named
from interop.parity.proof import OutputProof, prove
from interop.parity.randomness import compare_distributions, random_nodes
from interop.parity.tasks import classification, continuations
from interop.parity.truth import Truth

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
    "classification",
    "compare",
    "compare_distributions",
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
]
