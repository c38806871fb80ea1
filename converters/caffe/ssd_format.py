"""Prototxt files of SSD's Caffe: its layers become Python layers of ours, in the format of Caffe 1.0.

The format is Caffe's own, with the fields that SSD's fork adds. Their numbers matter in binary files
only; these are read by Caffe itself, and of those layers nothing but the weights.
"""

import json
from typing import Any

from caffe.proto import caffe_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from interop.converters.caffe.ssd_layers import LAYERS

_MODULE = "interop.converters.caffe.ssd_layers"

_FLOAT, _UINT, _BOOL, _MESSAGE = 2, 13, 8, 11  # FieldDescriptorProto.Type

#: Message → fields: name, type, whether it is repeated, default.
_MESSAGES: dict[str, list[tuple[str, int, bool, str]]] = {
    "NormalizeParameter": [
        ("across_spatial", _BOOL, False, "true"),
        ("channel_shared", _BOOL, False, "true"),
        ("eps", _FLOAT, False, "1e-10"),
    ],
    "PriorBoxParameter": [
        ("min_size", _FLOAT, True, ""),
        ("max_size", _FLOAT, True, ""),
        ("aspect_ratio", _FLOAT, True, ""),
        ("flip", _BOOL, False, "true"),
        ("clip", _BOOL, False, "false"),
        ("variance", _FLOAT, True, ""),
        ("img_size", _UINT, False, "0"),
        ("img_h", _UINT, False, "0"),
        ("img_w", _UINT, False, "0"),
        ("step", _FLOAT, False, "0"),
        ("step_h", _FLOAT, False, "0"),
        ("step_w", _FLOAT, False, "0"),
        ("offset", _FLOAT, False, "0.5"),
    ],
}

#: Layer → its field of LayerParameter.
_FIELDS = {"Normalize": "norm_param", "PriorBox": "prior_box_param"}
_TYPES = {"Normalize": "NormalizeParameter", "PriorBox": "PriorBoxParameter"}


def parse(text: str) -> Any:
    """The NetParameter of Caffe 1.0 for a prototxt of either. Raises text_format.ParseError."""
    network = _Network()
    text_format.Parse(text, network)
    for layer in network.layer:
        if layer.type in LAYERS:
            _as_python(layer)
    plain = caffe_pb2.NetParameter()
    text_format.Parse(text_format.MessageToString(network), plain)
    return plain


def ours(layer: Any) -> str:
    """The type that a layer had before it became a Python layer of ours; "" for any other."""
    if layer.type != "Python" or layer.python_param.module != _MODULE:
        return ""
    return layer.python_param.layer


def _as_python(layer: Any) -> None:
    given = getattr(layer, _FIELDS[layer.type])
    values = {}
    for name, _, repeated, _ in _MESSAGES[_TYPES[layer.type]]:
        value = getattr(given, name)
        values[name] = list(value) if repeated else value
    layer.python_param.module, layer.python_param.layer = _MODULE, layer.type
    layer.python_param.param_str = json.dumps(values)
    layer.ClearField(_FIELDS[layer.type])
    layer.type = "Python"


def _network_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "caffe_with_ssd.proto"
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind, repeated, default) in enumerate(fields, start=1):
            one = message.field.add(
                name=field, number=number, type=kind, label=3 if repeated else 1
            )
            if default:
                one.default_value = default
        if name == "NormalizeParameter":  # of no use but for training
            message.field.add(
                name="scale_filler",
                number=90,
                type=_MESSAGE,
                label=1,
                type_name=".caffe.FillerParameter",
            )
    (layer,) = (message for message in file.message_type if message.name == "LayerParameter")
    for number, (kind, field) in enumerate(_FIELDS.items(), start=90000):
        layer.field.add(
            name=field, number=number, type=_MESSAGE, label=1, type_name=f".caffe.{_TYPES[kind]}"
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    described = pool.FindMessageTypeByName("caffe.NetParameter")
    return message_factory.MessageFactory(pool).GetPrototype(described)


_Network = _network_class()
