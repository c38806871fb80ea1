"""How backends add up the products of a convolution: why one rounds more coarsely than another.

    python benchmarks/summation.py [--on ...]

A 3 x 3 convolution as in the last stage of a ResNet (512 channels, so 4,608 products for each pixel), on
drawn numbers. Errors are rms over the float64 truth, in units of the error of a chain: products added one
by one in float32. Several chains side by side, or blocks, do better.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

from interop.backends import open_runner, parse_list
from interop.errors import InteropError
from interop.graph.canonical import canonicalize, save
from interop.workers.tensors import read_tensors, write_tensors

CHANNELS, FILTERS, SIZE = 512, 64, 7


def model(weight: np.ndarray) -> onnx.ModelProto:
    """x [batch, 512, 7, 7] to y [batch, 64, 7, 7]."""
    shape = ["batch", CHANNELS, SIZE, SIZE]
    ends = [
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", FILTERS, SIZE, SIZE])],
    ]
    node = helper.make_node("Conv", ["x", "weight"], ["y"], pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "conv", *ends, [nph.from_array(weight, "weight")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def products(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[FILTERS, pixels, products]: what is to be added up, in x's dtype."""
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    columns = windows.transpose(1, 2, 0, 3, 4).reshape(SIZE * SIZE, -1)
    return weight.reshape(FILTERS, 1, -1) * columns[None]


def rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def main() -> None:
    parser = argparse.ArgumentParser()
    usual = "onnxruntime,openvino,torch,tensorflow,tflite,jax,mxnet,theano,caffe,caffe2,cntk"
    parser.add_argument("--on", default=",".join(f"{name}:cpu" for name in usual.split(",")))
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((FILTERS, CHANNELS, 3, 3)).astype(np.float32)
    x = np.maximum(rng.standard_normal((1, CHANNELS, SIZE, SIZE)), 0).astype(np.float32)
    wide = products(x.astype(np.float64), weight.astype(np.float64))
    truth = wide.sum(-1).reshape(1, FILTERS, SIZE, SIZE)
    chain = np.add.accumulate(products(x, weight), axis=-1)[..., -1].reshape(truth.shape)
    pairs = products(x, weight).sum(-1).reshape(truth.shape)
    unit = rms(chain - truth)
    found = {"a chain": 1.0, "numpy's pairs": rms(pairs - truth) / unit}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        onnx.save(model(weight), scratch / "conv.onnx")
        save(canonicalize(scratch / "conv.onnx"), scratch / "canonical.onnx")
        write_tensors(scratch / "in", {"x": x})
        for backend in parse_list(asked.on):
            out = scratch / str(backend).replace(":", "-")
            try:
                with open_runner(backend, scratch=scratch) as runner:
                    runner.load(scratch / "canonical.onnx", calibration=[str(scratch / "in")])
                    runner.run([str(scratch / "in")], [str(out)])
            except InteropError as error:
                print(f"{backend}: {error.message}")
                continue
            (given,) = read_tensors(out).values()
            found[str(backend)] = rms(given - truth) / unit
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2))


if __name__ == "__main__":
    main()
