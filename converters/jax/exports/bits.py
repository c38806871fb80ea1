"""Bits of whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.tensors import Refused, Tensor
from interop.converters.jax.exports.writing import Writer


def shift(direction: str, *, signed: bool) -> Callable[..., str]:
    """Shifts of unsigned numbers, and of signed ones by what they are without a sign.

    By as many bits as there are, or more, nothing is left (or the sign alone).
    """

    def entry(w: Writer, dtype: str, x: str, by: str) -> str:
        bits = np.dtype(dtype).itemsize * 8
        if signed:
            return _shift_with_sign(w, dtype, x, by, bits)
        wide = "uint64" if bits > 32 else "uint32"
        plain_x = w.cast(w.cast(x, dtype, f"uint{bits}"), f"uint{bits}", wide)
        count = w.cast(w.cast(by, dtype, f"uint{bits}"), f"uint{bits}", wide)
        whole, zero = w.constant(bits, wide), w.constant(0, wide)
        all_out = w.once("GreaterOrEqual", count, whole)
        moved = w.once(
            "BitShift", plain_x, w.once("Where", all_out, zero, count), direction=direction
        )
        kept = w.once("Where", all_out, zero, moved)
        return w.cast(w.cast(kept, wide, f"uint{bits}"), f"uint{bits}", dtype)

    return entry


def _shift_with_sign(w: Writer, dtype: str, x: str, by: str, bits: int) -> str:
    """x / 2 ** by, rounded down."""
    if bits > 32:
        raise Refused("a shift of 64 bits that keeps the sign")
    wide, most = w.cast(x, dtype, "int64"), w.constant(bits - 1)
    power = w.once("Pow", w.constant(2), w.once("Min", w.cast(by, dtype, "int64"), most))
    low = w.once("Sub", wide, w.once("Mod", wide, power))
    return w.cast(w.once("Div", low, power), "int64", dtype)


def bitcast(op: Op) -> Tensor:
    """Whole numbers of one width, with a sign or without; what bits are as a float, ONNX cannot say."""
    x, after = op.operands[0], op.dtype
    whole = all(np.dtype(one).kind in "iu" for one in (x.dtype, after))
    if not whole or np.dtype(x.dtype).itemsize != np.dtype(after).itemsize:
        raise Refused(f"the bits of {x.dtype} as {after}")
    return op.made(op.w.cast(op.w.full(x), x.dtype, after), x.sizes)
