"""Loop and Scan as the standard has them: in a Loop, an absent condition is true, and scan outputs gain an
axis; a Scan goes along any axis, either way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.windows import Array


class Loop(OpRun):  # type: ignore[misc]
    op_domain = ""

    def need_context(self) -> bool:
        return True

    def _run(
        self,
        M: Array | None = None,
        cond: Array | None = None,
        *carried: Array,
        context: dict[str, Any] | None = None,
        body: Any = None,
        attributes: dict[str, Any] | None = None,
        **_: Any,
    ) -> tuple[Array, ...]:
        limit = None if M is None else int(M.item())
        going = True if cond is None else bool(cond.item())
        state = list(carried)
        names, scans, iteration = body.input_names, [], 0
        while going and (limit is None or iteration < limit):
            feeds = dict(context or {})
            values = [np.array(iteration, dtype=np.int64), np.array(True), *state]
            feeds.update(zip(names, values, strict=True))
            results = body.run(None, feeds, attributes=attributes)
            going = bool(results[0].item())
            state = results[1 : 1 + len(carried)]
            scans.append(results[1 + len(carried) :])
            iteration += 1
        if not scans:  # no iteration ran: the scan outputs are empty
            width = len(body.output_names) - 1 - len(carried)
            return (*state, *[_empty(body, -width + k) for k in range(width)])
        return (*state, *[np.stack(column) for column in zip(*scans, strict=True)])


class Scan(OpRun):  # type: ignore[misc]
    op_domain = ""

    def need_context(self) -> bool:
        return True

    def _run(
        self,
        *given: Array,
        context: dict[str, Any] | None = None,
        body: Any = None,
        num_scan_inputs: int = 1,
        scan_input_axes: Sequence[int] | None = None,
        scan_input_directions: Sequence[int] | None = None,
        scan_output_axes: Sequence[int] | None = None,
        scan_output_directions: Sequence[int] | None = None,
        attributes: dict[str, Any] | None = None,
        **_: Any,
    ) -> tuple[Array, ...]:
        states = list(given[:-num_scan_inputs])
        kept = len(body.output_names) - len(states)
        scanned = [
            _turned(np.moveaxis(array, axis, 0), backward)
            for array, axis, backward in zip(
                given[-num_scan_inputs:],
                scan_input_axes or [0] * num_scan_inputs,
                scan_input_directions or [0] * num_scan_inputs,
                strict=True,
            )
        ]
        rows = []
        for slices in zip(*scanned, strict=True):
            feeds = dict(context or {})
            feeds.update(zip(body.input_names, [*states, *slices], strict=True))
            results = body.run(None, feeds, attributes=attributes)
            states = results[: len(states)]
            rows.append(results[len(states) :])
        if not rows:
            columns = [_empty(body, k - kept) for k in range(kept)]
        else:
            columns = [np.stack(column) for column in zip(*rows, strict=True)]
        axes, turns = scan_output_axes or [0] * kept, scan_output_directions or [0] * kept
        moved = (
            np.moveaxis(_turned(column, backward), 0, axis)
            for column, axis, backward in zip(columns, axes, turns, strict=True)
        )
        return (*states, *moved)


def _turned(array: Array, backward: int) -> Array:
    return array[::-1] if backward else array


def _empty(body: Any, index: int) -> Array:
    """A scan output of length 0, of the type that the body declares."""
    declared = body.output_types_[index].tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(declared.elem_type)
    return np.zeros((0, *[d.dim_value for d in declared.shape.dim]), dtype=dtype)
