"""A network's two files: which they are, and what they say before Caffe sees them.

Caffe ends its process on what it cannot read (glog's FATAL), so all that can be told from the
files themselves is told here.
"""

import json
import re
from pathlib import Path
from typing import Any, Optional

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from interop.converters.caffe import ssd_format
from interop.converters.caffe.exports.table import EXPORTS, WHY

from interop.workers.failures import GuestFailure

NETWORK, WEIGHTS = ".prototxt", ".caffemodel"

#: Stems that say of a file, among several, that it is the network as it is used.
_USUAL = ("model", "deploy")


def pair(path: Path) -> tuple[Path, Optional[Path]]:
    """The network and its weights, of which `path` is one, or the folder of both.

    A partner lies beside it: of the same stem, or called `model` or `deploy`, or the only one of its
    kind. There may be no weights, where no layer has any. Raises GuestFailure (InvalidModel) where
    no network can be told.
    """
    if path.is_dir():
        network = _beside(path, "", NETWORK)
        if network is None:
            raise GuestFailure(
                "InvalidModel", f"{path} holds no {NETWORK}",
                hint="Caffe keeps a network in two files, .prototxt and .caffemodel.",
            )  # fmt: skip
        return network, _beside(path, network.stem, WEIGHTS)
    if not path.is_file():
        raise GuestFailure("InvalidModel", f"there is no {path}", hint="Check the path.")
    if path.suffix != WEIGHTS:
        return path, _beside(path.parent, path.stem, WEIGHTS)
    found = _beside(path.parent, path.stem, NETWORK)
    if found is None:
        raise GuestFailure(
            "InvalidModel", f"there is no {NETWORK} beside {path}",
            hint="The weights alone do not say the network: put its .prototxt into the same folder.",
        )  # fmt: skip
    return found, path


def _beside(folder: Path, stem: str, suffix: str) -> Optional[Path]:
    """The file in `folder` that goes with `stem`. Raises GuestFailure where several could be meant."""
    found = sorted(file for file in folder.iterdir() if file.suffix == suffix)
    for name in (stem, *_USUAL):
        for file in found:
            if file.stem == name:
                return file
    if len(found) > 1:
        raise GuestFailure(
            "InvalidModel",
            "{} holds several {}: {}".format(
                folder, suffix, ", ".join(file.name for file in found)
            ),
            hint="Name the pair alike (net.prototxt, net.caffemodel), or put it into a folder of its"
            " own.",
        )
    return found[0] if found else None


def read_network(path: Path) -> Any:
    """The NetParameter in a prototxt, every layer of which can be exported; those of SSD's Caffe are
    Python layers of ours in it.

    Raises GuestFailure: InvalidModel where it cannot be read; UnsupportedOperator, naming every
    layer that Caffe does not have or that has no ONNX form. Nothing of the network is made for it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        network = ssd_format.parse(text)
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is no text") from error
    except text_format.ParseError as error:
        loose = caffe_pb2.NetParameter()
        try:  # it may be a layer of another Caffe, whose parameters this one does not know
            text_format.Parse(text, loose, allow_unknown_field=True)
        except text_format.ParseError:
            raise _unreadable(path, str(error)) from error
        _refuse_layers(loose)
        raise _unreadable(path, str(error)) from error
    if not (network.layer or network.layers):
        raise _unreadable(path, "it holds no layer")
    _refuse_layers(network)
    return network


def _unreadable(path: Path, why: str) -> GuestFailure:
    return GuestFailure(
        "InvalidModel", f"{path} is not a network of Caffe: {why}", hint="Is the file whole?"
    )


def _refuse_layers(network: Any) -> None:
    problems = []
    for layer in [*network.layer, *network.layers]:
        if not isinstance(layer.type, str) and layer.HasField("layer"):
            continue  # a form older still, which Caffe upgrades; it is looked at after that
        kind = type_of(layer)
        if ssd_format.ours(layer) or kind in EXPORTS or kind == "Input" or not _used(layer):
            continue
        problems.append(f"{kind} ({layer.name}): {why_not(kind)}")
    if problems:
        raise GuestFailure(
            "UnsupportedOperator",
            "{} layer(s) of this network cannot be written as ONNX:\n  {}".format(
                len(problems), "\n  ".join(problems)
            ),
        )


def why_not(kind: str) -> str:
    """Why layers of a type that is not in the table cannot be exported."""
    known = kind in set(caffe.layer_type_list())
    return WHY.get(kind, "no converter" if known else "Caffe 1.0 has no such layer")


def type_of(layer: Any) -> str:
    """The layer's type; that of an old file (V1) is a number, named as in INNER_PRODUCT."""
    if isinstance(layer.type, str):
        return layer.type
    name = caffe_pb2.V1LayerParameter.LayerType.Name(layer.type)
    plain = {kind.upper(): kind for kind in caffe.layer_type_list()}
    return {"SOFTMAX_LOSS": "SoftmaxWithLoss"}.get(name) or plain.get(name.replace("_", ""), name)


def _used(layer: Any) -> bool:
    """Whether the layer is there in TEST, by its include and exclude rules."""
    if layer.include:
        return any(map(_meets, layer.include))
    return not any(map(_meets, layer.exclude))


def _meets(rule: Any) -> bool:
    """Whether a plain TEST, of level 0 and without stages, is what the rule speaks of."""
    if rule.HasField("phase") and rule.phase != caffe.TEST:
        return False
    low = rule.HasField("min_level") and rule.min_level > 0
    high = rule.HasField("max_level") and rule.max_level < 0
    return not (low or high or rule.stage)


def read_weights(path: Path) -> Any:
    """The NetParameter in a caffemodel. Raises GuestFailure (InvalidModel) where it is none."""
    network = caffe_pb2.NetParameter()
    try:
        network.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise GuestFailure(
            "InvalidModel", f"{path} is not a caffemodel: {error}", hint="Is the file whole?"
        ) from error
    return network


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file: the length of a JSON header, the header, the data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries, data = json.loads(file.read(length)), file.read()
    entries.pop("__metadata__", None)
    arrays = {}
    for name, entry in entries.items():
        start, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return arrays


def blob_shape(blob: Any, rank: int) -> tuple[int, ...]:
    """A stored blob's shape. Old files keep four axes, of which those of size 1 that stand before
    `rank` others are left out."""
    if not any(map(blob.HasField, ("num", "channels", "height", "width"))):
        return tuple(blob.shape.dim)
    shape = (blob.num, blob.channels, blob.height, blob.width)
    spare = max(0, 4 - rank)
    return shape[spare:] if set(shape[:spare]) <= {1} else shape


def said_by_caffe(text: str) -> str:
    """What glog wrote when Caffe gave up, without its time and place."""
    found = re.findall(r"^F\d+ .*?\] (.*)$", text, flags=re.MULTILINE)
    return found[-1].strip() if found else text.strip()[-300:]
