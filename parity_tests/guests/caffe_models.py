"""Runs in the Caffe worker: networks from text, their weights drawn, saved as Caffe saves them."""

from pathlib import Path

import caffe
import numpy as np
from interop.converters.caffe import guest, loading


def save(text, folder, old=False):
    """Write model.prototxt and model.caffemodel into `folder`; `old` keeps four axes a blob, in V1."""
    Path(folder, "model.prototxt").write_text(text, encoding="utf-8")
    net = loading.make(Path(folder, "model.prototxt"))
    rng = np.random.default_rng(0)
    for layer in net.layers:
        for number, blob in enumerate(layer.blobs):
            if layer.type == "Parameter":
                blob.data[...] = rng.standard_normal(blob.data.shape)
                continue
            scale = 1 / np.sqrt(max(1, np.prod(blob.data.shape[1:])))
            blob.data[...] = rng.standard_normal(blob.data.shape) * scale
            if layer.type == "BatchNorm":  # sums, and by how many they are to be divided
                blob.data[...] = np.abs(blob.data) + 1 if number < 2 else 2.5
    path = Path(folder, "model.caffemodel")
    net.save(str(path))
    if old:
        path.write_bytes(_as_v1(path.read_bytes()))
    return {"inputs": list(net.inputs)}


def _as_v1(data):
    new, old = caffe.proto.caffe_pb2.NetParameter(), caffe.proto.caffe_pb2.NetParameter()
    new.ParseFromString(data)
    for layer in new.layer:
        one = old.layers.add(name=layer.name)
        for blob in layer.blobs:
            shape = [1] * (4 - len(blob.shape.dim)) + list(blob.shape.dim)
            four = dict(zip(("num", "channels", "height", "width"), shape))
            one.blobs.add(data=blob.data, **four)
    return old.SerializeToString()


OPERATIONS = {**guest.OPERATIONS, "save": save}
