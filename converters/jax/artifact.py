"""Written source → a serialised jax.export artifact (StableHLO), and back from disk."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from interop.converters.jax.programs import calling, read_program, symbol
from jax import export

from interop.workers.written import import_source

#: Where the program may run, wherever it was written.
_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def save_program(source: Path, path: Path) -> dict[str, Any]:
    """Export the model in `source` to `path`, its weights within; inputs are passed by name.

    Dimensions that may vary stay so. Returns them; "program" is False, with the reason, where JAX
    cannot trace the model with its sizes open (results whose sizes depend on data): then nothing is
    written, and the source is what there is.
    """
    written = import_source(source)
    params, constants = written.load()
    specs = written.INPUTS
    words = {d for _, shape in specs.values() for d in shape or [] if isinstance(d, str)}

    def model(**inputs: Any) -> Any:
        return written.apply(params, constants, **inputs)

    try:
        shapes = _shapes(specs)
        arguments = {
            name: jax.ShapeDtypeStruct(shapes[name], jnp.dtype(dtype))
            for name, (dtype, _) in specs.items()
        }
        jitted = jax.jit(model)
        equations = len(
            jitted.trace(**arguments).jaxpr.eqns
        )  # the module's text spells out weights
        program = _export(jitted, arguments).serialize()
    except Exception as error:  # noqa: BLE001 - JAX raises anything here; what it says is recorded
        reason = _first_line(error)
        return {"program": False, "dynamic": [], "fixed": sorted(words), "reason": reason}
    path.write_bytes(program)
    return {
        "program": True,
        "dynamic": sorted(words),
        "fixed": [],
        "nodes": equations,
    }


def _export(model: Any, arguments: dict[str, Any]) -> export.Exported:
    """For every platform; only for this one where an operator is missing on another."""
    try:
        return export.export(model, platforms=_PLATFORMS)(**arguments)
    except NotImplementedError:
        return export.export(model)(**arguments)


def load_artifact(path: Path) -> tuple[Any, list[str]]:
    """The program at `path`, or the source beside it where there is none; and its inputs' names."""
    if not path.exists():
        written = import_source(path.parent)
        params, constants = written.load()
        return lambda **inputs: written.apply(params, constants, **inputs), list(written.INPUTS)
    program = read_program(path)
    return calling(program), program.inputs


def _shapes(specs: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The inputs' shapes, each word a symbol of its own."""
    scope = export.SymbolicScope()
    symbols: dict[str, Any] = {}
    for name, (_, shape) in specs.items():
        if shape is None:
            raise ValueError(f"the rank of {name} is not known")
        for word in shape:
            if isinstance(word, str) and word not in symbols:
                (symbols[word],) = export.symbolic_shape(symbol(word), scope=scope)
    return {
        name: tuple(symbols[d] if isinstance(d, str) else d for d in shape)
        for name, (_, shape) in specs.items()
    }


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
