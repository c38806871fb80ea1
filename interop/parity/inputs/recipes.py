"""How one set of inputs is made: its batch, what its floats are, how its masks lie, its sizes.

A dimension takes, in this order: its own size; the recipe's or the caller's size of that name; the
set's batch size where it is a leading dimension; 64 where it is another dimension of a rank-4 float
input (an image); else 16. Dimensions of one name have one size in all the inputs of a set; a
dimension that has no name of its own goes by that of its input and axis ("input:1").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from interop.errors import InvalidModel
from interop.parity.inputs import values
from interop.parity.inputs.bounds import Allowed
from interop.parity.inputs.roles import Roles
from interop.parity.inputs.values import Array, Shape
from interop.signature import Signature, TensorSpec

IMAGE_SIDE = 64
OTHER_SIDE = 16

#: Told apart from the numbers of inputs where a seed of its own is needed.
_COUNTS = 1_000_000


@dataclass(frozen=True)
class Recipe:
    """`kind`: of floats (values.FLOATS); `masks`: "scattered", "padded", "padded left" or "full";
    `ends`: indices from the ends of their tables alone, and whole numbers of all sizes and signs;
    `sizes`: of dynamic dimensions that are to differ from the usual; `purpose`: in words."""

    batch: int
    kind: str
    scale: float = 1.0
    masks: str = "scattered"
    ends: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    purpose: str = ""

    @property
    def label(self) -> str:
        made = f"batch {self.batch}, {self.kind} x {self.scale:g}"
        return f"{made}: {self.purpose}" if self.purpose else made


def draw(
    recipe: Recipe,
    signature: Signature,
    roles: Roles,
    sizes: Mapping[str, int],
    *,
    seed: int,
    index: int,
    fixed: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """The arrays of set number `index`, by input name; those of `fixed` as they are.

    Raises InvalidModel for an input of unknown rank or of a type for which there are no values.
    """
    fixed = fixed or {}
    resolved = {**sizes, **recipe.sizes}
    shapes = {spec.name: shape_of(spec, recipe.batch, resolved) for spec in signature.inputs}
    arrays = {}
    for number, spec in enumerate(signature.inputs):
        if spec.name in fixed:
            arrays[spec.name] = np.asarray(fixed[spec.name])
            continue
        drawing = _Drawing(recipe, roles, resolved, seed, index, number)
        arrays[spec.name] = drawing.of(spec, shapes[spec.name])
    return arrays


def shape_of(spec: TensorSpec, batch: int, resolved: dict[str, int]) -> Shape:
    """The shape that `spec` takes; sizes chosen here are noted in `resolved`."""
    if spec.shape is None:
        raise InvalidModel(
            f"input {spec.name!r} has no known shape, so no input can be made for it",
            hint=f"Give one by --data FILE.npz with an array named {spec.name!r}.",
        )
    usual = IMAGE_SIDE if is_image(spec) else OTHER_SIDE
    shape = []
    for axis, dim in enumerate(spec.shape):
        if isinstance(dim, int) and dim >= 0:
            shape.append(dim)
            continue
        size = usual if axis else batch
        shape.append(resolved.setdefault(symbol(spec, axis), size))
    return tuple(shape)


def is_image(spec: TensorSpec) -> bool:
    return spec.shape is not None and len(spec.shape) == 4 and values.is_float(spec.dtype)


def symbol(spec: TensorSpec, axis: int) -> str:
    """The name that a dynamic dimension goes by."""
    assert spec.shape is not None
    dim = spec.shape[axis]
    return dim if isinstance(dim, str) else f"{spec.name}:{axis}"


def open_dims(spec: TensorSpec) -> Iterator[tuple[int, str]]:
    """(axis, name) of each dynamic dimension of `spec`."""
    for axis, dim in enumerate(spec.shape or ()):
        if not isinstance(dim, int) or dim < 0:
            yield axis, symbol(spec, axis)


@dataclass(frozen=True)
class _Drawing:
    """The drawing of one array: input `number` of set `index`."""

    recipe: Recipe
    roles: Roles
    sizes: Mapping[str, int]
    seed: int
    index: int
    number: int

    def of(self, spec: TensorSpec, shape: Shape) -> Array:
        rng = np.random.default_rng([self.seed, self.index, self.number])
        limits = self.roles.allowed.get(spec.name, Allowed()).sized(self.sizes)
        dtype = values.dtype_of(spec.dtype)
        if spec.name in self.roles.masks and (limits.high is None or self._padding):
            return self._mask(shape, rng).astype(dtype)
        if limits.length and limits.high is not None:
            return self._length(shape, limits.high - 1, rng).astype(dtype)
        if limits.high is not None:
            return values.indices(spec, shape, limits, rng, ends=self.recipe.ends)
        if values.is_float(spec.dtype):
            if spec.name in self.roles.additive and self._padding:
                return ((1 - self._mask(shape, rng)) * values.HIDDEN).astype(dtype)
            return values.floats(self.recipe.kind, shape, spec.dtype, self.recipe.scale, rng)
        if not np.issubdtype(dtype, np.integer):
            raise InvalidModel(
                f"input {spec.name!r} is of type {spec.dtype}, for which no values can be made up",
                hint="Give your own by --data FILE.npz.",
            )
        return self._whole(spec, shape, limits, rng)

    @property
    def _padding(self) -> bool:
        return self.recipe.masks != "scattered"

    def _whole(
        self, spec: TensorSpec, shape: Shape, limits: Allowed, rng: np.random.Generator
    ) -> Array:
        if self.recipe.ends and spec.name in self.roles.numbers:
            return values.numbers(shape, spec.dtype, rng)
        if set(limits.choices) - {0, 1}:
            choice = limits.choices[self.index % len(limits.choices)]
            return np.full(shape, choice, dtype=spec.dtype)
        return np.asarray(np.maximum(values.scattered(shape, rng), limits.low), dtype=spec.dtype)

    def _mask(self, shape: Shape, rng: np.random.Generator) -> Array:
        style = self.recipe.masks
        if not shape or (style == "scattered" and not self.roles.lengths):
            return values.scattered(shape, rng)
        left = style == "padded left" and not self.roles.lengths  # lengths count from the start
        return values.padded(shape, self._counts(shape[0], shape[-1]), left=left)

    def _length(self, shape: Shape, size: int, rng: np.random.Generator) -> Array:
        rows = shape[0] if shape else 1
        if int(np.prod(shape)) == rows:
            return self._counts(rows, size).reshape(shape)
        return np.asarray(rng.integers(1, size + 1, shape))

    def _counts(self, rows: int, size: int) -> Array:
        """One answer for all inputs of a set, so that lengths and masks agree."""
        rng = np.random.default_rng([self.seed, self.index, _COUNTS, rows, size])
        return values.counts(self.recipe.masks, rows, size, rng)
