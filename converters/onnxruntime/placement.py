"""Where ONNX Runtime puts the nodes of a model, which of them a device may leave to the processor, and what
is copied between the two."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

PROCESSOR = "CPUExecutionProvider"

#: What computes sizes. CUDA's provider has kernels for these, and yet leaves them to the processor where
#: they only lead to a shape: that is no fall back.
SIZES = frozenset(
    {"Add", "And", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Gather", "Greater",
     "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Not", "Or", "Range",
     "ReduceProd", "Reshape", "Shape", "Size", "Slice", "Squeeze", "Sub", "Unsqueeze", "Where"}
)  # fmt: skip

#: Devices whose provider does that.
LEAVING_SIZES = ("cuda", "tensorrt")

#: What ONNX Runtime puts between nodes of two providers.
_COPIES = {"MemcpyFromHost": "to_device", "MemcpyToHost": "to_host"}


def placement(session: Any) -> dict[str, int]:
    """Provider → the nodes that it runs, as ONNX Runtime has fused them; older ones do not say."""
    return dict(Counter(provider for provider, _ in _nodes(session)))


def fallen(session: Any, device: str) -> list[str]:
    """The nodes that run on the processor though `device` was asked for, as 'name' (operator)."""
    fine = SIZES if device in LEAVING_SIZES else frozenset()
    return [
        f"{node.name!r} ({node.op_type})"
        for provider, node in _nodes(session)
        if provider == PROCESSOR and node.op_type not in fine
    ]


def says_where(session: Any) -> bool:
    """Whether this ONNX Runtime tells of it."""
    return hasattr(session, "get_provider_graph_assignment_info")


def copies(profile: str) -> dict[str, dict[str, int]]:
    """How often, and how many bytes, went each way between nodes, in the one run that `profile`, JSON of
    ONNX Runtime's profiler, tells of. What the caller hands over and takes back is not among them."""
    found = {way: {"count": 0, "bytes": 0} for way in _COPIES.values()}
    for event in json.loads(profile):
        facts = event.get("args", {})
        way = _COPIES.get(facts.get("op_name", ""))
        if way is not None and event["name"].endswith("_kernel_time"):
            found[way]["count"] += 1
            found[way]["bytes"] += int(facts["output_size"])
    return found


def _nodes(session: Any) -> list[tuple[str, Any]]:
    if not says_where(session):
        return []
    parts = session.get_provider_graph_assignment_info()
    return [(part.ep_name, node) for part in parts for node in part.get_nodes()]
