"""A Caffe network as it is written: layers, and the text of a prototxt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class Word(str):
    """A name that the format itself defines (MAX, FLOOR): it stands without quotes."""


@dataclass(frozen=True)
class Layer:
    """`blobs`: names of its weights, in Caffe's order; `parameters`: {"convolution_param": {…}}."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    blobs: tuple[str, ...]
    parameters: Mapping[str, Any]


def prototxt(title: str, layers: Sequence[Layer]) -> str:
    """The text of the network. Each weight is a `param` with its name, so that it can be found."""
    return "\n".join([f"name: {_text(title)}", *(_layer(layer) for layer in layers)]) + "\n"


def _layer(layer: Layer) -> str:
    lines = ["layer {", f"  name: {_text(layer.name)}", f"  type: {_text(layer.type)}"]
    lines += [f"  bottom: {_text(bottom)}" for bottom in layer.bottoms]
    lines += [f"  top: {_text(top)}" for top in layer.tops]
    # What a batch norm has counted is not to be learned by gradients; Caffe insists on that.
    fixed = " lr_mult: 0" if layer.type == "BatchNorm" else ""
    lines += [f"  param {{ name: {_text(blob)}{fixed} }}" for blob in layer.blobs]
    for key, fields in layer.parameters.items():
        lines.append(f"  {key} {{ {_fields(fields)} }}" if fields else f"  {key} {{ }}")
    return "\n".join([*lines, "}"])


def _fields(fields: Mapping[str, Any]) -> str:
    parts = []
    for key, value in fields.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            parts.append(
                f"{key} {{ {_fields(one)} }}"
                if isinstance(one, Mapping)
                else f"{key}: {_entry(one)}"
            )
    return " ".join(parts)


def _entry(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | np.integer):
        return str(int(value))
    return str(np.float32(value))  # Caffe's numbers are float32: the shortest text of it


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
