"""A Caffe network in memory → ONNX, layer by layer by the table."""

import os
import tempfile
from typing import Any, Optional

import numpy as np
from caffe.proto import caffe_pb2
from interop.converters.caffe import ssd_format
from interop.converters.caffe.exports import normalizing
from interop.converters.caffe.exports.common import Layer, Refused, Shape
from interop.converters.caffe.exports.table import EXPORTS
from interop.converters.caffe.files import why_not
from interop.converters.caffe.loading import CaffeGaveUp, attempt

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph

_OPSET = 13


def export(net: Any, path: str) -> list[str]:
    """Write `net` to `path`; returns notes on what had to be given up.

    The batch stays open where Caffe can reshape the network to another one.

    Raises GuestFailure (UnsupportedOperator), naming every layer that has no ONNX form.
    """
    varying, why = _varying(net)
    graph = Graph(_OPSET)
    known = {}
    for name in net.inputs:
        shape: list[Any] = [int(size) for size in net.blobs[name].shape]
        if name in varying:
            shape[0] = "batch"
        graph.input(name, np.float32, shape)
        known[name] = name
    graph.reserve(net.outputs)
    params = _parameters(net)
    _layers(graph, net, params, varying, known)
    for name in net.outputs:
        shape = [int(size) for size in net.blobs[name].shape]
        if name in varying:
            shape[0] = "batch" if name in _like_inputs(net, varying) else f"{name}_batch"
        if name in _counted(params):
            shape[2] = f"{name}_rows"
        graph.node("Identity", [known[name]], name)
        graph.output(name, np.float32, shape)
    graph.save(path)
    return [] if varying else [f"the batch is fixed: {why}"]


def _like_inputs(net: Any, varying: frozenset[str]) -> list[str]:
    """Blobs whose axis 0 is the batch itself, not a multiple of it."""
    sizes = {net.blobs[name].shape[0] for name in net.inputs if name in varying}
    return [name for name in varying if net.blobs[name].shape[0] in sizes]


def _counted(params: list[Any]) -> set[str]:
    """Blobs with as many rows as boxes are found."""
    return {param.top[0] for param in params if ssd_format.ours(param) == "DetectionOutput"}


def _layers(
    graph: Graph, net: Any, params: list[Any], varying: frozenset[str], known: dict[str, str]
) -> None:
    taken: set[int] = set()
    problems = []
    for index, param in enumerate(params):
        if param.type == "Input":
            continue
        if index in taken:  # as part of the layer before it
            known[param.top[0]] = known[param.bottom[0]]
            continue
        behind = _scale_behind(params, index)
        scale = None if behind is None else _layer(net, params[behind], behind, varying)
        if scale is not None and not normalizing.takes_along(scale):
            scale = behind = None
        layer = _layer(net, param, index, varying, scale)
        kind = ssd_format.ours(param) or param.type
        try:
            if kind not in EXPORTS:
                raise Refused(why_not(kind))
            if _counted(params).intersection(param.bottom):
                raise Refused(
                    "it reads boxes of DetectionOutput, whose number is open until it runs"
                )
            results = EXPORTS[kind](graph, layer, *[known[name] for name in param.bottom])
        except Refused as reason:
            problems.append(f"{param.type} ({param.name}): {reason}")
            results = list(param.top)  # so that the layers behind it can be judged, too
        else:
            taken.update([] if behind is None else [behind])
        results = [results] if isinstance(results, str) else results
        known.update(zip(param.top, results))
    if problems:
        raise GuestFailure(
            "UnsupportedOperator",
            "{} layer(s) of this network cannot be written as ONNX:\n  {}".format(
                len(problems), "\n  ".join(problems)
            ),
        )


def _parameters(net: Any) -> list[Any]:
    """The layers as Caffe has them: old forms upgraded, those of training left out, and a Split
    wherever several layers read one blob."""
    network = caffe_pb2.NetParameter()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "upgraded.caffemodel")
        net.save(path)
        with open(path, "rb") as file:
            network.ParseFromString(file.read())
    for layer in network.layer:
        del layer.blobs[:]
    return list(network.layer)


def _layer(
    net: Any, param: Any, index: int, varying: frozenset[str], scale: Optional[Layer] = None
) -> Layer:
    def shapes(names: Any) -> tuple[Shape, ...]:
        return tuple(tuple(int(size) for size in net.blobs[name].shape) for name in names)

    blobs = tuple(np.array(blob.data) for blob in net.layers[index].blobs)
    return Layer(
        param.name,
        param,
        blobs,
        tuple(_blob_name(param, number) for number in range(len(blobs))),
        shapes(param.bottom),
        shapes(param.top),
        tuple(name in varying for name in param.bottom),
        tuple(name in varying for name in param.top),
        scale,
    )


#: What a layer's weights are called, where they have no names of their own.
_BLOBS = {
    "BatchNorm": ("running_mean", "running_var", "factor"),
    "LSTM": ("weight_x", "bias", "weight_h", "weight_h"),
    "RNN": ("weight_x", "bias", "weight_h", "weight_o", "bias_o"),
}


def _blob_name(param: Any, number: int) -> str:
    if number < len(param.param) and param.param[number].name:
        return param.param[number].name
    names = _BLOBS.get(param.type, ("weight", "bias"))
    return f"{param.name}.{names[number] if number < len(names) else number}"


def _scale_behind(params: list[Any], index: int) -> Optional[int]:
    """The Scale layer that alone reads what the BatchNorm at `index` gives."""
    if params[index].type != "BatchNorm":
        return None
    top = params[index].top[0]
    for number in range(index + 1, len(params)):
        if top in params[number].bottom:
            return number if params[number].type == "Scale" else None
        if top in params[number].top:
            return None
    return None


def _varying(net: Any) -> tuple[frozenset[str], str]:
    """The blobs whose axis 0 grows with the batch; none, and why, where another batch cannot be."""
    if not net.inputs:
        return frozenset(), "the network has no input"
    ranks = [len(net.blobs[name].shape) for name in net.inputs]
    if 0 in ranks:
        return frozenset(), "an input is a single number"
    batch = int(net.blobs[net.inputs[0]].shape[0])
    growing = [name for name in net.inputs if net.blobs[name].shape[0] == batch]
    before = _shapes(net)
    try:
        after = attempt(lambda: _reshaped(net, growing, batch + 1))
    except CaffeGaveUp as error:
        return frozenset(), f"Caffe cannot take another ({error})"
    varying = set()
    for name, shape in before.items():
        if shape == after[name]:
            continue
        grown = [shape[0] * (batch + 1) // batch, *shape[1:]] if shape else []
        if after[name] != grown or shape[0] % batch:
            return frozenset(), f"'{name}' would be {after[name]} where it was {shape}"
        varying.add(name)
    return frozenset(varying), ""


def _reshaped(net: Any, inputs: list[str], batch: int) -> dict[str, list[int]]:
    for name in inputs:
        net.blobs[name].reshape(batch, *list(net.blobs[name].shape)[1:])
    net.reshape()
    return _shapes(net)


def reshape(net: Any, wanted: dict[str, list[int]]) -> None:
    """Give inputs those shapes. Raises GuestFailure (UsageError) where Caffe does not take them."""

    def change() -> bool:
        for name, shape in wanted.items():
            net.blobs[name].reshape(*shape)
        net.reshape()
        return True

    try:
        attempt(change)
    except CaffeGaveUp as error:
        raise GuestFailure(
            "UsageError", f"Caffe cannot take inputs of the sizes {wanted}: {error}"
        ) from error
    change()


def _shapes(net: Any) -> dict[str, list[int]]:
    return {name: [int(size) for size in blob.shape] for name, blob in net.blobs.items()}
