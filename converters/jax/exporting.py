"""JAX → ONNX: a function, a flax module, a source that a conversion wrote, or a serialised program.

All become a program of jax.export, with their sizes open and their weights as named arguments, and that
is written as ONNX.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from interop.converters.jax.programs import (
    Program,
    calling,
    named,
    program_of,
    read_program,
    symbol,
)
from interop.converters.jax.writing import write_onnx
from jax import export as jax_export

from interop.workers.failures import GuestFailure
from interop.workers.written import import_source

#: The size of a dimension that has to be fixed, where none is given.
_USUAL = 16


@dataclass(frozen=True)
class Loaded:
    """A function of (weights by name, arrays in the order of `specs`, which are None where nothing says
    them), or a program, which is as it is."""

    function: Callable[..., Any]
    specs: list[dict[str, Any]] | None
    weights: Mapping[str, Any] = field(default_factory=dict)
    program: Program | None = None

    def runs(self, order: list[str]) -> Callable[..., dict[str, Any]]:
        """It, compiled, on arrays by name."""
        if self.program is not None:
            return calling(self.program)
        jitted = jax.jit(self.function)
        return lambda **feeds: named(jitted(self.weights, *(feeds[name] for name in order)))


def load_reference(reference: str, *, trust: bool) -> Loaded:
    """`package.module:callable`, a serialised program, or (trusted) the folder of a conversion.

    Fails as InvalidModel where the file cannot be used, as UsageError where the name leads nowhere.
    """
    path = Path(reference)
    if path.is_file():
        program = read_program(path)
        return Loaded(calling(program), program.specs(), program=program)
    if path.exists():
        return _load_source(path, trust)
    module_name, _, name = reference.partition(":")
    try:
        made = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' cannot be imported: {error}",
            hint="The module must lie in the working directory or be installed where JAX is.",
        ) from error
    if inspect.isfunction(made) and not inspect.signature(made).parameters:
        made = made()
    function, examples = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not callable(function):
        raise GuestFailure(
            "UsageError",
            f"'{reference}' gave a {type(function).__name__}, not a function or module",
            hint="Let it return a function of arrays, or (function, example inputs).",
        )
    specs = None if examples is None else _specs(function, list(examples))
    if isinstance(function, nnx.Module):
        return replace(_pure(function), specs=specs)
    return Loaded(lambda weights, *arrays: function(*arrays), specs)


def _pure(module: nnx.Module) -> Loaded:
    """The module's call, without dropout, as a function of its weights, too.

    It is put together anew within each trace, where what it keeps of its own (a recurrent network's
    stream of keys) may then change.
    """
    module.eval()
    graph, state = nnx.split(module)
    places, tree = jax.tree_util.tree_flatten_with_path(state)
    names = [_path(path) for path, _ in places]
    weights = {
        name: leaf
        for name, (_, leaf) in zip(names, places, strict=True)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    }

    @functools.wraps(type(module).__call__)
    def call(weights: Mapping[str, Any], *arrays: Any) -> Any:
        leaves = [weights.get(name, leaf) for name, (_, leaf) in zip(names, places, strict=True)]
        return nnx.merge(graph, jax.tree.unflatten(tree, leaves))(*arrays)

    return Loaded(call, None, weights)


def _path(path: tuple[Any, ...]) -> str:
    """Where a weight is in its module, as in torch's names."""
    keys = [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", "")))) for key in path]
    return ".".join(keys[:-1] if keys[-1] == "value" else keys)


def _load_source(folder: Path, trust: bool) -> Loaded:
    if not (folder / "model.py").is_file():
        raise GuestFailure(
            "InvalidModel",
            f"{folder} holds no model.py",
            hint="Name a serialised program in it, or package.module:callable.",
        )
    if not trust:
        raise GuestFailure(
            "InvalidModel",
            f"{folder} can be exported by its source only, and that would run its model.py",
            hint="If you know where it comes from, say --trust.",
        )
    written = import_source(folder)
    params, constants = written.load()
    names = list(written.INPUTS)
    specs = [
        {"name": name, "dtype": dtype, "shape": list(shape)}
        for name, (dtype, shape) in written.INPUTS.items()
    ]

    def apply(weights: Mapping[str, Any], *arrays: Any) -> Any:
        own, fixed = ({name: weights[name] for name in part} for part in (params, constants))
        return written.apply(own, fixed, **dict(zip(names, arrays, strict=True)))

    return Loaded(apply, specs, {**params, **constants})


def _specs(function: Any, examples: list[Any]) -> list[dict[str, Any]]:
    """The examples' own shapes, with a dynamic batch; names are the function's parameters'."""
    parameters = list(inspect.signature(function).parameters)
    arrays = [np.asarray(example) for example in examples]
    return [
        {
            "name": name,
            "dtype": array.dtype.name,
            "shape": ["batch", *array.shape[1:]] if array.ndim > 1 else list(array.shape),
        }
        for name, array in zip(parameters, arrays, strict=False)
    ]


def export(
    loaded: Loaded, specs: list[dict[str, Any]], sizes: dict[str, int], path: Path
) -> tuple[list[str], list[str]]:
    """Write `path`; returns the names of its outputs, and what had to be given up.

    Words in the shapes of `specs` stay dynamic as far as JAX can trace with them open.
    """
    if loaded.program is not None:
        write_onnx(loaded.program, specs, path)
        return loaded.program.outputs, []
    reason = ""
    for fixed in _attempts(specs):
        chosen = [
            {**spec, "shape": [sizes.get(d, _USUAL) if d in fixed else d for d in spec["shape"]]}
            for spec in specs
        ]
        try:
            program = _traced(loaded, chosen)
            break
        except Exception as error:  # noqa: BLE001 - it raises anything; what it says is passed on
            reason = reason or _first_line(error)
    else:
        raise GuestFailure("InvalidModel", f"jax.export could not export this model: {reason}")
    write_onnx(program, chosen, path)
    given_up = f"fixed in the exported model: {', '.join(sorted(fixed))} ({reason})"
    return program.outputs, [given_up] if fixed else []


def _traced(loaded: Loaded, specs: list[dict[str, Any]]) -> Program:
    scope = jax_export.SymbolicScope()
    symbols: dict[str, Any] = {}
    for spec in specs:
        for word in spec["shape"]:
            if isinstance(word, str) and word not in symbols:
                (symbols[word],) = jax_export.symbolic_shape(symbol(word), scope=scope)
    arguments = [
        jax.ShapeDtypeStruct(
            tuple(symbols[d] if isinstance(d, str) else d for d in spec["shape"]),
            jax.dtypes.canonicalize_dtype(spec["dtype"]),
        )
        for spec in specs
    ]
    weights = {name: jax.ShapeDtypeStruct(w.shape, w.dtype) for name, w in loaded.weights.items()}
    exported = jax_export.export(jax.jit(loaded.function))(weights, *arguments)
    bound = {name: np.asarray(loaded.weights[name]) for name in sorted(weights)}
    names = [*bound, *(spec["name"] for spec in specs)]
    return replace(program_of(exported), inputs=names, weights=bound)


def _attempts(specs: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Words to fix: none, then all but the leading ones, then all."""
    words = {d for spec in specs for d in spec["shape"] if isinstance(d, str)}
    leading = {spec["shape"][0] for spec in specs if spec["shape"]} & words
    seen: list[set[str]] = []
    for fixed in (set(), words - leading, words):
        if fixed not in seen:
            seen.append(fixed)
            yield fixed


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else repr(error)
