"""Semantics too long for one expression: TensorFlow functions that are printed into model.py.

Each stands on its own (it may call others in this file) and is printed only where it is used.
"""

import numpy as np
import tensorflow as tf


def slice_dynamic(x, starts, ends, axes, steps):
    """ONNX's Slice where starts, ends or steps are known only at run time."""
    rank = x.shape.rank
    sizes = tf.gather(tf.shape(x), axes)
    starts, ends, steps = (
        tf.cast(tf.clip_by_value(tf.cast(v, tf.int64), -(2**31), 2**31 - 1), tf.int32)
        for v in (starts, ends, steps)
    )
    begin = tf.where(starts < 0, starts + sizes, starts)
    end = tf.where(ends < 0, ends + sizes, ends)
    forward = steps > 0
    begin = tf.where(
        forward, tf.clip_by_value(begin, 0, sizes), tf.clip_by_value(begin, 0, sizes - 1)
    )
    end = tf.where(forward, tf.clip_by_value(end, 0, sizes), tf.clip_by_value(end, -1, sizes))
    # strided_slice reads -1 as the last element; one before the first is -1 - size.
    end = tf.where(end < 0, end - sizes, end)
    where = tf.constant([[axis] for axis in axes], tf.int32)
    full_begin = tf.tensor_scatter_nd_update(tf.zeros([rank], tf.int32), where, begin)
    full_end = tf.tensor_scatter_nd_update(tf.shape(x), where, end)
    full_steps = tf.tensor_scatter_nd_update(tf.ones([rank], tf.int32), where, steps)
    result = tf.strided_slice(x, full_begin, full_end, full_steps)
    result.set_shape([None if axis in axes else x.shape[axis] for axis in range(rank)])
    return result


def pad_dynamic(x, pads, axes, value):
    """ONNX's Pad of mode constant with pads known only at run time; none may be negative."""
    rank = x.shape.rank
    pairs = tf.transpose(tf.reshape(tf.cast(pads, tf.int32), [2, -1]))
    table = tf.tensor_scatter_nd_update(tf.zeros([rank, 2], tf.int32), [[a] for a in axes], pairs)
    return tf.pad(x, table, constant_values=tf.reshape(value, []))


def pad_edge(x, axis, before, after):
    """Repeat the first and last entries along one axis."""
    size = tf.shape(x)[axis]
    index = tf.clip_by_value(tf.range(-before, size + after), 0, size - 1)
    return tf.gather(x, index, axis=axis)


def pad_wrap(x, axis, before, after):
    """Continue periodically along one axis."""
    size = tf.shape(x)[axis]
    return tf.gather(x, tf.math.floormod(tf.range(-before, size + after), size), axis=axis)


def pad_lowest(x, paddings):
    """Pad with the lowest value of the dtype, which no maximum sees."""
    lowest = x.dtype.min if x.dtype.is_integer else -np.inf
    return tf.pad(x, paddings, constant_values=tf.constant(lowest, x.dtype))


def windows(x, kernel, strides, dilations):
    """Strided views of channels-last x, one for each position in the kernel."""
    rank = len(kernel)
    sizes = tf.shape(x)
    counts = [
        (sizes[i + 1] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(rank)
    ]
    for position in np.ndindex(*kernel):
        index = [slice(None)]
        for i, offset in enumerate(position):
            start = offset * dilations[i]
            index.append(slice(start, start + (counts[i] - 1) * strides[i] + 1, strides[i]))
        yield x[tuple(index)]


def max_pool_integer(x, kernel, strides, dilations):
    """The largest of each window, for dtypes that TensorFlow does not pool."""
    result = None
    for view in windows(x, kernel, strides, dilations):
        result = view if result is None else tf.maximum(result, view)
    return result


def dilated_max_pool(x, kernel, strides, dilations):
    """The largest of each dilated window."""
    return max_pool_integer(x, kernel, strides, dilations)


def sum_pool(x, kernel, strides, dilations):
    """The sum of each window."""
    if all(d == 1 for d in dilations) and len(kernel) <= 3:
        pool = {1: tf.nn.avg_pool1d, 2: tf.nn.avg_pool2d, 3: tf.nn.avg_pool3d}[len(kernel)]
        return pool(x, kernel, strides=strides, padding="VALID") * float(np.prod(kernel))
    return tf.add_n(list(windows(x, kernel, strides, dilations)))


def average_pool(x, kernel, strides, dilations, counted, outside):
    """The mean of each window; padding `counted` counts as zeros, padding `outside` not at all."""
    both = [[c[0] + o[0], c[1] + o[1]] for c, o in zip(counted, outside)]
    total = sum_pool(tf.pad(x, [[0, 0], *both, [0, 0]]), kernel, strides, dilations)
    if not any(o[0] or o[1] for o in outside):
        return total / float(np.prod(kernel))
    ones = tf.pad(tf.ones_like(x[:1, ..., :1]), [[0, 0], *counted, [0, 0]], constant_values=1)
    count = sum_pool(tf.pad(ones, [[0, 0], *outside, [0, 0]]), kernel, strides, dilations)
    return total / count


def grouped_conv3d(x, filters, group, strides, dilations=None):
    """A 3-D convolution in groups, by splitting channels."""
    parts = zip(tf.split(x, group, axis=-1), tf.split(filters, group, axis=-1))
    options = {} if dilations is None else {"dilations": dilations}
    return tf.concat([tf.nn.conv3d(a, f, strides, "VALID", **options) for a, f in parts], axis=-1)


def transposed_full(x, filters, strides, dilations, group, convolve):
    """The unpadded transposed convolution of any rank, group by group."""
    rank = len(strides)
    for axis, dilation in enumerate(dilations):
        if dilation > 1:  # holes in the filters: TensorFlow has no dilated transposed convolution
            size = filters.shape[axis]
            table = [[0, 0]] * (axis + 1) + [[0, dilation - 1]] + [[0, 0]] * (rank + 1 - axis)
            spread = tf.pad(tf.expand_dims(filters, axis + 1), table)
            shape = list(filters.shape)
            shape[axis] = size * dilation
            filters = tf.reshape(spread, shape)
            filters = tf.gather(filters, tf.range((size - 1) * dilation + 1), axis=axis)
    kernel = filters.shape[:rank]
    sizes = tf.shape(x)
    full = [(sizes[i + 1] - 1) * strides[i] + kernel[i] for i in range(rank)]
    static = [
        None if x.shape[i + 1] is None else (x.shape[i + 1] - 1) * strides[i] + kernel[i]
        for i in range(rank)
    ]
    full = [f if s is None else s for f, s in zip(full, static)]
    shape = [sizes[0], *full, filters.shape[-2]]
    parts = zip(tf.split(x, group, axis=-1), tf.split(filters, group, axis=-1))
    results = [convolve(a, f, shape) for a, f in parts]
    return results[0] if group == 1 else tf.concat(results, axis=-1)


def cut_edges(x, cut):
    """Take `before` and `after` entries off each spatial axis; a negative number adds zeros."""
    if any(a < 0 or b < 0 for b, a in cut):
        x = tf.pad(x, [[0, 0], *[[max(-b, 0), max(-a, 0)] for b, a in cut], [0, 0]])
    index = [slice(None)] + [slice(max(b, 0), -a if a > 0 else None) for b, a in cut]
    return x[tuple(index)]


def conv_transpose_2d(x, filters, strides, dilations, group, cut):
    """ONNX's ConvTranspose in two dimensions, data channels-last, filters [H, W, out, in]."""
    if group == 1 and all(d == 1 for d in dilations) and all(b >= 0 and a >= 0 for b, a in cut):
        sizes = tf.shape(x)
        shape = [sizes[0]]
        for i in range(2):
            size = sizes[i + 1] if x.shape[i + 1] is None else x.shape[i + 1]
            shape.append((size - 1) * strides[i] + filters.shape[i] - cut[i][0] - cut[i][1])
        padding = [[0, 0], *[list(pair) for pair in cut], [0, 0]]
        if not any(b or a for b, a in cut):
            padding = "VALID"
        return tf.nn.conv2d_transpose(x, filters, [*shape, filters.shape[2]], strides, padding)

    def convolve(a, f, shape):
        return tf.nn.conv2d_transpose(a, f, shape, strides, "VALID")

    return cut_edges(transposed_full(x, filters, strides, dilations, group, convolve), cut)


def conv_transpose_1d(x, filters, strides, dilations, group, cut):
    """ONNX's ConvTranspose in one dimension."""

    def convolve(a, f, shape):
        return tf.nn.conv1d_transpose(a, f, shape, strides[0], "VALID")

    return cut_edges(transposed_full(x, filters, strides, dilations, group, convolve), cut)


def conv_transpose_3d(x, filters, strides, dilations, group, cut):
    """ONNX's ConvTranspose in three dimensions."""

    def convolve(a, f, shape):
        return tf.nn.conv3d_transpose(a, f, shape, [1, *strides, 1], "VALID")

    return cut_edges(transposed_full(x, filters, strides, dilations, group, convolve), cut)


def depth_to_space_crd(x, block):
    """DepthToSpace of mode CRD, channels-last."""
    sizes = tf.shape(x)
    channels = x.shape[-1] // (block * block)
    split = tf.reshape(x, [sizes[0], sizes[1], sizes[2], channels, block, block])
    moved = tf.transpose(split, [0, 1, 4, 2, 5, 3])
    return tf.reshape(moved, [sizes[0], sizes[1] * block, sizes[2] * block, channels])


def normalize(x, axes, epsilon):
    """Zero mean and unit variance over `axes`."""
    mean = tf.reduce_mean(x, axis=axes, keepdims=True)
    centred = x - mean
    variance = tf.reduce_mean(tf.square(centred), axis=axes, keepdims=True)
    return centred * tf.math.rsqrt(variance + epsilon)


def group_normalize(x, groups, epsilon):
    """Zero mean and unit variance over space and each group of channels; channels-last."""
    shape = tf.shape(x)
    grouped = tf.reshape(x, [shape[0], -1, groups, x.shape[-1] // groups])
    return tf.reshape(normalize(grouped, [1, 3], epsilon), shape)


def local_response_normalization(x, size, alpha, beta, bias):
    """LRN over the last axis, for windows and ranks that TensorFlow's own does not take."""
    before, after = (size - 1) // 2, size // 2
    squares = tf.pad(tf.square(x), [[0, 0]] * (x.shape.rank - 1) + [[before, after]])
    channels = x.shape[-1]
    total = tf.add_n([squares[..., i : i + channels] for i in range(size)])
    return x / tf.pow(bias + alpha / size * total, beta)


def gather_elements(x, indices, axis):
    """numpy.take_along_axis."""
    indices = tf.cast(indices, tf.int64)
    size = tf.shape(x, out_type=tf.int64)[axis]
    indices = tf.where(indices < 0, indices + size, indices)
    grid = tf.meshgrid(
        *[
            tf.range(n)
            for n in tf.unstack(tf.shape(indices, out_type=tf.int64), num=indices.shape.rank)
        ],
        indexing="ij",
    )
    grid[axis] = indices
    return tf.gather_nd(x, tf.stack(grid, axis=-1))


def gather_nd(x, indices, batch_dims):
    """GatherND, negative indices included."""
    indices = tf.cast(indices, tf.int64)
    depth = indices.shape[-1]
    sizes = tf.shape(x, out_type=tf.int64)[batch_dims : batch_dims + depth]
    indices = tf.where(indices < 0, indices + sizes, indices)
    return tf.gather_nd(x, indices, batch_dims=batch_dims)


def scatter(x, positions, updates, reduction):
    """tf.tensor_scatter_nd_* by ONNX's name of the reduction; multiplication one entry at a time."""
    if reduction == "mul":
        flat = tf.reshape(positions, [-1, positions.shape[-1]])
        tail = tf.shape(x)[positions.shape[-1] :]
        values = tf.reshape(updates, tf.concat([[-1], tail], axis=0))
        count = tf.shape(flat)[0]

        def step(i, data):
            where = flat[i : i + 1]
            return i + 1, tf.tensor_scatter_nd_update(
                data, where, tf.gather_nd(data, where) * values[i : i + 1]
            )

        return tf.while_loop(lambda i, data: i < count, step, [0, x])[1]
    update = {
        "none": tf.tensor_scatter_nd_update,
        "add": tf.tensor_scatter_nd_add,
        "max": tf.tensor_scatter_nd_max,
        "min": tf.tensor_scatter_nd_min,
    }[reduction]
    return update(x, positions, updates)


def scatter_elements(x, indices, updates, axis, reduction):
    """ScatterElements."""
    indices = tf.cast(indices, tf.int64)
    size = tf.shape(x, out_type=tf.int64)[axis]
    indices = tf.where(indices < 0, indices + size, indices)
    grid = tf.meshgrid(
        *[
            tf.range(n)
            for n in tf.unstack(tf.shape(indices, out_type=tf.int64), num=indices.shape.rank)
        ],
        indexing="ij",
    )
    grid[axis] = indices
    return scatter(x, tf.stack(grid, axis=-1), updates, reduction)


def scatter_nd(x, indices, updates, reduction):
    """ScatterND, negative indices included."""
    indices = tf.cast(indices, tf.int64)
    sizes = tf.shape(x, out_type=tf.int64)[: indices.shape[-1]]
    return scatter(x, tf.where(indices < 0, indices + sizes, indices), updates, reduction)


def top_k(x, k, axis, largest):
    """The k largest (or smallest) along an axis, and where they stand (int64)."""
    rank = x.shape.rank
    axis = axis % rank
    order = [i for i in range(rank) if i != axis] + [axis]
    moved = tf.transpose(x, order)
    if largest:
        values, indices = tf.math.top_k(moved, tf.cast(k, tf.int32))
    elif x.dtype.is_integer:  # negation would overflow for the lowest value, complement does not
        values, indices = tf.math.top_k(-1 - moved, tf.cast(k, tf.int32))
        values = -1 - values
    else:
        values, indices = tf.math.top_k(-moved, tf.cast(k, tf.int32))
        values = -values
    back = np.argsort(order).tolist()
    return tf.transpose(values, back), tf.cast(tf.transpose(indices, back), tf.int64)


def resize_axis(x, axis, size, scale, mode, coordinates, nearest, cubic, exclude_outside):
    """Resize along one axis by ONNX's coordinate rules: a gather (nearest) or a small matrix."""
    old = tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
    if size is None:
        size = tf.cast(tf.floor(tf.cast(old, tf.float32) * scale), tf.int32)
        factor = tf.constant(scale, tf.float32)
        if x.shape[axis] is not None:
            size = int(np.floor(np.float32(old) * np.float32(scale)))
    else:
        size = tf.cast(size, tf.int32)
        factor = tf.cast(size, tf.float32) / tf.cast(old, tf.float32)
    length = tf.cast(old, tf.float32)
    target = tf.cast(tf.range(size), tf.float32)
    if coordinates == "asymmetric":
        place = target / factor
    elif coordinates == "align_corners":
        place = target * (length - 1) / tf.cast(tf.maximum(size - 1, 1), tf.float32)
    elif coordinates == "pytorch_half_pixel":
        place = tf.where(size > 1, (target + 0.5) / factor - 0.5, 0.0)
    elif coordinates == "half_pixel_symmetric":
        adjusted = tf.cast(size, tf.float32) / (factor * length)
        place = length / 2 * (1 - adjusted) + (target + 0.5) / factor - 0.5
    else:  # half_pixel
        place = (target + 0.5) / factor - 0.5
    if mode == "nearest":
        rounded = {
            "floor": tf.floor(place),
            "ceil": tf.math.ceil(place),
            "round_prefer_floor": tf.math.ceil(place - 0.5),
            "round_prefer_ceil": tf.floor(place + 0.5),
        }[nearest]
        return tf.gather(x, tf.clip_by_value(tf.cast(rounded, tf.int32), 0, old - 1), axis=axis)
    first = tf.floor(place)
    part = place - first
    if mode == "linear":
        offsets, weights = [0, 1], [1 - part, part]
    else:
        a = cubic
        offsets = [-1, 0, 1, 2]
        weights = []
        for offset in offsets:
            d = tf.abs(part - offset)
            near = ((a + 2) * d - (a + 3)) * d * d + 1
            far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            weights.append(tf.where(d <= 1, near, tf.where(d < 2, far, 0.0)))
    index = tf.cast(first, tf.int32)
    if exclude_outside:
        inside = [tf.cast((index + o >= 0) & (index + o < old), tf.float32) for o in offsets]
        weights = [w * i for w, i in zip(weights, inside)]
        total = tf.add_n(weights)
        weights = [w / total for w in weights]
    shape = [-1] + [1] * (x.shape.rank - 1 - axis % x.shape.rank)
    terms = []
    for offset, weight in zip(offsets, weights):
        taken = tf.gather(x, tf.clip_by_value(index + offset, 0, old - 1), axis=axis)
        terms.append(tf.cast(taken, tf.float32) * tf.reshape(weight, shape))
    return tf.cast(tf.add_n(terms), x.dtype)


def recurrent(x, lengths, states, step, reverse):
    """Run `step(part, states) -> states` over x [time, batch, features]; returns all first states.

    Past a row's length its states stay and its outputs are zero; `reverse` runs from its end.
    """
    time = tf.shape(x)[0]
    if reverse:
        x = tf.reverse(x, [0]) if lengths is None else tf.reverse_sequence(x, lengths, 0, 1)
    collected = tf.TensorArray(states[0].dtype, size=time)

    def body(t, collected, *states):
        new = step(x[t], states)
        output = new[0]
        if lengths is not None:
            running = tf.expand_dims(t < lengths, 1)
            output = tf.where(running, output, tf.zeros_like(output))
            new = [tf.where(running, n, s) for n, s in zip(new, states)]
        return (t + 1, collected.write(t, output), *new)

    _, collected, *states = tf.while_loop(
        lambda t, *rest: t < time, body, (tf.constant(0), collected, *states)
    )
    outputs = collected.stack()
    outputs.set_shape([x.shape[0], x.shape[1], states[0].shape[-1]])
    if reverse:
        outputs = (
            tf.reverse(outputs, [0])
            if lengths is None
            else tf.reverse_sequence(outputs, lengths, 0, 1)
        )
    return outputs, states


def both_directions(x, r, lengths, initial, direction, batch_first, run):
    """Lay out x as [time, batch, features], run each direction, and gather ONNX's outputs."""
    x = tf.ensure_shape(x, [None, None, None])
    initial = [i if i is None else tf.ensure_shape(i, [None, None, None]) for i in initial]
    if batch_first:
        x = tf.transpose(x, [1, 0, 2])
        initial = [None if i is None else tf.transpose(i, [1, 0, 2]) for i in initial]
    lengths = None if lengths is None else tf.cast(lengths, tf.int32)
    hidden = r.shape[1]
    zeros = tf.zeros([tf.shape(x)[1], hidden], x.dtype)
    outputs, finals = [], []
    for d in range(2 if direction == "bidirectional" else 1):
        states = [zeros if i is None else tf.ensure_shape(i[d], [None, hidden]) for i in initial]
        reverse = direction == "reverse" or d == 1
        output, final = run(d, x, lengths, states, reverse)
        outputs.append(output)
        finals.append(final)
    y = tf.stack(outputs, axis=1)
    last = [tf.stack(states, axis=0) for states in zip(*finals)]
    if batch_first:
        y = tf.transpose(y, [2, 0, 1, 3])
        last = [tf.transpose(state, [1, 0, 2]) for state in last]
    return [y, *last]


def clipped(x, clip):
    """Gate inputs limited to [-clip, clip], where a clip is given."""
    return x if clip is None else tf.clip_by_value(x, -clip, clip)


def lstm(x, w, r, b, lengths, initial_h, initial_c, p, direction, activations, clip, batch_first):
    """ONNX's LSTM; w, r are [directions, in, 4 * hidden], gates in the order i, o, f, c."""
    hidden = r.shape[1]

    def run(d, x, lengths, states, reverse):
        gate, candidate, output = activations[d]
        projected = tf.tensordot(x, w[d], axes=1)  # every time step in one product
        if b is not None:
            projected = projected + (b[d, : 4 * hidden] + b[d, 4 * hidden :])
        recurrent_weights = r[d]

        def step(part, states):
            h, c = states
            i, o, f, g = tf.split(part + tf.matmul(h, recurrent_weights), 4, axis=-1)
            if p is not None:
                i, f = i + p[d, :hidden] * c, f + p[d, 2 * hidden :] * c
            c = gate(clipped(f, clip)) * c + gate(clipped(i, clip)) * candidate(clipped(g, clip))
            if p is not None:
                o = o + p[d, hidden : 2 * hidden] * c
            return [gate(clipped(o, clip)) * output(c), c]

        return recurrent(projected, lengths, states, step, reverse)

    return both_directions(x, r, lengths, [initial_h, initial_c], direction, batch_first, run)


def gru(
    x, w, r, b, lengths, initial_h, direction, activations, clip, batch_first, linear_before_reset
):
    """ONNX's GRU; w, r are [directions, in, 3 * hidden], gates in the order z, r, h."""
    hidden = r.shape[1]

    def run(d, x, lengths, states, reverse):
        gate, candidate = activations[d]
        input_bias = recurrent_bias = None
        if b is not None:
            input_bias, recurrent_bias = b[d, : 3 * hidden], b[d, 3 * hidden :]
        projected = tf.tensordot(x, w[d], axes=1)
        if b is not None:
            projected = projected + input_bias
        gates, last = r[d][:, : 2 * hidden], r[d][:, 2 * hidden :]

        def step(part, states):
            h = states[0]
            if linear_before_reset:
                product = tf.matmul(h, r[d])
                if b is not None:
                    product = product + recurrent_bias
                z, s = tf.split(
                    gate(clipped(part[:, : 2 * hidden] + product[:, : 2 * hidden], clip)),
                    2,
                    axis=-1,
                )
                n = part[:, 2 * hidden :] + s * product[:, 2 * hidden :]
            else:
                product = tf.matmul(h, gates)
                if b is not None:
                    product = product + recurrent_bias[: 2 * hidden]
                z, s = tf.split(gate(clipped(part[:, : 2 * hidden] + product, clip)), 2, axis=-1)
                n = part[:, 2 * hidden :] + tf.matmul(s * h, last)
                if b is not None:
                    n = n + recurrent_bias[2 * hidden :]
            return [(1 - z) * candidate(clipped(n, clip)) + z * h]

        return recurrent(projected, lengths, states, step, reverse)

    return both_directions(x, r, lengths, [initial_h], direction, batch_first, run)


def rnn(x, w, r, b, lengths, initial_h, direction, activations, clip, batch_first):
    """ONNX's RNN; w, r are [directions, in, hidden]."""
    hidden = r.shape[1]

    def run(d, x, lengths, states, reverse):
        [function] = activations[d]
        projected = tf.tensordot(x, w[d], axes=1)
        if b is not None:
            projected = projected + (b[d, :hidden] + b[d, hidden:])

        def step(part, states):
            return [function(clipped(part + tf.matmul(states[0], r[d]), clip))]

        return recurrent(projected, lengths, states, step, reverse)

    return both_directions(x, r, lengths, [initial_h], direction, batch_first, run)


def relaxed(shape, initial):
    """A loop variable's shape, as far as it is said to stay."""
    return initial.shape if shape is None else tf.TensorShape([None] * len(shape))


def loop(body, limit, condition, states, dtypes, shapes):
    """ONNX's Loop: carried states, then one stacked output for each of `dtypes`."""
    limit = tf.constant(2**62, tf.int64) if limit is None else tf.reshape(limit, [])
    going = tf.constant(True) if condition is None else tf.reshape(condition, [])
    arrays = [tf.TensorArray(d, size=0, dynamic_size=True, infer_shape=False) for d in dtypes]

    def step(i, going, states, arrays):
        results = body(i, going, *states)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        count = len(states)
        outputs = results[1 + count :]
        written = [a.write(tf.cast(i, tf.int32), o) for a, o in zip(arrays, outputs)]
        return i + 1, tf.reshape(results[0], []), results[1 : 1 + count], written

    variables = (tf.constant(0, tf.int64), going, list(states), arrays)
    invariants = (
        tf.TensorShape([]),
        tf.TensorShape([]),
        [relaxed(s, v) for s, v in zip(shapes, states)],
        [tf.TensorShape(None)] * len(arrays),
    )
    _, _, states, arrays = tf.while_loop(
        lambda i, going, *rest: (i < limit) & going, step, variables, shape_invariants=invariants
    )
    return [*states, *[a.stack() for a in arrays]]


def scan(body, states, inputs, dtypes, axes, directions, output_axes, output_directions):
    """ONNX's Scan: slices of the inputs in, states carried, slices of the outputs stacked."""
    moved = []
    for x, axis, backwards in zip(inputs, axes, directions):
        axis = axis % x.shape.rank
        order = [axis] + [i for i in range(x.shape.rank) if i != axis]
        x = tf.transpose(x, order)
        moved.append(tf.reverse(x, [0]) if backwards else x)
    count = tf.shape(moved[0])[0]
    arrays = [tf.TensorArray(d, size=count, infer_shape=False) for d in dtypes]

    def step(t, states, arrays):
        results = body(*states, *[x[t] for x in moved])
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        written = [a.write(t, o) for a, o in zip(arrays, results[len(states) :])]
        return t + 1, results[: len(states)], written

    _, states, arrays = tf.while_loop(
        lambda t, *rest: t < count, step, (tf.constant(0), list(states), arrays)
    )
    outputs = []
    for array, axis, backwards in zip(arrays, output_axes, output_directions):
        y = array.stack()
        y = tf.reverse(y, [0]) if backwards else y
        if axis:
            rank = len(y.shape)
            order = list(range(1, rank))
            order.insert(axis % rank, 0)
            y = tf.transpose(y, order)
        outputs.append(y)
    return [*states, *outputs]
