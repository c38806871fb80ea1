"""A serialised jax.export program (StableHLO) → ONNX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from interop.converters.jax.exports.tensors import Dim, Size, Tensor
from interop.converters.jax.exports.walk import Frame
from interop.converters.jax.exports.writing import Writer, digest
from jax import export
from jax.interpreters.mlir import make_ir_context
from safetensors import safe_open

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph

_OPSET = 21


@dataclass(frozen=True)
class Program:
    """An exported program, and the names of what goes in and comes out, in its order.

    weights: inputs that are bound, by name. names: what constants are called, by their digest.
    """

    exported: export.Exported
    inputs: list[str]
    outputs: list[str]
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    names: Mapping[bytes, str] = field(default_factory=dict)

    def specs(self) -> list[dict[str, Any]]:
        """Name, dtype and shape of each input that is not bound; words are its open sizes."""
        pairs = zip(self.inputs, self.exported.in_avals, strict=True)
        return [
            {"name": name, "dtype": aval.dtype.name, "shape": _shape(name, aval.shape)}
            for name, aval in pairs
            if name not in self.weights
        ]


def read_program(path: Path) -> Program:
    """The program in a file. Fails as InvalidModel where it is none."""
    try:
        exported = export.deserialize(bytearray(path.read_bytes()))
    except Exception as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} is not a serialised jax.export program: {str(error).strip() or repr(error)}",
            hint="jax.export.export(jax.jit(function))(*arguments).serialize() gives the bytes of one.",
        ) from error
    beside = path.with_name("weights.safetensors")
    names = _names_in(beside) if beside.is_file() else {}
    return replace(program_of(exported), names=names)


def _names_in(path: Path) -> dict[bytes, str]:
    """What the weights beside a program are called, which within it have lost their names. Where two
    are alike, neither is told from the other."""
    found: dict[bytes, str] = {}
    alike = set()
    with safe_open(path, framework="flax") as file:
        for name in file.keys():  # noqa: SIM118 - it is no dict
            key = digest(np.asarray(file.get_tensor(name)))
            alike |= {key} & found.keys()
            found[key] = name
    return {key: name for key, name in found.items() if key not in alike}


def calling(program: Program) -> Callable[..., dict[str, Any]]:
    """The program, compiled, on arrays by name; its results by name.

    Numbers of 64 bits are allowed from then on, if it has any: JAX narrows them unless told.
    """
    exported = program.exported
    if any(aval.dtype.itemsize == 8 for aval in (*exported.in_avals, *exported.out_avals)):
        jax.config.update("jax_enable_x64", True)
    jitted = jax.jit(exported.call)

    def call(**feeds: Any) -> dict[str, Any]:
        args, kwargs = jax.tree.unflatten(exported.in_tree, [feeds[name] for name in program.inputs])
        return named(jitted(*args, **kwargs))

    return call


def program_of(exported: export.Exported) -> Program:
    return Program(exported, _input_names(exported), output_names(exported))


def symbol(name: str) -> str:
    """A name that JAX takes for an open size."""
    word = re.sub(r"\W", "_", name)
    return word if word.isidentifier() else f"d_{word}"


def _shape(name: str, shape: Sequence[Any]) -> list[int | str]:
    """Open sizes as words: their own where they are one, else one for the axis."""
    return [
        int(size) if isinstance(size, int) else str(size) if str(size).isidentifier() else f"{name}_dim{axis}"
        for axis, size in enumerate(shape)
    ]  # fmt: skip


def _input_names(exported: export.Exported) -> list[str]:
    """By the way to each leaf: keywords and keys are names; a position has the name that the function
    gives to it, where the program still says it."""
    count = exported.in_tree.num_leaves
    tree = jax.tree.unflatten(exported.in_tree, range(count))
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    noted = _noted_names(exported)
    names = []
    for index, path in enumerate(paths):
        keys = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", "")))) for key in path]
        positional = keys[0] == "0"
        name = noted.get(index, f"input_{index}") if positional else "_".join(keys[1:])
        names.append(re.sub(r"\W+", "_", name).strip("_") or f"input_{index}")
    return names if len(set(names)) == len(names) else [f"input_{index}" for index in range(count)]


def _noted_names(exported: export.Exported) -> dict[int, str]:
    """What the program notes of its arguments' names, by their number."""
    with make_ir_context():
        module = exported.mlir_module(serialized=False)  # which has to outlive its operations
        functions = _functions(module)
        main = functions.get("_wrapped_jax_export_main", functions["main"])
        arguments = list(main.regions[0].blocks[0].arguments)
        kept = list(exported.module_kept_var_idx)
        found = {}
        for index, argument in zip(kept, arguments[len(arguments) - len(kept) :], strict=True):
            quoted = re.fullmatch(r'loc\("([^"]+)"\)', str(argument.location))
            if quoted:
                found[index] = quoted.group(1)
        return found


def output_names(exported: export.Exported) -> list[str]:
    """Keys of a dict of results, or output_0 and on."""
    tree = jax.tree.unflatten(exported.out_tree, range(exported.out_tree.num_leaves))
    return list(named(tree))


def named(results: Any) -> dict[str, Any]:
    """The results by name: their keys, or output_0 and on."""
    if isinstance(results, dict) and all(jax.tree_util.all_leaves([one]) for one in results.values()):
        return {str(key): value for key, value in sorted(results.items())}  # as jax.tree has them
    return {f"output_{index}": leaf for index, leaf in enumerate(jax.tree.leaves(results))}


def _functions(module: Any) -> dict[str, Any]:
    return {
        view.operation.attributes["sym_name"].value: view.operation
        for view in module.body.operations
        if view.operation.name == "func.func"
    }


def write_onnx(program: Program, specs: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the program to `path`. specs: of its inputs, whose words name open sizes; 64-bit inputs of
    a program that takes 32 bits are narrowed.

    Raises GuestFailure, naming every operation that has no ONNX form, before anything is written.
    """
    exported = program.exported
    graph = Graph(_OPSET)
    graph.reserve(program.outputs)
    with make_ir_context():
        module = exported.mlir_module(serialized=False)
        writer, problems = Writer(graph, names=program.names), []  # type: Writer, list[str]
        frame = Frame(writer, _functions(module), problems)
        given = _given(program, writer, {spec["name"]: spec for spec in specs})
        results = frame.call("main", _arguments(exported, given))
        if problems:
            raise _unsupported(problems)
        for name, value in zip(program.outputs, results, strict=True):
            writer.node("Identity", writer.full(value), output=name)
            words = [
                size if isinstance(size, int) else size.key if isinstance(size, Size) and isinstance(size.key, str) else None
                for size in value.sizes
            ]  # fmt: skip
            graph.output(name, value.dtype, words)
    graph.prune()
    graph.save(str(path))


def _given(program: Program, writer: Writer, specs: dict[str, Any]) -> list[Tensor]:
    found = []
    for name, aval in zip(program.inputs, program.exported.in_avals, strict=True):
        dtype = aval.dtype.name
        if name in program.weights:
            array = np.asarray(program.weights[name])
            found.append(Tensor(writer.graph.constant(array, name), dtype, tuple(array.shape)))
            continue
        declared = specs[name]
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
