"""What a module has learned, from a file of its own: safetensors, or a pickle of tensors alone."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from interop.workers.failures import GuestFailure


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Put the state_dict in `path` into `module`; all names and shapes must match.

    A checkpoint that keeps it under a key ("state_dict", "model") is looked into. Nothing but
    tensors and plain containers is unpickled.

    Raises GuestFailure (InvalidModel) where the file is something else, or of another module.
    """
    state = _state_dict(_read(path), module.state_dict().keys())
    if state is None:
        raise GuestFailure(
            "InvalidModel",
            f"{path} holds no state_dict of this module: none of its names is there",
            hint="The names that the module wants begin with: "
            + ", ".join(list(module.state_dict())[:4]) + ".",
        )  # fmt: skip
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} does not fit this module: {_reasons(error)}",
            hint="Build the module as it was when these weights were saved.",
        ) from error


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} is not a file of tensors alone, and is not opened",
            hint="Save the state_dict alone: torch.save(module.state_dict(), path).",
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} cannot be read as weights: {str(error).splitlines()[0]}",
            hint="It may be a state_dict saved by torch.save, or .safetensors.",
        ) from error


def _state_dict(content: Any, names: Any) -> Any:
    """The mapping in `content` that has some of `names`: itself, or one level down. None if none."""
    if not isinstance(content, dict):
        return None
    for candidate in (content, *(value for value in content.values() if isinstance(value, dict))):
        if any(name in candidate for name in names):
            return candidate
    return None


def _reasons(error: RuntimeError) -> str:
    """torch's list of what is missing, unexpected or of another shape, in one line."""
    lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
    return " ".join(lines)[:600] or str(error)
