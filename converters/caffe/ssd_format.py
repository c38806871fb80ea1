"""Prototxt files of SSD's Caffe: its layers become Python layers of ours, in the format of Caffe 1.0.

The format is Caffe's own, with the fields that SSD's fork adds. Their numbers matter in binary files
only; these are read by Caffe itself, and of those layers nothing but the weights.
"""

import json
from typing import Any, Union

from caffe.proto import caffe_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from interop.converters.caffe.ssd_layers import LAYERS

_MODULE = "interop.converters.caffe.ssd_layers"

_FLOAT, _INT, _UINT, _BOOL, _STRING = 2, 5, 13, 8, 9  # FieldDescriptorProto.Type
_MESSAGE, _ENUM = 11, 14

#: How an offset from a box is to be understood.
_CODES = ("CORNER", "CENTER_SIZE", "CORNER_SIZE")

#: Message → fields: name, type (a word is a message's), whether it is repeated, default. Without
#: one, a field that is not given is None.
_MESSAGES: dict[str, list[tuple[str, Union[int, str], bool, str]]] = {
    "NormalizeParameter": [
        ("across_spatial", _BOOL, False, "true"),
        ("channel_shared", _BOOL, False, "true"),
        ("eps", _FLOAT, False, "1e-10"),
        ("scale_filler", "FillerParameter", False, ""),
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
    "NonMaximumSuppressionParameter": [
        ("nms_threshold", _FLOAT, False, "0.3"),
        ("top_k", _INT, False, ""),
        ("eta", _FLOAT, False, "1.0"),
    ],
    "SaveOutputParameter": [  # files that it writes besides, as it does not here
        ("output_directory", _STRING, False, ""),
        ("output_name_prefix", _STRING, False, ""),
        ("output_format", _STRING, False, ""),
        ("label_map_file", _STRING, False, ""),
        ("name_size_file", _STRING, False, ""),
        ("num_test_image", _UINT, False, ""),
    ],
    "DetectionOutputParameter": [
        ("num_classes", _UINT, False, ""),
        ("share_location", _BOOL, False, "true"),
        ("background_label_id", _INT, False, "0"),
        ("nms_param", "NonMaximumSuppressionParameter", False, ""),
        ("save_output_param", "SaveOutputParameter", False, ""),
        ("code_type", _ENUM, False, "CORNER"),
        ("variance_encoded_in_target", _BOOL, False, "false"),
        ("keep_top_k", _INT, False, "-1"),
        ("confidence_threshold", _FLOAT, False, ""),
        ("visualize", _BOOL, False, "false"),
        ("visualize_threshold", _FLOAT, False, ""),
        ("save_file", _STRING, False, ""),
    ],
}

#: Layer → its field of LayerParameter, and the message in it.
_FIELDS = {
    "Normalize": ("norm_param", "NormalizeParameter"),
    "PriorBox": ("prior_box_param", "PriorBoxParameter"),
    "DetectionOutput": ("detection_output_param", "DetectionOutputParameter"),
}


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
    field, _ = _FIELDS[layer.type]
    layer.python_param.module, layer.python_param.layer = _MODULE, layer.type
    layer.python_param.param_str = json.dumps(_values(getattr(layer, field)))
    layer.ClearField(field)
    layer.type = "Python"


def _values(message: Any) -> dict[str, Any]:
    """A message as JSON, with the defaults of what it does not give."""
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.label == field.LABEL_REPEATED:
            value = list(value)
        elif field.message_type is not None:
            value = _values(value)
        elif field.enum_type is not None:
            value = field.enum_type.values_by_number[value].name
        elif not (field.has_default_value or message.HasField(field.name)):
            value = None
        values[field.name] = value
    return values


def _network_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "caffe_with_ssd.proto"
    codes = file.enum_type.add(name="CodeType")
    for number, code in enumerate(_CODES, start=1):
        codes.value.add(name=code, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind, repeated, default) in enumerate(fields, start=1):
            one = message.field.add(name=field, number=number, label=3 if repeated else 1)
            one.type = _MESSAGE if isinstance(kind, str) else kind
            if one.type in (_MESSAGE, _ENUM):
                one.type_name = f".caffe.{kind if isinstance(kind, str) else codes.name}"
            if default:
                one.default_value = default
    (layer,) = (message for message in file.message_type if message.name == "LayerParameter")
    for number, (field, kind) in enumerate(_FIELDS.values(), start=90000):
        layer.field.add(
            name=field, number=number, type=_MESSAGE, label=1, type_name=f".caffe.{kind}"
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    described = pool.FindMessageTypeByName("caffe.NetParameter")
    return message_factory.MessageFactory(pool).GetPrototype(described)


_Network = _network_class()
