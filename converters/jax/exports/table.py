"""StableHLO's operations → how each is written as ONNX; what is not here is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from interop.converters.jax.exports.composites import COMPOSITES
from interop.converters.jax.exports.contractions import CONTRACTIONS
from interop.converters.jax.exports.control_flow import CONTROL
from interop.converters.jax.exports.elementwise import ENTRIES
from interop.converters.jax.exports.gathers import GATHERS
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.reductions import REDUCTIONS
from interop.converters.jax.exports.shape import SHAPES
from interop.converters.jax.exports.windows import WINDOWS

EXPORTS: Mapping[str, Callable[[Op], Any]] = {
    **COMPOSITES,
    **CONTRACTIONS,
    **CONTROL,
    **ENTRIES,
    **GATHERS,
    **REDUCTIONS,
    **SHAPES,
    **WINDOWS,
}
