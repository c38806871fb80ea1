"""Reads an ONNX file that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError

from interop.errors import InvalidModel, UnsupportedOperator
from interop.graph.external import external_files

#: Every canonical graph is written in this opset of ai.onnx (or in a newer one, if its source was).
CANONICAL_OPSET = 23


def load(path: Path) -> ir.Model:
    """The model in `path`, with external data mapped and not yet read.

    Raises InvalidModel where the file is missing, is not ONNX, is truncated, or refers to external
    data that is not safe or not whole (external.py); UnsupportedOperator where a node names an
    operator that the standard does not have.
    """
    proto = parse(path, read(path))
    _settle_opset(path, proto)
    _check_external(path, proto)
    _check_operators(path, proto)
    try:
        model = ir.from_proto(proto)
    except Exception as error:
        raise InvalidModel(f"{path} does not hold a readable graph: {error}") from error
    ir.external_data.set_base_dir(model.graph, path.parent)
    return model


def read(path: Path) -> bytes:
    """What the file holds. Raises InvalidModel where it cannot be read."""
    if not path.exists():
        raise InvalidModel(f"there is no file {path}", hint="Check the path.")
    if path.is_dir():
        raise InvalidModel(f"{path} is a folder", hint="Name the .onnx file inside it.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidModel(f"{path} cannot be read: {error.strerror}") from error


def parse(path: Path, content: bytes) -> onnx.ModelProto:
    """The model that `content`, of the file `path`, holds; its external data is not looked at.

    Raises InvalidModel where it is no ONNX, or holds no graph.
    """
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError as error:
        raise InvalidModel(
            f"{path} is not an ONNX model, or is truncated ({len(content):,} bytes)",
            hint="Export or copy it again, and compare its size or checksum with the original.",
        ) from error
    if not proto.graph.node and not proto.graph.output:
        raise InvalidModel(f"{path} parses, but holds no graph: it is not an ONNX model")
    return proto


def _settle_opset(path: Path, proto: onnx.ModelProto) -> None:
    """The model says which ai.onnx it uses, or has nothing of it so far."""
    if not any(opset.domain in ("", "ai.onnx") for opset in proto.opset_import):
        if proto.opset_import and all(node.domain for node in proto.graph.node):
            # Nothing of ai.onnx in it, so far: whatever stands in for its nodes will be.
            proto.opset_import.append(onnx.helper.make_opsetid("", CANONICAL_OPSET))
            return
        raise InvalidModel(
            f"{path} does not say which opset of ai.onnx it uses",
            hint="Its exporter wrote an invalid model; set opset_import and save it again.",
        )


def _subgraphs(attribute: onnx.AttributeProto) -> Iterator[onnx.GraphProto]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _check_external(path: Path, proto: onnx.ModelProto) -> None:
    for one in external_files(path, proto):
        if one.problem:
            raise InvalidModel(
                f"{path}: '{one.location}', which holds the data of tensor '{one.tensors[0]}', "
                f"{one.problem}",
                hint=one.step,
            )


def _check_operators(path: Path, proto: onnx.ModelProto) -> None:
    """Every ai.onnx operator exists; every domain is imported or defined by the model."""
    functions = {(function.domain, function.name) for function in proto.functions}
    imported = {opset.domain for opset in proto.opset_import}
    unknown = []
    for node in _nodes(proto.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (node.domain, node.op_type) in functions:
            continue
        if domain not in imported and not (domain == "" and "ai.onnx" in imported):
            unknown.append(f"{domain}::{node.op_type} (node '{node.name}': domain not imported)")
        elif domain == "" and not onnx.defs.has(node.op_type):
            unknown.append(f"{node.op_type} (node '{node.name}')")
    if unknown:
        raise UnsupportedOperator(
            f"{path} uses operators that the ONNX standard does not have: " + ", ".join(unknown),
            hint="Export the model without custom operators, or define them as ONNX functions.",
        )


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for subgraph in _subgraphs(attribute):
                yield from _nodes(subgraph)
