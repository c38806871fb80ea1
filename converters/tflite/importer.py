"""Canonical ONNX → the source of a TensorFlow module that TFLite's own operators suffice for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx_ir as ir
from interop.converters.tensorflow import importer
from interop.converters.tensorflow.lowerings.common import Lowering
from interop.converters.tensorflow.table import LOWERINGS as TENSORFLOW
from interop.converters.tflite import control_flow, shapes, windows

from interop.source.module import Source, functions_in

_HELPERS = Path(__file__).with_name("helpers")

_OF_TEXT = ("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit")

#: TensorFlow's, but for what its converter leaves to TensorFlow's own kernels.
LOWERINGS: Mapping[tuple[str, str], Lowering] = {
    **{key: lowering for key, lowering in TENSORFLOW.items() if key[1] not in _OF_TEXT},
    ("", "Loop"): control_flow.loop,
    ("", "Pad"): shapes.pad,
    ("", "Reshape"): shapes.reshape,
    ("", "Scan"): control_flow.scan,
    ("", "Squeeze"): shapes.squeeze,
    ("interop.channels_last", "ConvTranspose"): windows.conv_transpose,
    ("interop.channels_last", "MaxPool"): windows.max_pool,
    ("interop.channels_last", "Resize"): shapes.resize,
}


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical, through the channels-last layout pass).

    Raises NotLowered with every node that cannot be lowered.
    """
    return importer.lower(model, LOWERINGS, functions_in(_HELPERS))
