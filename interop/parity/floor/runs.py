"""The noise floor of a precision: how far rounding alone takes each output from the truth.

The model is run as it is, and K times with its weights and inputs *perturbed by half a unit in the
last place*. In float32 an element moves to its upper or its lower neighbour with probability 1/8
each, which is a displacement of mean zero and of exactly half an ULP in rms. (A rounding error
proper is uniform within half an ULP, 0.29 ULP in rms; moving every element would be a full ULP.)
What is not rounding noise is left alone: zeros and other integers, which every framework holds
exactly, and tensors that are settings rather than data (settings.py).

In a narrower precision the graph rounds as that precision does (emulate.py), and the perturbed
runs round their weights (for those that round everything: inputs, too) up or down at random.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto

from interop.parity.floor.emulate import CONTRACTIONS, RECURRENT, Emulation, emulate, scale_of
from interop.parity.floor.precisions import FLOAT32, Precision, Rounds
from interop.parity.floor.rounding import perturb, to_grid, to_scaled_grid
from interop.parity.floor.session import Session, filled, skeleton
from interop.parity.mapped import array_of
from interop.parity.settings import graphs, reads, settings

Array = np.ndarray[Any, Any]

RUNS = 4

#: Elements of all weights up to which a float32 run may fuse and fold them. A session costs little
#: then, and a fused run rounds less (a batch norm after each convolution: 1.4 times), so that the
#: floor hides less. With more, making a session costs more than the runs, and memory.
FUSED = 1 << 22


def perturbable(model: ModelProto) -> dict[str, TensorProto]:
    """The float32 initialisers of the main graph by name, without those that are settings or that
    nothing reads."""
    exempt = set(settings(model.graph))
    read = {name for node in model.graph.node for name in reads(node)}
    return {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and tensor.name in read - exempt
    }


def heavy(model: ModelProto) -> bool:
    """Whether runs with weights of their own cost more than is to be spent on them lightly."""
    return sum(math.prod(t.dims) for t in perturbable(model).values()) > FUSED


def floor_runs(
    model: ModelProto,
    inputs: Mapping[str, Mapping[str, Array]],
    *,
    seed: int = 0,
    runs: int = RUNS,
    first: int = 0,
    threads: int = 0,
    precision: Precision = FLOAT32,
) -> Iterator[tuple[int, str, dict[str, Array]]]:
    """(run, input set, outputs by name) of the runs from `first` to `runs` over every input set; run
    0 is the unperturbed one, and none depends on those before it. Weights are prepared once a run
    and held once beside the model.

    Raises InvalidModel where ONNX Runtime cannot load or run the model, and UnsupportedOperator
    where a precision cannot be emulated.
    """
    weights = perturbable(model)
    axes = operand_axes(model, weights) if precision.rounds is Rounds.OPERANDS else {}
    bare = skeleton(model, weights)
    feeds: dict[str, Array] = {}
    if precision.rounds is not Rounds.NOTHING:
        emulation = emulate(bare, precision, frozenset(axes))
        bare = emulation.model
        feeds = _scales(emulation, weights, inputs, threads)
    fuses = precision == FLOAT32 and not heavy(model)
    session = None if fuses else Session(bare, threads)
    for run in range(first, runs + 1):
        rng = np.random.default_rng([seed, run]) if run else None
        for name, tensor in weights.items():
            feeds[name] = _prepared(name, array_of(tensor), precision, axes, rng)
        if session is None or fuses:
            session = Session(filled(bare, feeds), threads, optimized=True)
        for label, arrays in inputs.items():
            given = {n: _prepared(n, a, precision, {}, rng) for n, a in arrays.items()}
            yield run, label, session.run({**feeds, **given})


def _prepared(
    name: str,
    array: Array,
    precision: Precision,
    axes: Mapping[str, int | None],
    rng: np.random.Generator | None,
) -> Array:
    """A weight or an input as one run is given it."""
    if array.dtype == np.float32 and (precision.rounds is Rounds.RESULTS or name in axes):
        if precision.largest is not None:
            return to_scaled_grid(array, precision, axes[name], rng)
        return to_grid(array, precision, rng)
    return array if rng is None else perturb(array, rng)


def operand_axes(model: ModelProto, weights: Mapping[str, TensorProto]) -> dict[str, int | None]:
    """Of `weights` those that go into products and nowhere else: name -> the axis of its output
    channels, None where there is no one such axis."""
    axes: dict[str, int | None] = {}
    elsewhere = {value.name for graph in graphs(model.graph) for value in graph.output}
    for node in (node for graph in graphs(model.graph) for node in graph.node):
        positions = (1, 2) if node.op_type in RECURRENT else CONTRACTIONS.get(node.op_type, ())
        for position, name in enumerate(node.input):
            if name not in weights:
                continue
            if position not in positions:
                elsewhere.add(name)
                continue
            axis = _channels(node, position, len(weights[name].dims))
            axes[name] = axis if axes.get(name, axis) == axis else None
    return {name: axis for name, axis in axes.items() if name not in elsewhere}


def _channels(node: NodeProto, position: int, rank: int) -> int | None:
    flags = {a.name: a.i for a in node.attribute}
    if node.op_type == "MatMul":
        return None if rank < 2 else -1 if position == 1 else -2
    if node.op_type == "Gemm":
        return 1 - flags.get("transB", 0) if position == 1 else flags.get("transA", 0)
    if node.op_type in ("Conv", "DeformConv") and position == 1:
        return 0
    if node.op_type in RECURRENT:
        return 1
    if node.op_type == "ConvTranspose" and position == 1 and flags.get("group", 1) == 1:
        return 1
    return None


def _scales(
    emulation: Emulation,
    weights: Mapping[str, TensorProto],
    inputs: Mapping[str, Mapping[str, Array]],
    threads: int,
) -> dict[str, Array]:
    """Calibration: each tensor's scale is the largest that it needs on any of the sets."""
    if emulation.ranges is None:
        return {}
    session = Session(emulation.ranges, threads)
    plain = {name: array_of(tensor) for name, tensor in weights.items()}
    found = [session.run({**plain, **arrays}) for arrays in inputs.values()]
    names = [scale_of(name) for name in emulation.calibrated]
    return {name: np.maximum.reduce([one[name] for one in found]) for name in names}
