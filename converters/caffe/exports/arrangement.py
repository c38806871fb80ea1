"""Layers that move entries, and compute nothing."""

from interop.converters.caffe.exports.common import Layer, Refused, as_top, axis_of, integers

from interop.workers.onnx_file import Graph


def reshape(graph: Graph, layer: Layer, x: str) -> str:
    """To the shape that Caffe found: Reshape, Flatten."""
    if layer.bottoms[0] == layer.tops[0]:
        return x
    return as_top(graph, layer, x)


def concat(graph: Graph, layer: Layer, *parts: str) -> str:
    given = layer.param.concat_param
    axis = given.concat_dim if given.HasField("concat_dim") else given.axis
    if len(parts) == 1:
        return parts[0]
    return graph.node("Concat", list(parts), axis=axis_of(axis, len(layer.bottoms[0])))


def slice_(graph: Graph, layer: Layer, x: str) -> list[str]:
    given = layer.param.slice_param
    axis = given.slice_dim if given.HasField("slice_dim") else given.axis
    axis = axis_of(axis, len(layer.bottoms[0]))
    if len(layer.tops) == 1:
        return [x]
    sizes = [shape[axis] for shape in layer.tops]
    return graph.node("Split", [x, integers(graph, sizes)], count=len(sizes), axis=axis)


def crop(graph: Graph, layer: Layer, x: str, _like: str) -> str:
    """The part of `x` that begins at the offsets and is as large as the second bottom."""
    given, shape, like = layer.param.crop_param, *layer.bottoms
    axes = range(axis_of(given.axis, len(shape)), len(shape))
    offsets = list(given.offset) or [0]
    offsets = offsets * len(axes) if len(offsets) == 1 else offsets
    kept = [
        (axis, start, start + like[axis])
        for axis, start in zip(axes, offsets)
        if (start, like[axis]) != (0, shape[axis])
    ]
    if not kept:
        return x
    if kept[0][0] == 0 and layer.open_bottoms[0]:
        raise Refused("it crops the batch")
    axis, starts, ends = zip(*kept)
    return graph.node("Slice", [x, *(integers(graph, values) for values in (starts, ends, axis))])


def tile(graph: Graph, layer: Layer, x: str) -> str:
    given, rank = layer.param.tile_param, len(layer.bottoms[0])
    counts = [1] * rank
    counts[axis_of(given.axis, rank)] = given.tiles
    return graph.node("Tile", [x, integers(graph, counts)])


def batch_reindex(graph: Graph, layer: Layer, x: str, places: str) -> str:
    """Samples by their numbers, which are whole numbers in float32."""
    return graph.node("Gather", [x, graph.node("Cast", [places], to=7)], axis=0)


def permute(graph: Graph, layer: Layer, x: str) -> str:
    """The axes that it names, then the others."""
    rank, order = len(layer.bottoms[0]), list(layer.param.permute_param.order)
    order += [axis for axis in range(rank) if axis not in order]
    return graph.node("Transpose", [x], perm=order)


def silence(graph: Graph, layer: Layer, *bottoms: str) -> list[str]:
    return []
