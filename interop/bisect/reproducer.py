"""The smallest model that still shows a fault, in a folder that anybody can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto
from onnx import numpy_helper as nph

from interop.bisect.candidate import Array, Executor, write_model
from interop.bisect.measure import Judgement, judge, typed, yardstick
from interop.bisect.pieces import Piece
from interop.bisect.run import Case
from interop.bisect.units import Pair
from interop.errors import InteropError

MODEL, CANDIDATE, DATA = "model.onnx", "candidate.onnx", "test_data_set_0"


def shrink(pair: Pair, case: Case, executor: Executor, seed: int) -> Case:
    """`case` with no more outputs than are wrong, and each open size at 1, where it still shows it."""
    smallest, found = case, _tried(pair, case, executor)
    wrong = tuple(p.name for p in found.parities if not p.verdict.passes)
    if wrong and len(wrong) < len(case.reference.outputs):
        smallest = _or(smallest, _with_outputs(pair, case, wrong, executor, seed), pair, executor)
    for symbol in _symbols(pair, smallest.feeds):
        smallest = _or(smallest, _with_size(pair, smallest, symbol, executor, seed), pair, executor)
    return smallest


def _tried(pair: Pair, case: Case, executor: Executor) -> Judgement:
    model, feeds = candidate_model(pair, case)
    return judge(model, feeds, executor, case.by)


def _or(case: Case, smaller: Case | None, pair: Pair, executor: Executor) -> Case:
    """`smaller` where it still shows the fault, and can be judged."""
    if smaller is None or smaller.by.doubt or not _tried(pair, smaller, executor).wrong:
        return case
    return smaller


def _with_outputs(
    pair: Pair, case: Case, names: tuple[str, ...], executor: Executor, seed: int
) -> Case | None:
    ours, theirs = (
        graph.piece(names, piece.inputs)
        for graph, piece in ((pair.reference, case.reference), (pair.candidate, case.candidate))
    )
    return _measured(pair, replace(case, reference=ours, candidate=theirs), executor, seed)


def _symbols(pair: Pair, feeds: Mapping[str, Array]) -> list[str]:
    dims = [dim for name in feeds for dim in pair.reference.shape(name) or ()]
    return list(dict.fromkeys(dim for dim in dims if isinstance(dim, str)))


def _with_size(pair: Pair, case: Case, symbol: str, executor: Executor, seed: int) -> Case | None:
    """Only the first of all along the axes of that name."""
    feeds = {}
    for name, array in case.feeds.items():
        dims = pair.reference.shape(name) or ()
        first = tuple(slice(1) if dim == symbol else slice(None) for dim in dims)
        feeds[name] = np.ascontiguousarray(array[first]).reshape(array[first].shape)
    if all(feeds[name].shape == case.feeds[name].shape for name in feeds):
        return None
    return _measured(pair, replace(case, feeds=feeds), executor, seed)


def _measured(pair: Pair, case: Case, executor: Executor, seed: int) -> Case | None:
    """`case` with its own truth and floor; None where it has none at these sizes."""
    model, feeds = reference_model(pair, case)
    try:
        return replace(case, by=yardstick(model, feeds, seed, executor.precision))
    except InteropError:
        return None


def reference_model(pair: Pair, case: Case) -> tuple[ModelProto, dict[str, Array]]:
    """The case in the reference's nodes, and what it is fed with."""
    return _model(pair.reference.build(case.reference), case.reference, case)


def candidate_model(pair: Pair, case: Case) -> tuple[ModelProto, dict[str, Array]]:
    """The case in the candidate's nodes, and what it is fed with."""
    return _model(pair.candidate.build(case.candidate), case.candidate, case)


def _model(model: ModelProto, piece: Piece, case: Case) -> tuple[ModelProto, dict[str, Array]]:
    feeds = {name: case.feeds[name] for name in piece.inputs}
    return typed(model, feeds), feeds


def write(pair: Pair, case: Case, folder: Path) -> None:
    """Write the models, and inputs and expected outputs (the float64 truth, rounded) as ONNX's test
    data has them."""
    model, feeds = reference_model(pair, case)
    expected = {
        name: np.asarray(array).astype(case.by.noise[name].dtype)
        for name, array in case.by.truth.items()
    }
    for value in model.graph.output:
        if value.type.WhichOneof("value") is None:
            array = expected[value.name]
            number = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            value.type.CopyFrom(onnx.helper.make_tensor_type_proto(number, [None] * array.ndim))
    write_model(model, folder / MODEL)
    if not pair.one_graph:
        write_model(candidate_model(pair, case)[0], folder / CANDIDATE)
    data = folder / DATA
    data.mkdir()
    given = [value.name for value in model.graph.input]
    for kind, names, arrays in (
        ("input", given, [feeds[name] for name in given]),
        ("output", list(expected), list(expected.values())),
    ):
        for place, (name, array) in enumerate(zip(names, arrays, strict=True)):
            tensor = nph.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            (data / f"{kind}_{place}.pb").write_bytes(tensor.SerializeToString())
