"""A model reference → a torch module, example inputs and the names of its inputs."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from interop.converters.torch.files import PICKLE, PROGRAM, SAFETENSORS, TORCHSCRIPT, kind

from interop.workers.failures import GuestFailure
from interop.workers.written import import_source

WITHOUT_ARCHITECTURE = (
    "Give package.module:callable, a function that builds the module, with --weights {}."
)


@dataclass(frozen=True)
class Loaded:
    """A module in eval mode; `examples` are None where the reference brings no inputs of its own.

    Of a TorchScript archive it is a ScriptModule, which only torch.onnx's older exporter reads.
    """

    module: torch.nn.Module
    examples: tuple[torch.Tensor, ...] | None
    program: torch.export.ExportedProgram | None = None


def load_reference(reference: str, *, trust: bool) -> Loaded:
    """`package.module:callable`, a .pt2 program, a TorchScript archive, or (trusted) a pickled module
    or a folder that a conversion wrote.

    Fails as InvalidModel where the file cannot be used, as UsageError where the name leads nowhere.
    """
    path = Path(reference)
    if path.is_dir():
        return _load_source(path, trust)
    if path.exists():
        return _load_file(path, trust)
    return _load_callable(reference)


def _load_callable(reference: str) -> Loaded:
    module_name, _, attribute = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' cannot be imported: {error}",
            hint="The module must lie in the working directory or be installed where torch is.",
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise GuestFailure("UsageError", f"'{module_name}' has no '{attribute}'")
        found = getattr(found, name)
    made = found if isinstance(found, torch.nn.Module) else _call(reference, found)
    module, examples = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module):
        raise GuestFailure(
            "UsageError",
            f"'{reference}' gave a {type(module).__name__}, not a torch.nn.Module",
            hint="Let it return the module, or (module, example inputs).",
        )
    return Loaded(module.eval(), None if examples is None else tuple(examples))


def _call(reference: str, factory: Callable[[], Any]) -> Any:
    if not callable(factory):
        raise GuestFailure("UsageError", f"'{reference}' is neither a module nor callable")
    required = [
        name
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' needs arguments ({', '.join(required)}), and none can be given",
            hint="Wrap it in a function without arguments that returns the module.",
        )
    return factory()


def _load_source(folder: Path, trust: bool) -> Loaded:
    if not (folder / "model.py").is_file():
        raise GuestFailure(
            "InvalidModel",
            f"{folder} is no model in torch: it holds neither a manifest.json nor a model.py",
            hint="Name a .pt2 file, or package.module:callable.",
        )
    if not trust:
        raise GuestFailure(
            "InvalidModel",
            f"{folder} holds no .pt2, only source: loading it would run its model.py",
            hint="If you know where it comes from, say --trust.",
        )
    return Loaded(import_source(folder).load(), None)


def _load_file(path: Path, trust: bool) -> Loaded:
    found = kind(path)
    if found == PROGRAM:
        program = torch.export.load(path)
        args, kwargs = program.example_inputs or ((), {})
        return Loaded(program.module(), (*args, *kwargs.values()), program)
    if found == TORCHSCRIPT:
        return _load_script(path)
    if found == SAFETENSORS:
        raise GuestFailure(
            "InvalidModel",
            f"{path} holds weights without an architecture",
            hint=WITHOUT_ARCHITECTURE.format(path),
        )
    assert found == PICKLE
    if not trust:
        raise GuestFailure(
            "InvalidModel",
            f"{path} is a pickle: opening it would run any code that it carries",
            hint="If it is a state_dict, name its architecture, package.module:callable, with --weights "
            f"{path}; if you know where it comes from, say --trust; a .pt2 needs no trust.",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise GuestFailure("InvalidModel", f"{path} cannot be unpickled: {error}") from error
    if not isinstance(content, torch.nn.Module):
        raise GuestFailure(
            "InvalidModel",
            f"{path} holds a {type(content).__name__}, not a module: weights without an architecture",
            hint=WITHOUT_ARCHITECTURE.format(path),
        )
    return Loaded(content.eval(), None)


def _load_script(path: Path) -> Loaded:
    """An archive holds TorchScript, which is no Python: it needs no trust."""
    try:
        module = torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} cannot be read as a TorchScript archive: {str(error).splitlines()[0]}",
            hint="It reads what torch.jit.save writes.",
        ) from error
    return Loaded(module.eval(), None)


def input_names(module: torch.nn.Module, count: int) -> list[str]:
    """The names of `forward`'s first `count` positional parameters."""
    if isinstance(module, torch.jit.ScriptModule):
        return [argument.name for argument in module.forward.schema.arguments[1 : count + 1]]
    names = []
    for name, parameter in inspect.signature(module.forward).parameters.items():
        if parameter.kind == parameter.VAR_POSITIONAL:
            names.extend(f"{name}_{index}" for index in range(count - len(names)))
        elif parameter.kind != parameter.VAR_KEYWORD:
            names.append(name)
    return names[:count]


def example(specs: Sequence[dict[str, Any]], sizes: dict[str, int]) -> tuple[torch.Tensor, ...]:
    """Inputs to trace with: every symbolic dimension takes its size, or 2 (1 would be specialised)."""
    tensors = []
    for spec in specs:
        shape = [
            dim if isinstance(dim, int) else max(2, sizes.get(dim, 2)) for dim in spec["shape"]
        ]
        dtype = getattr(torch, spec["dtype"])
        if dtype.is_floating_point:
            tensors.append(torch.randn(shape).to(dtype))
        else:
            tensors.append(torch.ones(shape, dtype=dtype))
    return tuple(tensors)
