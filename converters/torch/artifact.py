"""Written source → a torch.export program (.pt2), and back from disk."""

import inspect
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from interop.converters.torch.devices import moved
from interop.converters.torch.recurrent import recurrent_layers_kept

from interop.workers.written import import_source

#: Sizes that are tried for dimensions that may vary, until the model runs with one.
_TRIED = (8, 32, 64, 224, 16, 2)

#: Exports with other sizes, where one is guarded to those that it was traced with.
_EXPORTS = 3


def save_program(source: Path, path: Path) -> dict[str, Any]:
    """Export the model in `source` to `path`; dimensions that may vary stay so where torch allows.

    Returns which stayed dynamic, which had to be fixed, and why; "program" is False where torch
    cannot export the model at all (control flow that depends on data): then nothing is written.
    """
    written = import_source(source)
    model, specs = written.load(), written.INPUTS
    words = {d for _, shape in specs.values() for d in shape or [] if isinstance(d, str)}
    failures: list[str] = []
    made: _Made | None = None
    for examples, insists in itertools.islice(_examples(model, specs, failures), _EXPORTS):
        again = _exported(model, specs, examples, insists, bool(words))
        made = made or again
        if not again.guarded:
            made = again
            break
    if made is None:
        return {"program": False, "dynamic": [], "fixed": sorted(words), "reason": failures[0]}
    program, reason = made.program, made.reason
    if program is None:
        return {"program": False, "dynamic": [], "fixed": sorted(words), "reason": reason}
    dynamic = made.dynamic
    if made.guarded:
        reason = reason or "it is guarded to take the sizes that it was traced with"
        dynamic = set()
    if words - dynamic and not made.insists:
        # The sizes it was fixed to would be our examples': of no use to anybody.
        return {"program": False, "dynamic": [], "fixed": sorted(words - dynamic), "reason": reason}
    torch.export.save(program, path)
    report: dict[str, Any] = {
        "program": True,
        "dynamic": sorted(dynamic),
        "fixed": sorted(words - dynamic),
        "nodes": sum(node.op == "call_function" for node in program.graph.nodes),
    }
    return {**report, "reason": reason} if reason else report


def load_artifact(path: Path, device: str = "cpu") -> tuple[Any, list[str]]:
    """The program at `path`, or the source beside it where there is none, on `device`; and its inputs'
    names."""
    if path.exists():
        program = torch.export.load(path)
        module = (program if device == "cpu" else moved(program, device)).module()
        return module, list(inspect.signature(module.forward).parameters)
    written = import_source(path.parent)
    return moved(written.load(), device), list(written.INPUTS)


@dataclass(frozen=True)
class _Made:
    """What torch.export made of a model with some examples. guarded: it takes no sizes but those that it
    was traced with; insists: the model takes a batch of 1 alone."""

    program: Any
    dynamic: set[str]
    guarded: bool
    insists: bool
    reason: str


def _exported(
    model: Any,
    specs: dict[str, Any],
    examples: tuple[torch.Tensor, ...],
    insists: bool,
    open_: bool,
) -> _Made:
    reason = ""
    for dims in _attempts(specs, open_):
        try:
            with torch.no_grad(), recurrent_layers_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = torch.export.export(model, examples, dynamic_shapes=dims)
        except Exception as error:  # noqa: BLE001 - torch raises anything here; what it says is recorded
            reason = reason or _first_line(error)
            continue
        dynamic = _still_dynamic(program, specs)
        guarded = bool(dynamic) and not _takes_other_sizes(program, model, specs, examples, dynamic)
        return _Made(program, dynamic, guarded, insists, reason)
    return _Made(None, set(), False, insists, reason)


def _examples(
    model: Any, specs: dict[str, Any], failures: list[str]
) -> Iterator[tuple[tuple[torch.Tensor, ...], bool]]:
    """Inputs with which the model runs, and whether it insists on a batch of 1; why others will not do
    is added to `failures`."""
    found = False
    for first, size in itertools.product((2, 1), _TRIED):
        if found and first == 1:
            return  # it does not insist
        sizes: dict[str, int] = {}
        tensors = []
        for name, (dtype, shape) in specs.items():
            if shape is None:
                failures.append(f"the rank of {name} is not known")
                return
            for axis, dim in enumerate(shape):
                if isinstance(dim, str):
                    sizes.setdefault(dim, first * (1 + len(sizes)) if axis == 0 else size)
            concrete = [sizes[dim] if isinstance(dim, str) else dim for dim in shape]
            kind = getattr(torch, dtype)
            tensors.append(torch.ones(concrete, dtype=kind))
        try:
            with torch.inference_mode():
                model(*tensors)
        except Exception as error:  # noqa: BLE001 - whatever the model has against this size
            failures.append(_first_line(error))
            continue
        found = True
        yield tuple(tensors), first == 1


def _attempts(specs: dict[str, Any], dynamic: bool) -> Any:
    """The dynamic dimensions to ask for: all by name, then as far as they go, then none."""
    if dynamic:
        dims: dict[str, Any] = {}
        for choose in (torch.export.Dim, lambda word: torch.export.Dim.AUTO):
            dims = {}
            yield tuple(
                {
                    axis: dims.setdefault(dim, choose(_word(dim)))
                    for axis, dim in enumerate(shape)
                    if isinstance(dim, str)
                }
                for _, shape in specs.values()
            )
    yield None


def _word(name: str) -> str:
    """A name that torch takes for a dimension."""
    word = "".join(letter if letter.isalnum() else "_" for letter in name)
    return word if word.isidentifier() else f"d_{word}"


def _still_dynamic(program: Any, specs: dict[str, Any]) -> set[str]:
    found = set()
    users = set(program.graph_signature.user_inputs)
    nodes = [
        node for node in program.graph.nodes if node.op == "placeholder" and node.name in users
    ]
    for node, (_, shape) in zip(nodes, specs.values(), strict=True):
        for dim, size in itertools.zip_longest(shape, node.meta["val"].shape):
            if isinstance(dim, str) and not isinstance(size, int):
                found.add(dim)
    return found


def _takes_other_sizes(
    program: Any, model: Any, specs: dict[str, Any], examples: tuple[torch.Tensor, ...],
    dynamic: set[str],
) -> bool:  # fmt: skip
    """Whether the program runs where the model does when each `dynamic` dimension is longer: by one, or
    where the model does not take that, twice as long.

    A loop that was unrolled while tracing leaves a guard on its length, which no shape shows; and a size
    that was 1 somewhere inside, one on what follows from it.
    """
    for stretched in (lambda size: size + 1, lambda size: 2 * size):
        longer = [
            torch.ones(
                [
                    stretched(size) if dim in dynamic else size
                    for dim, size in zip(shape, example.shape, strict=True)
                ],
                dtype=example.dtype,
            )
            for example, (_, shape) in zip(examples, specs.values(), strict=True)
        ]
        with torch.inference_mode():
            try:
                model(*longer)
            except Exception:  # noqa: BLE001 - sizes that the model itself does not take tell nothing
                continue
            try:
                program.module()(*longer)
            except Exception:  # noqa: BLE001 - torch's guards raise anything
                return False
        return True
    return True


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
