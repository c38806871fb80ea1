"""Inputs to prove a conversion on: several sets, of several batch sizes and scales, by seed.

A dimension takes, in this order: its own size; the caller's `sizes[name]`; the set's batch size
where it is a leading dimension; 64 where it is another dimension of a rank-4 float input (an
image); else 16. Dimensions of one name have one size in all the inputs of a set; a dimension that
has no name of its own goes by that of its input and axis ("input:1").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from onnx import ModelProto

from interop.errors import InvalidModel, UsageError
from interop.parity.bounds import Allowed, allowed_values
from interop.signature import Signature, TensorSpec

Array = np.ndarray[Any, Any]

IMAGE_SIDE = 64
OTHER_SIDE = 16


@dataclass(frozen=True)
class InputSet:
    """Arrays by input name, with a label for people ("batch 2, normal x 0.1")."""

    label: str
    arrays: dict[str, Array] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        shapes = {name: list(array.shape) for name, array in self.arrays.items()}
        return {"label": self.label, "shapes": shapes}


@dataclass(frozen=True)
class Recipe:
    batch: int
    kind: str  # "normal" or "uniform" (0 to 1, as images are)
    scale: float

    @property
    def label(self) -> str:
        return f"batch {self.batch}, {self.kind} x {self.scale:g}"


#: In this order; a longer run goes round again with other numbers.
RECIPES = (
    Recipe(1, "normal", 1.0),
    Recipe(2, "uniform", 1.0),
    Recipe(3, "normal", 0.1),
    Recipe(2, "normal", 4.0),
)


def input_sets(
    model: ModelProto,
    signature: Signature,
    *,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
    count: int = len(RECIPES),
    bounds: Mapping[str, int] | None = None,
    fixed: Mapping[str, Array] | None = None,
) -> tuple[InputSet, ...]:
    """`count` input sets for a canonical (inlined, shape-inferred) model, the same for one seed.

    `sizes` gives symbolic dimensions by name, `bounds` the exclusive upper limit of integer
    inputs by name, `fixed` whole arrays by input name. Other integers are held inside the tables
    that they index (see bounds.py); those that index nothing are 0 or 1, as masks are, and the
    first along the last axis is 1, so that no mask hides everything.

    Raises InvalidModel for an input of unknown rank and UsageError for a name that is no input.
    """
    sizes, bounds, fixed = dict(sizes or {}), dict(bounds or {}), dict(fixed or {})
    _know_names(signature, sizes, {*bounds, *fixed})
    allowed = allowed_values(model)
    for name, limit in bounds.items():
        allowed[name] = Allowed(high=limit)
    sets = []
    for index in range(count):
        recipe = RECIPES[index % len(RECIPES)]
        resolved = dict(sizes)
        for name, array in fixed.items():
            _check(signature_input(signature, name), array, resolved, "fixed input")
        arrays = {}
        for number, spec in enumerate(signature.inputs):
            rng = np.random.default_rng([seed, index, number])
            shape = _shape(spec, recipe.batch, resolved)
            if spec.name in fixed:
                arrays[spec.name] = np.asarray(fixed[spec.name])
            else:
                limits = allowed.get(spec.name, Allowed())
                arrays[spec.name] = _draw(spec, shape, recipe, limits, rng, index)
        sets.append(InputSet(recipe.label, arrays))
    return tuple(sets)


def load_input_sets(path: Path, signature: Signature) -> tuple[InputSet, ...]:
    """The user's own inputs from an .npz: one array per input name makes one set, names of the
    form "label/name" make a set for each label.

    Raises UsageError where the file cannot be read, or names, dtypes or shapes do not match.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            loaded = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise UsageError(
            f"{path} cannot be read as .npz input: {error}",
            hint="Save plain arrays with numpy.savez(path, input_name=array, ...).",
        ) from error
    names = {spec.name for spec in signature.inputs}
    groups: dict[str, dict[str, Array]] = {}
    for key, array in loaded.items():
        label, name = ("inputs", key) if key in names else _split(key)
        groups.setdefault(label, {})[name] = array
    if not groups:
        raise UsageError(f"{path} holds no arrays", hint=f"It needs: {', '.join(sorted(names))}.")
    return tuple(_validated(label, arrays, signature, path) for label, arrays in groups.items())


def signature_input(signature: Signature, name: str) -> TensorSpec:
    return next(spec for spec in signature.inputs if spec.name == name)


def _split(key: str) -> tuple[str, str]:
    label, _, name = key.partition("/")
    return (label, name) if name else ("inputs", key)


def _validated(label: str, arrays: dict[str, Array], signature: Signature, path: Path) -> InputSet:
    wanted = [spec.name for spec in signature.inputs]
    if set(arrays) != set(wanted):
        missing = sorted(set(wanted) - set(arrays))
        extra = sorted(set(arrays) - set(wanted))
        raise UsageError(
            f"{path} ({label}): inputs missing: {missing or 'none'}, unknown: {extra or 'none'}",
            hint=f"The model takes: {', '.join(wanted)}.",
        )
    resolved: dict[str, int] = {}
    for spec in signature.inputs:
        _check(spec, arrays[spec.name], resolved, f"{path} ({label})")
    return InputSet(label, {name: arrays[name] for name in wanted})


def _check(spec: TensorSpec, array: Array, resolved: dict[str, int], where: str) -> None:
    """Raise UsageError unless `array` fits `spec`; note the sizes that it gives to symbols."""
    array = np.asarray(array)
    if array.dtype.name != spec.dtype:
        raise UsageError(
            f"{where}: {spec.name!r} is {array.dtype.name}, the model takes {spec.dtype}",
            hint=f"Convert it with .astype({spec.dtype!r}).",
        )
    if spec.shape is None:
        return
    fits = array.ndim == len(spec.shape)
    for dim, size in zip(spec.shape, array.shape, strict=False):
        if isinstance(dim, int):
            fits &= dim == size
        elif isinstance(dim, str):
            fits &= resolved.setdefault(dim, size) == size
    if not fits:
        raise UsageError(
            f"{where}: {spec.name!r} has shape {list(array.shape)}, "
            f"the model takes {list(spec.shape)}" + (f" with {resolved}" if resolved else ""),
            hint="Dimensions of one name must have one size in all the inputs.",
        )


def _know_names(signature: Signature, sizes: Mapping[str, int], inputs: set[str]) -> None:
    known = {spec.name for spec in signature.inputs}
    if inputs - known:
        raise UsageError(
            f"no such input: {', '.join(sorted(inputs - known))}",
            hint=f"The model takes: {', '.join(sorted(known))}.",
        )
    symbols = {
        dim if isinstance(dim, str) else f"{spec.name}:{axis}"
        for spec in signature.inputs
        for axis, dim in enumerate(spec.shape or ())
        if not isinstance(dim, int) or dim < 0
    }
    if set(sizes) - symbols:
        raise UsageError(
            f"no such dimension: {', '.join(sorted(set(sizes) - symbols))}",
            hint=f"The model's symbolic dimensions: {', '.join(sorted(symbols)) or 'none'}.",
        )


def _shape(spec: TensorSpec, batch: int, resolved: dict[str, int]) -> tuple[int, ...]:
    if spec.shape is None:
        raise InvalidModel(
            f"input {spec.name!r} has no known shape, so no input can be made for it",
            hint=f"Give one by --inputs FILE.npz with an array named {spec.name!r}.",
        )
    image = len(spec.shape) == 4 and _is_float(spec.dtype)
    shape = []
    for axis, dim in enumerate(spec.shape):
        if isinstance(dim, int) and dim >= 0:
            shape.append(dim)
            continue
        size = batch if axis == 0 else IMAGE_SIDE if image else OTHER_SIDE
        name = dim if isinstance(dim, str) else f"{spec.name}:{axis}"
        shape.append(resolved.setdefault(name, size))
    return tuple(shape)


def _is_float(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat"))


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)


def _draw(
    spec: TensorSpec,
    shape: tuple[int, ...],
    recipe: Recipe,
    limits: Allowed,
    rng: np.random.Generator,
    index: int,
) -> Array:
    if _is_float(spec.dtype) and limits.high is None:
        unit = rng.random(shape) if recipe.kind == "uniform" else rng.standard_normal(shape)
        return np.asarray(unit * recipe.scale).astype(_dtype(spec.dtype))
    if spec.dtype == "bool":
        return _mask(rng, shape).astype(np.bool_)
    if _is_float(spec.dtype):
        return _indices(spec, shape, limits, rng)
    if not np.issubdtype(_dtype(spec.dtype), np.integer):
        raise InvalidModel(
            f"input {spec.name!r} is of type {spec.dtype}, for which no values can be made up",
            hint="Give your own by --inputs FILE.npz.",
        )
    if limits.high is not None:
        return _indices(spec, shape, limits, rng)
    if limits.choices:
        choice = limits.choices[index % len(limits.choices)]
        return np.full(shape, choice, dtype=spec.dtype)
    return np.asarray(np.maximum(_mask(rng, shape), limits.low), dtype=spec.dtype)


def _indices(
    spec: TensorSpec, shape: tuple[int, ...], limits: Allowed, rng: np.random.Generator
) -> Array:
    assert limits.high is not None
    largest = None if _is_float(spec.dtype) else np.iinfo(spec.dtype).max + 1
    high = limits.high if largest is None else min(limits.high, largest)
    if high <= limits.low:
        raise InvalidModel(
            f"input {spec.name!r} has no value that stays inside the table it indexes "
            f"(from {limits.low}, below {high})",
            hint="Give your own by --inputs FILE.npz.",
        )
    return np.asarray(rng.integers(limits.low, high, size=shape), dtype=spec.dtype)


def _mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Zeros and ones, three ones in four, the first along the last axis always 1."""
    mask = np.asarray(rng.random(shape) < 0.75).astype(np.int64)
    if mask.ndim:
        mask[..., 0] = 1
    return mask
