"""MXNet → ONNX, through mx.onnx, whose word is not taken for it: what it wrote is checked."""

from unittest import mock

import mxnet as mx
import numpy as np
import onnx

from interop.workers.failures import GuestFailure

#: The newest opset that MXNet 1.9 writes; the canonical form raises it afterwards.
_OPSET = 13


def export(loaded, specs, outputs, sizes, path):
    """Write `path` (opset 13); dimensions given as words in `specs` stay dynamic. Returns the names
    of the results: `outputs`, or else the symbol's own."""
    by_name = {spec["name"]: spec for spec in specs}
    ordered = [by_name[name] for name in loaded.inputs]
    fixed = [
        tuple(d if isinstance(d, int) else max(2, sizes.get(d, 2)) for d in spec["shape"])
        for spec in ordered
    ]
    words = [tuple(spec["shape"]) for spec in ordered]
    dynamic = any(isinstance(d, str) for shape in words for d in shape)
    options = {"dynamic": True, "dynamic_input_shapes": words} if dynamic else {}
    arrays = {name: mx.nd.array(a.asnumpy(), dtype=a.dtype) for name, a in loaded.arrays.items()}
    # It writes nodes of opset 13, checks them as of the newest one, and declares that.
    opset = mock.patch("onnx.defs.onnx_opset_version", return_value=_OPSET)
    unchecked = mock.patch("onnx.checker.check_graph")
    try:
        with opset, unchecked:
            mx.onnx.export_model(
                loaded.symbol, arrays, fixed,
                [np.dtype(spec["dtype"]).type for spec in ordered], path, **options
            )  # fmt: skip
    except Exception as error:  # it raises whatever its converters run into
        raise GuestFailure(
            "InvalidModel",
            "mx.onnx could not export this model: {}".format(_first(error)),
            hint="Its operators are in MXNet's list of what it exports, mxnet.onnx.",
        ) from error
    model = onnx.load(path)
    names = outputs or [_short(name) for name in loaded.symbol.list_outputs()]
    repair(model, ordered, names)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise GuestFailure(
            "InvalidModel",
            "mx.onnx wrote an ONNX model that is not valid: {}".format(_first(error)),
        ) from error
    onnx.save(model, path)
    return names


def repair(model, specs, names):
    """What mx.onnx gets wrong, in place: the names of results, and their shapes where sizes vary; and
    that it counts in fractions."""
    graph = model.graph
    _count_whole(graph)
    model.opset_import[0].version = _OPSET
    if len(graph.output) != len(names):
        raise GuestFailure(
            "InvalidModel",
            "mx.onnx wrote {} results for {}".format(len(graph.output), len(names)),
        )
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    renamed = {}
    for value, name in zip(list(graph.output), names):
        if value.name != name and name in taken:
            raise GuestFailure("InvalidModel", "the name '{}' is taken twice".format(name))
        renamed[value.name] = name
        value.name = name
        for size in value.type.tensor_type.shape.dim:
            size.Clear()  # those of the example, where sizes vary
    for node in graph.node:
        for part in (node.input, node.output):
            for index, name in enumerate(part):
                if name in renamed:
                    part[index] = renamed[name]
    given = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in given]:
        graph.input.remove(value)  # weights are no inputs since IR version 4
    model.ir_version = max(model.ir_version, 8)
    del graph.value_info[:]


def _count_whole(graph):
    """Ranges from 0 by 1, which arange_like writes in the type of its data, up to half a step before
    their end: as Ranges of integers, of whose length more can be told."""
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    for index, node in reversed(list(enumerate(graph.node))):
        if node.op_type != "Range" or [numbers.get(node.input[i]) for i in (0, 2)] != [0, 1]:
            continue
        cast = node.input[1]
        for operator, number in (("Sub", 0.5), ("Add", 0), ("Mul", 1)):
            made = makers.get(cast)
            if made is None or made.op_type != operator or numbers.get(made.input[1]) != number:
                break
            cast = made.input[0]
        else:
            name, result = node.input[1], node.output[0]
            bounds = [name + "_from", makers[cast].input[0], name + "_by"]
            for bound, value in ((bounds[0], 0), (bounds[2], 1)):
                array = np.array(value, np.int64)
                graph.initializer.append(onnx.numpy_helper.from_array(array, bound))
            whole = onnx.helper.make_node("Range", bounds, [name + "_whole"])
            (to,) = [attribute.i for attribute in makers[cast].attribute if attribute.name == "to"]
            typed = onnx.helper.make_node("Cast", [name + "_whole"], [result], node.name, to=to)
            graph.node.remove(node)
            graph.node.insert(index, typed)
            graph.node.insert(index, whole)


def _short(name):
    return name[: -len("_output")] if name.endswith("_output") else name


def _first(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "{}: {}".format(type(error).__name__, lines[0] if lines else "")
