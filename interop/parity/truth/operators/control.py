"""Loop as the standard has it: an absent condition is true, and scan outputs gain an axis."""

from __future__ import annotations

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
            return (*state, *[self._empty(body, -width + k) for k in range(width)])
        return (*state, *[np.stack(column) for column in zip(*scans, strict=True)])

    @staticmethod
    def _empty(body: Any, index: int) -> Array:
        """A scan output of length 0, of the type that the body declares."""
        declared = body.output_types_[index].tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(declared.elem_type)
        return np.zeros((0, *[d.dim_value for d in declared.shape.dim]), dtype=dtype)
