"""Inputs to prove a conversion on: several sets, of several batch sizes and scales, by seed.

These are the few for every conversion; wide.py makes more, and searches for those that find
faults. How a set is drawn, and which sizes dynamic dimensions take, stands in recipes.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto

from interop.errors import UsageError
from interop.parity.inputs.recipes import Recipe, draw, open_dims
from interop.parity.inputs.roles import roles
from interop.parity.inputs.sets import InputSet, check
from interop.parity.inputs.values import Array
from interop.signature import Signature

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
    that they index and the axes whose length they give (see bounds.py); those that are neither are
    0 or 1, as masks are, and the first along the last axis is 1, so that no mask hides everything.

    Raises InvalidModel for an input of unknown rank and UsageError for a name that is no input.
    """
    sizes, bounds, fixed = dict(sizes or {}), dict(bounds or {}), dict(fixed or {})
    know_names(signature, sizes, {*bounds, *fixed})
    for spec in signature.inputs:
        if spec.name in fixed:
            check(spec, fixed[spec.name], sizes, "fixed input")
    found = roles(model, bounds)
    sets = []
    for index in range(count):
        recipe = RECIPES[index % len(RECIPES)]
        arrays = draw(recipe, signature, found, sizes, seed=seed, index=index, fixed=fixed)
        sets.append(InputSet(recipe.label, arrays))
    return tuple(sets)


def know_names(signature: Signature, sizes: Mapping[str, int], inputs: set[str]) -> None:
    """Raise UsageError for a size of no dimension, or for an input that the model has not."""
    known = {spec.name for spec in signature.inputs}
    if inputs - known:
        raise UsageError(
            f"no such input: {', '.join(sorted(inputs - known))}",
            hint=f"The model takes: {', '.join(sorted(known))}.",
        )
    symbols = {name for spec in signature.inputs for _, name in open_dims(spec)}
    if set(sizes) - symbols:
        raise UsageError(
            f"no such dimension: {', '.join(sorted(set(sizes) - symbols))}",
            hint=f"The model's symbolic dimensions: {', '.join(sorted(symbols)) or 'none'}.",
        )
