"""Runs in the JAX worker: functions of JAX, each exported as a user would, read as ONNX, and run by JAX."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from interop.converters.jax.programs import named, program_of, read_program
from interop.converters.jax.writing import write_onnx
from jax import export, lax

from interop.workers.failures import GuestFailure
from interop.workers.tensors import write_tensors

_RNG = np.random.default_rng(0)
X = _RNG.standard_normal((3, 5)).astype(np.float32)
Y = X[::-1].copy()
POSITIVE = np.abs(X) + np.float32(0.1)
IMAGE = _RNG.standard_normal((2, 8, 9, 4)).astype(np.float32)
KERNEL = _RNG.standard_normal((3, 3, 4, 6)).astype(np.float32)
GROUPED = _RNG.standard_normal((3, 3, 2, 6)).astype(np.float32)
HEADS = _RNG.standard_normal((2, 4, 3, 5)).astype(np.float32)
WHOLE = _RNG.integers(-9, 9, (3, 5)).astype(np.int32)
NOT_ZERO = np.where(WHOLE == 0, 3, WHOLE)[::-1].copy()
PAIRS = np.array([[0, 2], [1, 4], [2, 0]], np.int32)
ROWS = np.array([1, -1, 9], np.int32)  # of which one lies outside


def number(value):
    return np.int32(value)


def conv(a, b, padding="SAME", strides=(1, 1), **options):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(a, b, strides, padding, dimension_numbers=numbers, **options)


def step(carried, entry):
    return carried + entry, carried * entry


#: name → (function, shapes with words for open sizes (None: as the input is), inputs).
CASES = {
    "acosh": (lax.acosh, ["b,5"], [1 + POSITIVE]),
    "asin": (lax.asin, ["b,5"], [np.tanh(X)]),
    "atan2": (lax.atan2, ["b,5", "b,5"], [X, Y]),
    "cbrt": (lax.cbrt, ["b,5"], [X]),
    "erf": (lax.erf, ["b,5"], [X]),
    "erfc": (lax.erfc, ["b,5"], [3 * X]),
    "erf_inv": (lax.erf_inv, ["b,5"], [np.tanh(X)]),
    "expm1": (lax.expm1, ["b,5"], [X]),
    "log1p": (lax.log1p, ["b,5"], [POSITIVE]),
    "lgamma": (lax.lgamma, ["b,5"], [POSITIVE]),
    "round": (lax.round, ["b,5"], [np.round(4 * X) / 2]),
    "rem": (lax.rem, ["b,5", "b,5"], [X, Y]),
    "is_finite": (lambda a: lax.is_finite(1 / jnp.maximum(a, 0)), ["b,5"], [X]),
    "div_int": (lambda a, b: (lax.div(a, b), lax.rem(a, b), a // b, a % b), [None, None], [WHOLE, NOT_ZERO]),
    "bits": (lambda a, b: (a & b, a | b, a ^ b, ~a), [None, None], [WHOLE, NOT_ZERO]),
    "bits_without_sign": (lambda a: lax.bitcast_convert_type(a, jnp.uint32), [None], [WHOLE]),
    "shift_left": (lax.shift_left, [None, None], [WHOLE, np.abs(NOT_ZERO)]),
    "shift_arithmetic": (lax.shift_right_arithmetic, [None, None], [WHOLE, np.abs(NOT_ZERO)]),
    "shift_logical": (lax.shift_right_logical, [None, None], [WHOLE, np.abs(NOT_ZERO)]),
    "compare": (lambda a, b: (a == b, a != b, a < b, a <= b, a > b, a >= b), ["b,5", "b,5"], [WHOLE, NOT_ZERO]),
    "where": (lambda a, b: jnp.where(a > 0, a > b, b < 0), ["b,5", "b,5"], [X, Y]),
    "clamp": (lambda a: lax.clamp(-0.5, a, 0.5), ["b,5"], [X]),
    "convert": (lambda a: (a.astype("i4"), a.astype(bool), a.astype("f2")), ["b,5"], [X]),
    "u8": (lambda a: (a.astype("u1") + 200).astype("i4"), [None], [np.abs(WHOLE)]),
    "conv": (conv, ["b,8,9,4", None], [IMAGE, KERNEL]),
    "conv_open": (lambda a, b: conv(a, b, strides=(2, 2)), ["b,h,w,4", None], [IMAGE, KERNEL]),
    "conv_uneven": (lambda a, b: conv(a, b, ((1, 2), (0, 3)), (2, 3), rhs_dilation=(1, 2)), [None, None], [IMAGE, KERNEL]),
    "conv_spread": (lambda a, b: conv(a, b, ((1, 2), (2, 1)), lhs_dilation=(2, 1)), ["b,8,9,4", None], [IMAGE, KERNEL]),
    "conv_spread_stride": (lambda a, b: conv(a, b, ((1, 1), (2, 0)), (2, 1), lhs_dilation=(2, 2)), [None, None], [IMAGE, KERNEL]),
    "conv_spread_groups": (lambda a, b: conv(a, b, ((1, 1), (2, 0)), lhs_dilation=(2, 2), feature_group_count=2), [None, None], [IMAGE, GROUPED]),
    "conv_groups": (lambda a, b: conv(a, b, feature_group_count=2), ["b,8,9,4", None], [IMAGE, GROUPED]),
    "conv_transpose": (lambda a, b: lax.conv_transpose(a, b, (2, 2), "SAME"), ["b,8,9,4", None], [IMAGE, KERNEL]),
    "dot_batch": (lambda a, b: lax.dot_general(a, b, (((3,), (3,)), ((0, 1), (0, 1)))), ["b,8,9,4", "b,8,9,4"], [IMAGE, IMAGE]),
    "dot_many": (lambda a, b: lax.dot_general(a, b, (((3,), (2,)), ((), ()))), ["b,8,9,4", None], [IMAGE, KERNEL]),
    "dot_two": (lambda a, b: lax.dot_general(a, b, (((2, 3), (2, 3)), ((0,), (0,)))), [None, None], [IMAGE, IMAGE]),
    "dot_outer": (lambda a, b: jnp.outer(a[0], b[1]), [None, None], [X, Y]),
    "dot_small": (lambda a, b: lax.dot_general(a.astype("i1"), b.astype("i1"), (((1,), (1,)), ((), ())), preferred_element_type=jnp.int32), [None, None], [WHOLE, NOT_ZERO]),
    "einsum": (lambda a, b: jnp.einsum("bhqd,bkhd->bqkh", a, b), ["b,4,q,5", "b,k,4,5"], [HEADS, HEADS.transpose(0, 2, 1, 3).copy()]),
    "sums": (lambda a: (a.sum(0), a.max(1), a.min(), a.prod(1), a.mean(1), a.std(0)), ["b,5"], [X]),
    "truths": (lambda a: ((a > 0).any(1), (a > 0).all(0)), ["b,5"], [X]),
    "argmax": (lambda a: (a.argmax(1), a.argmin(0)), ["b,5"], [WHOLE]),
    "cumsum": (lambda a: (lax.cumsum(a, 0), lax.cumsum(a, 1, reverse=True)), ["b,5"], [X]),
    "cummax": (lambda a: (lax.cummax(a, 0), lax.cumprod(a, 1)), ["b,5"], [X]),
    "cumlogsumexp": (lambda a: lax.cumlogsumexp(a, 0, reverse=True), ["b,5"], [X]),
    "max_pool": (lambda a: nn.max_pool(a, (3, 3), (2, 2), "SAME"), ["b,h,w,4"], [IMAGE]),
    "avg_pool": (lambda a: nn.avg_pool(a, (3, 3), (2, 2), ((1, 1), (0, 1)), count_include_pad=False), ["b,8,9,4"], [IMAGE]),
    "min_windows": (lambda a: lax.reduce_window(a, 9, lax.min, (2, 2), (1, 2), "VALID"), [None], [WHOLE]),
    "sort": (lambda a: (jnp.sort(a, 1), jnp.argsort(a, 0), jnp.sort(a, 1, descending=True)), ["b,5"], [X]),
    "sort_by_two": (lambda a, b: lax.sort((a % 3, b), num_keys=2, dimension=1), [None, None], [WHOLE, X]),
    "top_k": (lambda a: lax.top_k(a, 3), ["b,5"], [X]),
    "median": (lambda a: jnp.median(a, 1), [None], [X]),
    "pad": (lambda a: lax.pad(a, 0.5, ((1, 2, 0), (-1, 3, 2))), ["b,5"], [X]),
    "pad_modes": (lambda a: (jnp.pad(a, 1, mode="edge"), jnp.pad(a, ((1, 1), (2, 0)), mode="reflect")), [None], [X]),
    "slices": (lambda a: (a[1:, ::2], a[::-1], a[-1], a[:, 1:-1]), ["b,5"], [X]),
    "slice_by_data": (lambda a, i: lax.dynamic_slice(a, (i, i + 1), (2, 3)), [None, None], [X, number(2)]),
    "update_by_data": (lambda a, i: lax.dynamic_update_slice(a, a[:2, :2] * 0, (i, i)), [None, None], [X, number(1)]),
    "update_row": (lambda a, i: lax.dynamic_update_slice(a, a[:1] * 0, (i, 0)), ["b,5", None], [X, number(1)]),
    "take": (lambda a, i: (jnp.take(a, i, axis=1), a[i[0] % 3]), ["b,5", "n,2"], [X, PAIRS]),
    "take_beyond": (lambda a, i: (a[i], jnp.take(a, i, axis=0, mode="clip")), ["b,5", "n"], [X, ROWS]),
    "gather_pairs": (lambda a, i: a[i[:, 0], i[:, 1]], [None, "n,2"], [X, PAIRS]),
    "gather_apart": (lambda a, i: (a[:, i[:, 0], :, i[:, 1] % 4], a[i[:, 0] % 2, :, i[:, 1]]), [None, None], [IMAGE, PAIRS]),
    "take_along": (lambda a, i: jnp.take_along_axis(a, i, axis=1), ["b,5", "b,2"], [X, PAIRS]),
    "windows_by_data": (lambda a, i: jax.vmap(lambda r, j: lax.dynamic_slice(r, (j,), (2,)))(a, i), [None, None], [X, ROWS]),
    "set": (lambda a, i: a.at[i[:, 0], i[:, 1]].set(2.0), [None, None], [X, PAIRS]),
    "add_rows": (lambda a, i, u: a.at[i].add(u), ["b,5", "n", "n,5"], [X, ROWS, Y]),
    "max_rows": (lambda a, i, u: (a.at[i].max(u), a.at[i].min(u), a.at[i].mul(u)), [None, None, None], [X, ROWS, Y]),
    "set_part": (lambda a, i: (a.at[:, 1:3].set(0), a.at[0:2, i % 5].set(1.0)), [None, None], [X, ROWS]),
    "set_windows": (lambda a, i: jax.vmap(lambda r, j: lax.dynamic_update_slice(r, jnp.ones(2), (j,)))(a, i), [None, None], [X, ROWS]),
    "segment_sum": (lambda a, i: jax.ops.segment_sum(a, i, 4), [None, None], [X, np.array([0, 3, 0], np.int32)]),
    "one_hot": (lambda i: jax.nn.one_hot(i, 5), ["n,2"], [PAIRS]),
    "scan": (lambda a: lax.scan(step, jnp.zeros(5), a), [None], [X]),
    "scan_open": (lambda a: lax.scan(step, jnp.zeros(a.shape[1]), a, reverse=True), ["t,b"], [X]),
    "scan_in_scan": (lambda a: lax.scan(lambda c, t: (lax.fori_loop(0, 3, lambda i, v: v + t.sum() * i, c), c), jnp.zeros(()), a), ["t,5"], [X]),
    "scan_that_looks_back": (lambda a: lax.fori_loop(1, 3, lambda i, c: c.at[i].add(c[i - 1]), a), [None], [X]),
    "fori_by_data": (lambda a, n: lax.fori_loop(1, n, lambda i, c: c * 0.5 + i, a), [None, None], [X, number(5)]),
    "while": (lambda a: lax.while_loop(lambda c: c.sum() < 100, lambda c: c * 1.5 + 1, a), ["b,5"], [POSITIVE]),
    "cond": (lambda a: lax.cond(a.sum() > 0, lambda v: v * 2, lambda v: v - 1, a), ["b,5"], [X]),
    "switch": (lambda a, i: lax.switch(i, [lambda v: v, lambda v: v * 2, lambda v: v * 3], a), [None, None], [X, number(7)]),
    "associative_scan": (lambda a: lax.associative_scan(jnp.add, a), [None], [X]),
    "softmax": (lambda a: (jax.nn.softmax(a), jax.nn.log_softmax(a, 0)), ["b,5"], [X]),
    "normalized": (lambda a, k, m, v: (conv(a, k) - m) * (lax.rsqrt(v + 1e-5) * m) + v, ["b,8,9,4", None, None, None], [IMAGE, KERNEL, KERNEL[0, 0, 0], np.abs(KERNEL[0, 0, 1])]),
    "normalized_across": (lambda a, m: (a - m) * (lax.rsqrt(m[:, None] ** 2 + 1e-5) * m) + m, [None, None], [X[:, :3].copy(), X[0, :3].copy()]),
    "activations": (lambda a: (jax.nn.silu(a), jax.nn.softplus(a), jax.nn.elu(a), jax.nn.mish(a), jax.nn.relu6(a)), ["b,5"], [X]),
    "attention": (lambda q: jax.nn.dot_product_attention(q, q, q, is_causal=True), ["b,t,3,5"], [HEADS]),
    "resize": (lambda a: jax.image.resize(a, (2, 16, 18, 4), "bilinear"), [None], [IMAGE]),
    "join": (lambda a: (jnp.concatenate([a, jnp.zeros((a.shape[0], 2))], 1), jnp.stack([a, a]), jnp.tile(a, (2, 3))), ["b,5"], [X]),
    "repeat": (lambda a: (jnp.repeat(a, 2, axis=0), jnp.roll(a, 2, axis=1)), ["b,5"], [X]),
    "reshape": (lambda a: (a.reshape(a.shape[0] * 2, -1), a.reshape(-1), a.T, a[:, None], a.swapaxes(0, 1).reshape(8, -1)), ["b,8,9,4"], [IMAGE]),
    "half_of_it": (lambda a: a[: (a.shape[0] + 1) // 2] * a.shape[0], ["b,5"], [X]),
    "positions": (lambda a: a + jnp.arange(a.shape[0])[:, None], ["b,5"], [X]),
    "triangle": (jnp.tril, ["b,c"], [X]),
    "search": (lambda a, v: jnp.searchsorted(a, v), [None, None], [np.sort(X[0]), X[1]]),
    "unique": (lambda i: jnp.unique(i, size=3), [None], [PAIRS]),
    "histogram": (lambda a: jnp.histogram(a, 4, (-2, 2))[0], [None], [X]),
    "gradient": (lambda a: jax.grad(lambda v: jnp.sum(jnp.tanh(v) @ v.T))(a), [None], [X]),
}  # fmt: skip

#: What has no ONNX form, and the name that is told.
REFUSED = {
    "fft": (lambda a: jnp.abs(jnp.fft.rfft(a)), "complex"),
    "cholesky": (lambda a: jnp.linalg.cholesky(a @ a.T + jnp.eye(3)), "lapack_spotrf"),
    "bits_as_floats": (lambda a: lax.bitcast_convert_type(a, jnp.int32), "bits of float32 as int32"),
    "random": (lambda a: a + jax.random.normal(jax.random.key(0), (5,)), "bits of uint32 as float32"),
    "max_pool_gradient": (jax.grad(lambda a: nn.max_pool(a[None, :, :, None], (2, 2)).sum()), "select_and_scatter"),
}  # fmt: skip


def export_function(function, shapes, inputs):
    """A program with the open sizes that `shapes` name, as from a file."""
    scope = export.SymbolicScope()
    arguments = [
        jax.ShapeDtypeStruct(
            value.shape if shape is None else export.symbolic_shape(shape, scope=scope), value.dtype
        )
        for shape, value in zip(shapes, inputs, strict=True)
    ]
    return export.export(jax.jit(function))(*arguments).serialize()


def read_functions(folder):
    """Of each case: <name>.onnx, `<name>-in` and `<name>-out` with what JAX computes, in `folder`.

    Returns what each could not be written for, "" where it was.
    """
    messages = {}
    for name, (function, shapes, inputs) in CASES.items():
        program = program_of(export.deserialize(export_function(function, shapes, inputs)))
        write_tensors(
            f"{folder}/{name}-in", dict(zip(program.inputs, map(np.asarray, inputs), strict=True))
        )
        results = named(program.exported.call(*inputs))
        write_tensors(
            f"{folder}/{name}-out", {key: np.asarray(value) for key, value in results.items()}
        )
        messages[name] = ""
        try:
            write_onnx(program, program.specs(), Path(folder) / f"{name}.onnx")
        except GuestFailure as failure:
            messages[name] = failure.message
    jax.clear_caches()
    return messages


def save_function(name, path):
    """The program of a case, or of what is refused, as a file of the user's."""
    function, shapes, inputs = CASES[name] if name in CASES else (REFUSED[name][0], ["3,5"], [X])
    Path(path).write_bytes(export_function(function, shapes, inputs))
    return {"said": REFUSED[name][1] if name in REFUSED else ""}


def save_user_program(path):
    """A network whose weights are an argument of their own, bound or not as `weights` says."""

    def network(parameters, image):
        hidden = jax.nn.relu(conv(image, parameters["kernel"]))
        return {
            "scores": hidden.mean((1, 2)) @ parameters["head"],
            "largest": hidden.max((1, 2, 3)),
        }

    parameters = {"kernel": KERNEL, "head": np.ones((6, 3), np.float32)}
    (batch,) = export.symbolic_shape("batch")
    image = jax.ShapeDtypeStruct((batch, 8, 9, 4), np.float32)
    bound = jax.jit(lambda image: network(parameters, image))
    Path(path).write_bytes(export.export(bound)(image).serialize())
    free = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), parameters)
    data = export.export(jax.jit(network))(free, image).serialize()
    return {"inputs": program_of(export.deserialize(data)).inputs}


def operators_of(kind, path):
    """Write GELU as JAX has it ("exact", "tanh"), or with a number that is a little off ("off")."""
    functions = {
        "exact": lambda a: jax.nn.gelu(a, approximate=False),
        "tanh": jax.nn.gelu,
        "off": lambda a: 0.5 * a * lax.erfc(-a * np.float32(0.70712)),
    }
    Path(f"{path}.jax").write_bytes(export_function(functions[kind], ["b,5"], [X]))
    program = read_program(Path(f"{path}.jax"))
    write_onnx(program, program.specs(), Path(path))
    return {}


OPERATIONS = {
    "operators_of": operators_of,
    "read_functions": read_functions,
    "save_function": save_function,
    "save_user_program": save_user_program,
}
