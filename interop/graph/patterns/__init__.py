"""What exporters spell out, recognised as the operators that it is; one a file."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import CommonSubexpressionEliminationPass, RemoveUnusedNodesPass

from interop.graph.patterns.directions import pair_directions, turn_directions
from interop.graph.patterns.embeddings import fuse_embeddings
from interop.graph.patterns.gelus import fuse_gelus
from interop.graph.patterns.layer_norms import fuse_layer_norms
from interop.graph.patterns.means import fuse_means
from interop.graph.patterns.moves import shorten_moves
from interop.graph.patterns.pads import fuse_pads
from interop.graph.patterns.products import turn_products
from interop.graph.patterns.recurrences import fuse_recurrences
from interop.graph.patterns.sigmoids import fuse_sigmoids
from interop.graph.patterns.softmaxes import fuse_softmaxes
from interop.graph.patterns.units import drop_units
from interop.graph.states import drop_zero_states


def recognise(model: ir.Model) -> None:
    """Put single operators in the place of what is written out; in place.

    What they were made of is removed, so that who asks for the only reader of a value is told.
    """
    tidy = RemoveUnusedNodesPass()
    for step in _STEPS:
        step(model)
        tidy(model)


#: Moves first and again: they stand between what belongs together.
_STEPS = (
    shorten_moves,
    fuse_embeddings,
    fuse_sigmoids,
    fuse_means,
    fuse_softmaxes,
    fuse_layer_norms,
    fuse_gelus,
    drop_units,
    fuse_pads,
    shorten_moves,
    turn_products,
    shorten_moves,
    fuse_recurrences,
    turn_directions,
    drop_zero_states,
    CommonSubexpressionEliminationPass(),  # both directions then read one and the same value
    pair_directions,
)
