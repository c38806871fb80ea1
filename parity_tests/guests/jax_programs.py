"""Runs in the JAX worker: written sources → serialised programs → ONNX, many in one call."""

from pathlib import Path

import jax
from interop.converters.jax.artifact import save_program
from interop.converters.jax.programs import read_program
from interop.converters.jax.writing import write_onnx

from interop.workers.failures import GuestFailure


def read_programs(folders):
    """Each folder holds model.py and weights.safetensors; its program goes to model.jax, and what is
    read of that to read.onnx.

    Returns one message a folder: "" where it was written, "no program: …", or why it was refused.
    """
    messages = [_read(Path(folder)) for folder in folders]
    jax.clear_caches()
    return {"messages": messages}


def _read(folder):
    jax.config.update("jax_enable_x64", False)  # a source that needs it says so
    made = save_program(folder, folder / "model.jax")
    if not made["program"]:
        return f"no program: {made['reason']}"
    try:
        program = read_program(folder / "model.jax")
        write_onnx(program, program.specs(), folder / "read.onnx")
    except GuestFailure as failure:
        return failure.message
    except Exception as error:  # noqa: BLE001 - told to the host, which takes it for a fault
        return f"fault: {type(error).__name__}: {error}"
    return ""


OPERATIONS = {"read_programs": read_programs}
