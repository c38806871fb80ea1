"""Which tensor of one model is which of another: by name, else by position, else not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interop.dialect import Dialect
from interop.errors import UsageError
from interop.reference import ModelReference
from interop.signature import Signature, TensorSpec


@dataclass(frozen=True)
class Names:
    """The signature of a model, and what its tensors were called where it was converted from: its
    own name → the earlier one. channels_last: images are NHWC in it."""

    signature: Signature
    earlier: Mapping[str, str]
    channels_last: bool = False

    @staticmethod
    def of(reference: ModelReference, signature: Signature) -> Names:
        if reference.artifact is None:
            return Names(signature, {})
        said = reference.artifact.dialect
        pairs = (*said.inputs.items(), *said.outputs.items())
        return Names(signature, {own: name for name, own in pairs}, said.channels_last)


def pair(ours: Names, theirs: Names, who: str) -> tuple[Dialect, list[str]]:
    """How the model `who` calls what ours calls otherwise, and what was assumed for that.

    Raises UsageError, listing both, where they cannot be paired.
    """
    if ours.channels_last and not theirs.channels_last:
        raise UsageError(
            f"{who} takes images with their channels first, and the model with them last",
            hint="Name the one with the channels first as the first of the two.",
        )
    notes: list[str] = []
    last = theirs.channels_last and not ours.channels_last
    inputs, outputs = (
        _paired(what, mine, other, ours.earlier, theirs.earlier, who, notes)
        for what, mine, other in (
            ("inputs", ours.signature.inputs, theirs.signature.inputs),
            ("outputs", ours.signature.outputs, theirs.signature.outputs),
        )
    )
    if not last:
        _check_shapes(ours.signature.inputs, theirs.signature.inputs, inputs, who)
    return Dialect(inputs, outputs, last), notes


def _paired(
    what: str,
    ours: tuple[TensorSpec, ...],
    theirs: tuple[TensorSpec, ...],
    our_earlier: Mapping[str, str],
    their_earlier: Mapping[str, str],
    who: str,
    notes: list[str],
) -> dict[str, str]:
    for mine in ({}, our_earlier):
        for other in ({}, their_earlier):
            known = {other.get(spec.name, spec.name): spec.name for spec in theirs}
            wanted = {spec.name: mine.get(spec.name, spec.name) for spec in ours}
            if set(known) == set(wanted.values()):
                return {name: known[word] for name, word in wanted.items()}
    alike = [(a.dtype, len(a.shape or ())) for a in ours] == [
        (b.dtype, len(b.shape or ())) for b in theirs
    ]
    if not alike:
        raise UsageError(
            f"the {what} of {who} cannot be paired: the model has {_listed(ours)}, "
            f"{who} has {_listed(theirs)}",
            hint="Both must have the same names, or as many of the same types in the same order.",
        )
    found = {a.name: b.name for a, b in zip(ours, theirs, strict=True)}
    said = ", ".join(f"{name} is {other}" for name, other in found.items())
    notes.append(f"{what} of {who} are paired by their position: {said}")
    return found


def _check_shapes(
    ours: tuple[TensorSpec, ...],
    theirs: tuple[TensorSpec, ...],
    names: Mapping[str, str],
    who: str,
) -> None:
    """Raise UsageError for an input whose fixed sizes are others, or of another type."""
    known = {spec.name: spec for spec in theirs}
    for mine in ours:
        other = known[names[mine.name]]
        sizes = zip(mine.shape or (), other.shape or (), strict=False)
        clash = any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in sizes)
        if clash or mine.dtype != other.dtype:
            raise UsageError(
                f"{who} takes {_shown(other)}, and the model takes {_shown(mine)}",
                hint="They cannot run on the same inputs: are they of one model and one layout?",
            )


def _listed(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(_shown(spec) for spec in specs) or "none"


def _shown(spec: TensorSpec) -> str:
    shape = "?" if spec.shape is None else ",".join(str(dim or "?") for dim in spec.shape)
    return f"{spec.name}:{spec.dtype}[{shape}]"
