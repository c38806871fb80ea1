"""Where a node comes from: the module and the line that its exporter wrote down beside it.

torch's exporter does so in `metadata_props` (pkg.torch.onnx.*); tf2onnx and jax2onnx put the layer's
path into the node's name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir
from onnx import NodeProto

#: What torch calls the module of what it computes itself, such as a size.
_NO_MODULE = "_empty_nn_module_stack"

Metadata = dict[str, dict[str, str]]

_FRAME = re.compile(
    r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)\n?(?P<code>.*)'
)
#: Files of torch itself, wherever it is installed.
_TORCH = re.compile(r"[/\\]site-packages[/\\](torch|torchvision|onnxscript)[/\\]")


@dataclass(frozen=True)
class Origin:
    """scope: the path of modules or layers ("encoder.0.norm"), empty for the model itself; kind: the class
    of the last of them; line: 'file:number, in function: code'. What is not known is empty."""

    scope: str
    kind: str = ""
    line: str = ""

    def __str__(self) -> str:
        module = (
            f"{self.scope} ({self.kind})" if self.scope and self.kind else self.scope or self.kind
        )
        return ", ".join(part for part in (module, self.line) if part)


def remember(model: ir.Model) -> Metadata:
    """The metadata of the nodes of `model` by the names of their outputs, for `restore`."""
    return {
        output.name: dict(node.metadata_props)
        for node in ir.traversal.RecursiveGraphIterator(model.graph)
        if node.metadata_props
        for output in node.outputs
        if output.name
    }


def restore(model: ir.Model, remembered: Metadata) -> None:
    """Give it back to the nodes that have lost it: onnx's version converter knows no metadata."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for output in node.outputs:
            if output.name in remembered and not node.metadata_props:
                node.metadata_props.update(remembered[output.name])


def origin_of(node: NodeProto) -> Origin | None:
    """What is known of where `node` comes from; None where that is nothing."""
    properties = {entry.key: entry.value for entry in node.metadata_props}
    scopes = _listed(properties, "pkg.torch.onnx.name_scopes")
    kinds = _listed(properties, "pkg.torch.onnx.class_hierarchy")
    line = _frame(properties.get("pkg.torch.onnx.stack_trace", ""))
    if len(scopes) > 1 or line:
        scope, kind = (names[-2] if len(names) > 1 else "" for names in (scopes, kinds))
        return Origin(scope, kind, line)
    path, _, _ = node.name.rpartition("/")
    return Origin(path) if path else None


def _listed(properties: Mapping[str, str], key: str) -> list[str]:
    try:
        found = ast.literal_eval(properties.get(key, "[]"))
    except (ValueError, SyntaxError):
        return []
    return [str(one) for one in found if not str(one).startswith(_NO_MODULE)]


def _frame(trace: str) -> str:
    """The innermost frame of the model's own code; of torch's where there is no other."""
    frames = list(_FRAME.finditer(trace))
    # A model may itself be installed: what tells a library is that it is torch.
    own = [frame for frame in frames if not _TORCH.search(frame["file"])]
    if not frames:
        return ""
    frame = (own or frames)[-1]
    code = frame["code"].strip()
    place = f"{frame['file']}:{frame['line']}, in {frame['function']}"
    return f"{place}: {code}" if code else place
