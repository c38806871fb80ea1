"""Inputs that find faults: the quick sets, others that each look for one kind of fault, and the
fewest scales at which every threshold of the model is met on both sides.

Each set is tried on ONNX Runtime first: one that the model does not run on (an odd image, say), or
that leaves some output without a finite element, proves nothing; it is left out and named. So is a
scale at which ONNX Runtime itself leaves the truth (its Sigmoid is 0 where the true value is 1e-13):
there is no floor to measure anybody by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from onnx import ModelProto

from interop.parity.floor.noise import disputed
from interop.parity.floor.runs import floor_runs
from interop.parity.inputs.coverage import Coverage, Observer, Sight, smallest_cover
from interop.parity.inputs.quick import RECIPES, know_names
from interop.parity.inputs.recipes import Recipe, draw, is_image, open_dims, shape_of
from interop.parity.inputs.roles import Roles, roles
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.values import is_float
from interop.parity.truth.evaluator import Truth
from interop.parity.truth.randomness import random_nodes
from interop.signature import Signature

#: Beyond the quick sets. Those of floats are for models that take any.
INTEGERS = (Recipe(2, "normal", masks="padded left", ends=True, purpose="ends of the tables"),)
FLOATS = (
    Recipe(2, "normal", 1e-3, masks="padded left", purpose="small values"),
    Recipe(1, "zeros", masks="full", purpose="zeros"),
    Recipe(2, "edges", masks="padded", ends=True, purpose="zeros and denormals among others"),
)
NON_FINITE = Recipe(4, "non-finite", masks="full", purpose="NaN and infinity pass through")

#: Unlike the batch of the other sets, and of any export.
OTHER_BATCH = 5

#: Where thresholds are searched for, from the nearest; "negative" is uniform from -1 to 0.
SCALES = (4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)
KINDS = ("normal", "uniform", "negative")


@dataclass(frozen=True)
class Wide:
    """The sets, what they exercise, and what was left out: (label, reason)."""

    sets: tuple[InputSet, ...]
    coverage: Coverage
    dropped: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Without the sets."""
        dropped = [{"label": label, "reason": reason} for label, reason in self.dropped]
        return {**self.coverage.to_json(), "dropped": dropped}


def wide_input_sets(
    model: ModelProto,
    signature: Signature,
    *,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
    bounds: Mapping[str, int] | None = None,
) -> tuple[InputSet, ...]:
    """The sets of `wide_inputs` alone."""
    return wide_inputs(model, signature, seed=seed, sizes=sizes, bounds=bounds).sets


def wide_inputs(
    model: ModelProto,
    signature: Signature,
    *,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
    bounds: Mapping[str, int] | None = None,
    non_finite: bool = False,
) -> Wide:
    """Input sets for a canonical model, weights included: the same for one seed.

    `sizes` are the usual sizes of dynamic dimensions (one set takes others), `bounds` the exclusive
    upper limits of integer inputs, both by name. `non_finite` adds a set with NaN and infinities.

    Raises InvalidModel where no input can be made or ONNX Runtime cannot load the model, UsageError
    for a name that the model has not.
    """
    sizes, bounds = dict(sizes or {}), dict(bounds or {})
    know_names(signature, sizes, set(bounds))
    search = _Search(model, signature, roles(model, bounds), sizes, seed)
    for recipe in RECIPES:
        search.keep(recipe)
    search.first_that_runs(_other_sizes(signature, sizes))
    search.first_that_runs(_shortest(signature))
    for recipe in INTEGERS if search.takes_integers else ():
        search.first_that_runs([recipe])
    if search.takes_floats:
        for recipe in FLOATS:
            search.first_that_runs([recipe])
        search.scales()
    if non_finite:
        search.keep(NON_FINITE)
    return search.result()


class _Search:
    """The sets found so far, each with what its run showed."""

    def __init__(
        self,
        model: ModelProto,
        signature: Signature,
        found: Roles,
        sizes: Mapping[str, int],
        seed: int,
    ) -> None:
        self._model, self._observer = model, Observer(model)
        self._signature, self._roles = signature, found
        self._sizes, self._seed = sizes, seed
        self._drawn = 0
        self._sets: list[InputSet] = []
        self._sights: list[Sight] = []
        self._dropped: list[tuple[str, str]] = []

    @property
    def takes_floats(self) -> bool:
        """Whether some input is a float that nothing limits."""
        found = self._roles
        taken = {*found.masks, *(n for n, one in found.allowed.items() if one.high is not None)}
        return any(is_float(s.dtype) and s.name not in taken for s in self._signature.inputs)

    @property
    def takes_integers(self) -> bool:
        return any(not is_float(spec.dtype) for spec in self._signature.inputs)

    def keep(self, recipe: Recipe) -> None:
        """Whatever its run shows: who runs the set says what is wrong with it."""
        one, sight = self._try(recipe)
        self._sets.append(one)
        self._sights.append(sight)

    def first_that_runs(self, recipes: list[Recipe]) -> None:
        """Keep the first of alternatives that proves something, and name those before it."""
        for recipe in recipes:
            one, sight = self._try(recipe)
            if sight.finite:
                self._sets.append(one)
                self._sights.append(sight)
                return
            self._dropped.append((one.label, sight.refused or "an output has no finite element"))

    def scales(self) -> None:
        """Growing scales until every threshold is met; of them the fewest that meet as much."""
        tried: list[tuple[InputSet, Sight]] = []
        for scale in SCALES:
            for kind in KINDS:
                if not self._missed([sight for _, sight in tried]):
                    break
                one, sight = self._try(Recipe(1, kind, scale, masks="full", purpose="thresholds"))
                if sight.finite:
                    tried.append((one, sight))
        for one, sight in self._cover(tried):
            self._sets.append(one)
            self._sights.append(sight)

    def _cover(self, tried: list[tuple[InputSet, Sight]]) -> list[tuple[InputSet, Sight]]:
        """The fewest of `tried` that meet as much as all, none of which is disputed."""
        kept = range(len(self._sights))
        sights = [*self._sights, *(sight for _, sight in tried)]
        chosen = [tried[index - len(kept)] for index in smallest_cover(sights, kept)]
        for one, sight in chosen:
            if _disputed(self._model, one):
                self._dropped.append((one.label, "ONNX Runtime does not follow the truth there"))
                return self._cover([(o, s) for o, s in tried if s is not sight])
        return chosen

    def result(self) -> Wide:
        coverage = self._observer.coverage(self._sights)
        return Wide(tuple(self._sets), coverage, tuple(self._dropped))

    def _missed(self, more: list[Sight]) -> bool:
        return bool(self._observer.coverage([*self._sights, *more]).missed)

    def _try(self, recipe: Recipe) -> tuple[InputSet, Sight]:
        arrays = draw(
            recipe, self._signature, self._roles, self._sizes, seed=self._seed, index=self._drawn
        )
        self._drawn += 1
        return InputSet(recipe.label, arrays), self._observer.run(arrays)


def _disputed(model: ModelProto, one: InputSet) -> bool:
    """Whether float32 runs of ONNX Runtime are further from the truth than rounding explains."""
    if random_nodes(model):
        return False  # no element has a true value
    truth = Truth(model).run(one.arrays)
    runs = [outputs for _, _, outputs in floor_runs(model, {one.label: one.arrays})]
    return disputed(truth, runs)


def _other_sizes(signature: Signature, sizes: Mapping[str, int]) -> list[Recipe]:
    """Sizes unlike the usual, the likeliest to find a fault first: odd and unequal, then multiples
    of 32 or 8 (networks that halve and add again take no others), then another batch alone. In all
    of them each position is told from the others."""
    base = Recipe(OTHER_BATCH, "picture", masks="padded")
    usual = dict(sizes)
    for spec in signature.inputs:
        shape_of(spec, base.batch, usual)
    names = list(_inner_dims(signature))
    odd = {n: (usual[n] * (5 if k % 2 else 3) // 4) | 1 for k, n in enumerate(names)}
    even = {n: _multiple(usual[n], larger=bool(k % 2)) for k, n in enumerate(names)}
    alternatives = [odd, even] if names else []
    named = [
        replace(base, sizes=chosen, purpose="other sizes, " + _listed(chosen))
        for chosen in alternatives
    ]
    alone = replace(base, batch=2, purpose="every position told apart")
    return [*named, replace(base, purpose="another batch"), alone]


def _multiple(size: int, *, larger: bool) -> int:
    step = 32 if size >= 64 else 8
    return max(1, (size * 3 // 2 if larger else size // 2) // step) * step


def _shortest(signature: Signature) -> list[Recipe]:
    """Every inner dimension that is open, but for those of images, of size 1."""
    names = [n for spec in signature.inputs if not is_image(spec) for n in _inner_dims_of(spec)]
    ones = dict.fromkeys(names, 1)
    return [Recipe(1, "normal", masks="full", sizes=ones, purpose="the shortest")] if ones else []


def _inner_dims(signature: Signature) -> dict[str, None]:
    return dict.fromkeys(name for spec in signature.inputs for name in _inner_dims_of(spec))


def _inner_dims_of(spec: Any) -> Iterator[str]:
    return (name for axis, name in open_dims(spec) if axis)


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())
