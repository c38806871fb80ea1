"""What a lowering sees of an ONNX value, and how it refuses one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from interop.source.expression import Expression


class Refusal(Exception):
    """A lowering cannot express a node; the text says why."""


class NonNegative(Expression):
    """A size that cannot be below zero, so that `//` and `%` mean what ONNX's Div and Mod do."""


class Value(Expression):
    """The value of an ONNX name in the module being written.

    `dtype` is a NumPy name; `shape` has None for dimensions that are not known, and is None where
    the rank is not; `constant` is the value itself where it is known at conversion.
    """

    def __init__(
        self,
        name: str,
        dtype: str | None,
        shape: tuple[int | None, ...] | None,
        render: Callable[[], str],
    ) -> None:
        super().__init__("")
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self._render = render

    @property
    def text(self) -> str:
        return self._render()

    @property
    def constant(self) -> np.ndarray | None:
        return None

    @property
    def elements(self) -> tuple[int | Expression, ...] | None:
        """The entries of a vector (or scalar) of integers that conversion can name; else None.

        Numbers for a constant, expressions such as `x.shape[0]` for sizes (interop.source.sizes).
        """
        if self.constant is None or self.constant.dtype.kind not in "iu" or self.constant.ndim > 1:
            return None
        return tuple(int(entry) for entry in self.constant.reshape(-1))

    @property
    def known_rank(self) -> int:
        """The rank; a Refusal where it is not known."""
        if self.shape is None:
            raise Refusal(f"the rank of '{self.name}' is not known")
        return len(self.shape)

    @property
    def known_dtype(self) -> str:
        if self.dtype is None:
            raise Refusal(f"the dtype of '{self.name}' is not known")
        return self.dtype

    def dim(self, axis: int) -> int | None:
        """The size along `axis`, or None where it is not known."""
        return None if self.shape is None else self.shape[axis]

    def size(self, axis: int) -> int | Expression:
        """The size along `axis`: a number where it is known, else `x.shape[axis]`."""
        known = self.dim(axis)
        return NonNegative(f"{self.text}.shape[{axis}]") if known is None else known

    def required(self, what: str) -> np.ndarray:
        """The constant value; a Refusal that names its role where there is none."""
        if self.constant is None:
            raise Refusal(f"{what} ('{self.name}') must be constant")
        return self.constant

    def ints(self, what: str) -> list[int]:
        """A constant vector (or scalar) of integers."""
        return [int(entry) for entry in self.required(what).reshape(-1)]


class Constant(Value):
    """A value known at conversion: printed as a literal, or kept as a weight, on first use."""

    def __init__(
        self, name: str, array: np.ndarray, keep: Callable[[str, np.ndarray, str], str]
    ) -> None:
        """`keep(name, array, variant)` gives the text under which the module holds the array."""
        super().__init__(name, array.dtype.name, array.shape, lambda: keep(name, array, ""))
        self._array = array
        self._keep = keep

    @property
    def constant(self) -> np.ndarray:
        return self._array

    def stored(self, array: np.ndarray, variant: str) -> Value:
        """The same weight under the same name, kept in another form (transposed, reordered).

        `variant` tells forms apart where a model needs more than one.
        """
        return Value(
            self.name,
            array.dtype.name,
            array.shape,
            lambda: self._keep(self.name, array, variant),
        )

    def as_dtype(self, dtype: str) -> Constant:
        """The same constant in another dtype, kept as such."""

        def keep(name: str, array: np.ndarray, variant: str) -> str:
            return self._keep(name, array, f"{dtype}{variant}")

        return Constant(self.name, self._array.astype(dtype), keep)

    def derived(self, variant: str, array: np.ndarray) -> Constant:
        """Another constant, computed from this one; kept as a weight of its own."""
        return Constant(f"{self.name}_{variant}", array, self._keep)

    def permuted(self, order: Sequence[int]) -> Value:
        return self.stored(
            np.ascontiguousarray(self._array.transpose(order)), "_".join(map(str, order))
        )


class Unpack:
    """A lowering's answer where one expression gives all `count` outputs: printed as `a, b = …`."""

    def __init__(self, expression: Expression, count: int) -> None:
        self.expression = expression
        self.count = count
