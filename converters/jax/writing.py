"""A program of jax.export (StableHLO) → ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from interop.converters.jax.exports.tensors import Dim, Size, Tensor, functions_of, module_of
from interop.converters.jax.exports.walk import Frame
from interop.converters.jax.exports.writing import Writer
from interop.converters.jax.programs import Program
from jax import export
from jax.interpreters.mlir import make_ir_context

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph

_OPSET = 21


def write_onnx(program: Program, specs: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the program to `path`. specs: of its inputs, whose words name open sizes; 64-bit inputs of
    a program that takes 32 bits are narrowed.

    Raises GuestFailure, naming every operation that has no ONNX form, before anything is written.
    """
    exported = program.exported
    graph = Graph(_OPSET)
    graph.reserve(program.outputs)
    with make_ir_context():
        module = module_of(exported)
        writer, problems = Writer(graph, names=program.names), []  # type: Writer, list[str]
        frame = Frame(writer, functions_of(module), problems)
        given = _given(program, writer, {spec["name"]: spec for spec in specs})
        results = frame.call("main", _arguments(exported, given))
        if problems:
            raise _unsupported(problems)
        for name, value in zip(program.outputs, results, strict=True):
            writer.node("Identity", writer.full(value), output=name)
            graph.output(name, value.dtype, [_declared(size) for size in value.sizes])
    graph.prune()
    graph.save(str(path))


def _declared(size: Dim) -> int | str | None:
    """A size that is an input's has its word."""
    key = size.key if isinstance(size, Size) else size
    return key if isinstance(key, (int, str)) else None


def _given(program: Program, writer: Writer, specs: dict[str, Any]) -> list[Tensor]:
    found = []
    for name, aval in zip(program.inputs, program.exported.in_avals, strict=True):
        dtype = aval.dtype.name
        if name in program.weights:
            array = np.asarray(program.weights[name])
            found.append(Tensor(writer.graph.constant(array, name), dtype, tuple(array.shape)))
            continue
        declared = specs[name]
        _check_shape(name, declared["shape"], aval.shape)
        writer.graph.input(name, declared["dtype"], declared["shape"])
        inner = writer.cast(name, declared["dtype"], dtype)
        sizes: list[Dim] = []
        for axis, size in enumerate(declared["shape"]):
            if isinstance(size, int):
                sizes.append(size)
                continue
            asked = writer.dim(Tensor(name, dtype, (None,) * len(declared["shape"])), axis)
            assert isinstance(asked, Size)
            sizes.append(Size(asked.name, size, 1))
        found.append(Tensor(inner, dtype, tuple(sizes)))
    return found


def _check_shape(name: str, declared: Sequence[int | str], own: Sequence[Any]) -> None:
    """What is said of an input has to fit the program: only its open sizes can be chosen."""
    fits = len(declared) == len(own) and all(
        size == fixed for size, fixed in zip(declared, own, strict=False) if isinstance(fixed, int)
    )
    if not fits:
        raise GuestFailure(
            "UsageError",
            f"input '{name}' of this program is [{', '.join(map(str, own))}], "
            f"not [{', '.join(map(str, declared))}]",
            hint="Leave --input away, or export the function again with that size open.",
        )


def _arguments(exported: export.Exported, given: list[Tensor]) -> list[Tensor]:
    """What `main` takes: first the number of the platform, where there are several, then those inputs
    that are used (jax.export, calling convention)."""
    kept = [given[index] for index in exported.module_kept_var_idx]
    if len(exported.platforms) == 1:
        return kept
    platform = np.array(_platform(exported.platforms), object)
    return [Tensor("", "int32", (), numbers=platform), *kept]


def _platform(platforms: Sequence[str]) -> int:
    return platforms.index("cpu") if "cpu" in platforms else 0


def _unsupported(problems: Sequence[str]) -> GuestFailure:
    lines = sorted(set(problems))
    return GuestFailure(
        "UnsupportedOperator",
        "{} operation(s) of this program cannot be written as ONNX:\n  {}".format(
            len(lines), "\n  ".join(lines)
        ),
        hint="Write that part of the function with other operations of JAX, or leave it to what runs "
        "before or after the model.",
    )
