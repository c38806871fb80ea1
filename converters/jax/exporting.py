"""JAX → ONNX, by jax2onnx: a function or a flax module, and the source that a conversion wrote."""

import functools
import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax2onnx
import numpy as np
import onnx
from flax import nnx
from onnx import helper

from interop.workers.failures import GuestFailure
from interop.workers.written import import_source

#: The size of a dimension that has to be fixed, where none is given.
_USUAL = 16


@dataclass(frozen=True)
class Loaded:
    """A function of arrays in the order of `specs`, which are None where nothing says them."""

    function: Callable[..., Any]
    specs: list[dict[str, Any]] | None


def load_reference(reference: str, *, trust: bool) -> Loaded:
    """`package.module:callable`, or (trusted) the folder of a conversion, or the program in it.

    Fails as InvalidModel where the file cannot be used, as UsageError where the name leads nowhere.
    """
    path = Path(reference)
    if path.exists():
        return _load_source(path if path.is_dir() else path.parent, path, trust)
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
    return Loaded(_pure(function) if isinstance(function, nnx.Module) else function, specs)


def _pure(module: nnx.Module) -> Callable[..., Any]:
    """The module's call, without dropout: put together anew within each trace, where what it keeps
    of its own (a recurrent network's stream of keys) may then change."""
    module.eval()
    graph, state = nnx.split(module)

    @functools.wraps(type(module).__call__)
    def call(*arrays: Any) -> Any:
        return nnx.merge(graph, state)(*arrays)

    call.__signature__ = inspect.signature(module.__call__)  # type: ignore[attr-defined]
    return call


def _load_source(folder: Path, path: Path, trust: bool) -> Loaded:
    if not (folder / "model.py").is_file():
        raise GuestFailure(
            "InvalidModel",
            f"{path} is compiled (StableHLO): there is no way from that to ONNX, and no model.py "
            "lies beside it",
            hint="Give the function that it was made from, as package.module:callable.",
        )
    if not trust:
        raise GuestFailure(
            "InvalidModel",
            f"{path} can be exported by its source only, and that would run its model.py",
            hint="If you know where it comes from, say --trust.",
        )
    written = import_source(folder)
    params, constants = written.load()
    names = list(written.INPUTS)
    specs = [
        {"name": name, "dtype": dtype, "shape": list(shape)}
        for name, (dtype, shape) in written.INPUTS.items()
    ]
    return Loaded(
        lambda *arrays: written.apply(params, constants, **dict(zip(names, arrays, strict=True))),
        specs,
    )


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
    function: Callable[..., Any],
    specs: list[dict[str, Any]],
    outputs: Sequence[str] | None,
    sizes: dict[str, int],
    path: Path,
) -> tuple[list[str], list[str]]:
    """Write `path`; returns the names of its outputs, and what had to be given up.

    Words in the shapes of `specs` stay dynamic as far as jax2onnx can trace with them open.
    """
    reason = ""
    for fixed in _attempts(specs):
        shapes = [
            tuple(sizes.get(d, _USUAL) if d in fixed else d for d in spec["shape"])
            for spec in specs
        ]
        arguments = [
            (shape, jnp.dtype(spec["dtype"])) for shape, spec in zip(shapes, specs, strict=True)
        ]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                names = list(outputs or _results(function, specs, sizes))
                model = jax2onnx.to_onnx(
                    lambda *arrays: _flat(function(*arrays)),
                    inputs=[_argument(*one) for one in arguments],
                    input_names=[spec["name"] for spec in specs],
                    output_names=names,
                    return_mode="proto",
                )
            break
        except Exception as error:  # noqa: BLE001 - it raises anything; what it says is passed on
            reason = reason or _first_line(error)
    else:
        raise GuestFailure("InvalidModel", f"jax2onnx could not export this model: {reason}")
    _keep_dtypes(model.graph, specs)
    # What it notes of shapes within the graph is wrong where it moved channels; all of it is inferred.
    del model.graph.value_info[:]
    onnx.save(model, str(path))
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:
        raise GuestFailure(
            "InvalidModel", f"jax2onnx wrote an ONNX model that is not valid: {_first_line(error)}"
        ) from error
    given_up = f"fixed in the exported model: {', '.join(sorted(fixed))} ({reason})"
    return names, [given_up] if fixed else []


def _attempts(specs: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Words to fix: none, then all but the leading ones, then all."""
    words = {d for spec in specs for d in spec["shape"] if isinstance(d, str)}
    leading = {spec["shape"][0] for spec in specs if spec["shape"]} & words
    seen: list[set[str]] = []
    for fixed in (set(), words - leading, words):
        if fixed not in seen:
            seen.append(fixed)
            yield fixed


_SCOPE = jax.export.SymbolicScope()


def _argument(shape: tuple[Any, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    dims = [
        jax.export.symbolic_shape(dim, scope=_SCOPE)[0] if isinstance(dim, str) else dim
        for dim in shape
    ]
    return jax.ShapeDtypeStruct(tuple(dims), dtype)


def _flat(results: Any) -> Any:
    leaves = jax.tree.leaves(results)
    return leaves[0] if len(leaves) == 1 else tuple(leaves)


def named(results: Any) -> dict[str, Any]:
    """The results by name: their keys, or output_0 and on."""
    if isinstance(results, dict):
        return dict(sorted(results.items()))  # as jax.tree has them
    leaves = jax.tree.leaves(results)
    return {f"output_{index}": leaf for index, leaf in enumerate(leaves)}


def _results(
    function: Callable[..., Any], specs: list[dict[str, Any]], sizes: dict[str, int]
) -> list[str]:
    shapes = [
        tuple(sizes.get(d, _USUAL) if isinstance(d, str) else d for d in spec["shape"])
        for spec in specs
    ]
    arrays = [jnp.zeros(s, spec["dtype"]) for s, spec in zip(shapes, specs, strict=True)]
    return list(named(jax.eval_shape(function, *arrays)))


def _keep_dtypes(graph: onnx.GraphProto, specs: list[dict[str, Any]]) -> None:
    """JAX takes 64-bit inputs as 32-bit ones; in ONNX they are what they were declared to be."""
    for value, spec in zip(graph.input, specs, strict=True):
        wanted = helper.np_dtype_to_tensor_dtype(np.dtype(spec["dtype"]))
        found = value.type.tensor_type.elem_type
        if found == wanted:
            continue
        inner = f"{value.name}_as_jax_takes_it"
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == value.name:
                    node.input[index] = inner
        value.type.tensor_type.elem_type = wanted
        graph.node.insert(0, helper.make_node("Cast", [value.name], [inner], to=found))


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else repr(error)
