"""StableHLO's operations → how each is written as ONNX; what is not here is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from interop.converters.jax.exports.branches import BRANCHES
from interop.converters.jax.exports.composites import COMPOSITES
from interop.converters.jax.exports.contractions import CONTRACTIONS
from interop.converters.jax.exports.convolution import CONVOLUTIONS
from interop.converters.jax.exports.elementwise import ENTRIES
from interop.converters.jax.exports.gathers import GATHERS
from interop.converters.jax.exports.loops import LOOPS
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.reductions import REDUCTIONS
from interop.converters.jax.exports.scatters import SCATTERS
from interop.converters.jax.exports.shape import SHAPES
from interop.converters.jax.exports.slices import SLICES
from interop.converters.jax.exports.windows import WINDOWS

EXPORTS: Mapping[str, Callable[[Op], Any]] = {
    **BRANCHES,
    **COMPOSITES,
    **CONTRACTIONS,
    **CONVOLUTIONS,
    **ENTRIES,
    **GATHERS,
    **LOOPS,
    **REDUCTIONS,
    **SCATTERS,
    **SHAPES,
    **SLICES,
    **WINDOWS,
}
