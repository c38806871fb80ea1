"""Written source → a torch.export program (.pt2), and back from disk."""

import inspect
import itertools
import warnings
from pathlib import Path
from typing import Any

import torch
from interop.converters.torch.devices import moved
from interop.converters.torch.recurrent import recurrent_layers_kept

from interop.workers.written import import_source

#: Sizes that are tried for dimensions that may vary, until the model runs with one.
_TRIED = (8, 32, 64, 224, 16, 2)


def save_program(source: Path, path: Path) -> dict[str, Any]:
    """Export the model in `source` to `path`; dimensions that may vary stay so where torch allows.

    Returns which stayed dynamic, which had to be fixed, and why; "program" is False where torch
    cannot export the model at all (control flow that depends on data): then nothing is written.
    """
    written = import_source(source)
    model, specs = written.load(), written.INPUTS
    words = {d for _, shape in specs.values() for d in shape or [] if isinstance(d, str)}
    examples, insists, failed = _examples(model, specs)
    if examples is None:
        return {"program": False, "dynamic": [], "fixed": sorted(words), "reason": failed}
    program, reason = None, ""
    for dims in _attempts(specs, bool(words)):
        try:
            with torch.no_grad(), recurrent_layers_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = torch.export.export(model, examples, dynamic_shapes=dims)
                break
        except Exception as error:  # noqa: BLE001 - torch raises anything here; what it says is recorded
            reason = reason or _first_line(error)
    if program is None:
        return {"program": False, "dynamic": [], "fixed": sorted(words), "reason": reason}
    dynamic = _still_dynamic(program, specs)
    if dynamic and not _takes_other_sizes(program, model, specs, examples, dynamic):
        reason = reason or "it is guarded to take the sizes that it was traced with"
        dynamic = set()
    if words - dynamic and not insists:
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


def _examples(
    model: Any, specs: dict[str, Any]
) -> tuple[tuple[torch.Tensor, ...] | None, bool, str]:
    """Inputs with which the model runs; whether it insists on a batch of 1; or why none will do."""
    failed = ""
    for first, size in itertools.product((2, 1), _TRIED):
        sizes: dict[str, int] = {}
        tensors = []
        for name, (dtype, shape) in specs.items():
            if shape is None:
                return None, False, f"the rank of {name} is not known"
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
            failed = failed or _first_line(error)
            continue
        return tuple(tensors), first == 1, failed
    return None, False, failed


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
    """Whether the program runs where the model does when each `dynamic` dimension is longer by one.

    A loop that was unrolled while tracing leaves a guard on its length, which no shape shows.
    """
    longer = [
        torch.ones(
            [size + (dim in dynamic) for dim, size in zip(shape, example.shape, strict=True)],
            dtype=example.dtype,
        )
        for example, (_, shape) in zip(examples, specs.values(), strict=True)
    ]
    with torch.inference_mode():
        try:
            model(*longer)
        except Exception:  # noqa: BLE001 - sizes that the model itself does not take tell nothing
            return True
        try:
            program.module()(*longer)
        except Exception:  # noqa: BLE001 - torch's guards raise anything
            return False
    return True


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
