"""Programs of jax.export: read from files, with names for what goes in and comes out, and run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from interop.converters.jax.exports.tensors import functions_of, module_of
from interop.converters.jax.exports.writing import digest
from jax import export
from jax.interpreters.mlir import make_ir_context
from safetensors import safe_open

from interop.workers.failures import GuestFailure


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
        args, kwargs = jax.tree.unflatten(
            exported.in_tree, [feeds[name] for name in program.inputs]
        )
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
        size if isinstance(size, int) else _word(str(size), f"{name}_dim{axis}")
        for axis, size in enumerate(shape)
    ]


def _word(size: str, otherwise: str) -> str:
    return size if size.isidentifier() else otherwise


def _input_names(exported: export.Exported) -> list[str]:
    """By the way to each leaf: keywords and keys are names; a position has the name that the function
    gives to it, where the program still says it."""
    count = exported.in_tree.num_leaves
    tree = jax.tree.unflatten(exported.in_tree, range(count))
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    noted = _noted_names(exported)
    names = []
    for index, path in enumerate(paths):
        keys = [
            str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", "")))) for key in path
        ]
        positional = keys[0] == "0"
        name = noted.get(index, f"input_{index}") if positional else "_".join(keys[1:])
        names.append(re.sub(r"\W+", "_", name).strip("_") or f"input_{index}")
    return names if len(set(names)) == len(names) else [f"input_{index}" for index in range(count)]


def _noted_names(exported: export.Exported) -> dict[int, str]:
    """What the program notes of its arguments' names, by their number."""
    with make_ir_context():
        module = module_of(exported)
        functions = functions_of(module)
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
    if isinstance(results, dict) and all(
        jax.tree_util.all_leaves([one]) for one in results.values()
    ):
        return {str(key): value for key, value in sorted(results.items())}  # as jax.tree has them
    return {f"output_{index}": leaf for index, leaf in enumerate(jax.tree.leaves(results))}
