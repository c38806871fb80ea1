"""How backends add up products: why one rounds a ResNet more coarsely than another.

    python benchmarks/summation.py [--on ...]

Three layers of a ResNet-50 on drawn numbers: a 3 x 3 convolution of 512 channels (4,608 products for each
pixel), and its last product (2,048 for each class), with the weight as [out, in] and as [in, out]. Errors
are rms over the float64 truth, in units of the error of a chain: products added one by one in float32.
Several chains side by side, or blocks, do better.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

from interop.backends import Backend, open_runner, parse_list
from interop.errors import InteropError
from interop.graph.canonical import canonicalize, save
from interop.workers.tensors import read_tensors, write_tensors

CHANNELS, FILTERS, SIZE = 512, 64, 7
FEATURES, CLASSES, ROWS = 2048, 1000, 4


@dataclass(frozen=True)
class Layer:
    """node computes y from x and the weight; products: what is added up over the last axis, given both
    in one dtype, in y's order."""

    name: str
    node: onnx.NodeProto
    x: np.ndarray
    weight: np.ndarray
    products: Iterator[np.ndarray]  # float64, then float32
    shape: tuple[int, ...]


def layers() -> Iterator[Layer]:
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((FILTERS, CHANNELS, 3, 3)).astype(np.float32)
    image = np.maximum(rng.standard_normal((1, CHANNELS, SIZE, SIZE)), 0).astype(np.float32)
    node = helper.make_node("Conv", ["x", "weight"], ["y"], pads=[1, 1, 1, 1])
    shape = (1, FILTERS, SIZE, SIZE)
    yield Layer("3 x 3 convolution", node, image, kernel, _windows(image, kernel), shape)
    weight = rng.standard_normal((CLASSES, FEATURES)).astype(np.float32)
    x = np.maximum(rng.standard_normal((ROWS, FEATURES)), 0).astype(np.float32)
    for name, given, turned in (("[out, in]", weight, 1), ("[in, out]", weight.T.copy(), 0)):
        node = helper.make_node("Gemm", ["x", "weight"], ["y"], transB=turned)
        yield Layer(f"product, {name}", node, x, given, _rows(x, weight), (ROWS, CLASSES))


def _windows(image: np.ndarray, kernel: np.ndarray) -> Iterator[np.ndarray]:
    for dtype in (np.float64, np.float32):
        padded = np.pad(image[0].astype(dtype), ((0, 0), (1, 1), (1, 1)))
        found = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        columns = found.transpose(1, 2, 0, 3, 4).reshape(SIZE * SIZE, -1)
        yield kernel.astype(dtype).reshape(FILTERS, 1, -1) * columns[None]


def _rows(x: np.ndarray, weight: np.ndarray) -> Iterator[np.ndarray]:
    for dtype in (np.float64, np.float32):
        yield np.multiply(x.astype(dtype)[:, None], weight.astype(dtype)[None])


def model(layer: Layer) -> onnx.ModelProto:
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape[1:]])
        for name, shape in (("x", layer.x.shape), ("y", layer.shape))
    )
    weights = [nph.from_array(layer.weight, "weight")]
    graph = helper.make_graph([layer.node], "layer", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def measured(layer: Layer, on: tuple[Backend, ...]) -> dict[str, float]:
    """Error of each by the chain's."""
    truth = next(layer.products).sum(-1).reshape(layer.shape)
    narrow = next(layer.products)
    chain = np.add.accumulate(narrow, axis=-1)[..., -1].reshape(layer.shape)
    unit = _rms(chain - truth)
    found = {"numpy's pairs": _rms(narrow.sum(-1).reshape(layer.shape) - truth) / unit}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        onnx.save(model(layer), scratch / "layer.onnx")
        save(canonicalize(scratch / "layer.onnx"), scratch / "canonical.onnx")
        write_tensors(scratch / "in", {"x": layer.x})
        for backend in on:
            out = scratch / str(backend).replace(":", "-")
            try:
                with open_runner(backend, scratch=scratch) as runner:
                    runner.load(scratch / "canonical.onnx", calibration=[str(scratch / "in")])
                    runner.run([str(scratch / "in")], [str(out)])
            except InteropError as error:
                print(f"{backend}: {error.message}")
                continue
            (given,) = read_tensors(out).values()
            found[str(backend)] = _rms(given - truth) / unit
    return {name: round(value, 3) for name, value in found.items()}


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def main() -> None:
    parser = argparse.ArgumentParser()
    usual = "onnxruntime,openvino,torch,tensorflow,tflite,jax,mxnet,theano,caffe,caffe2,cntk"
    parser.add_argument("--on", default=",".join(f"{name}:cpu" for name in usual.split(",")))
    on = parse_list(parser.parse_args().on)
    print(json.dumps({layer.name: measured(layer, on) for layer in layers()}, indent=2))


if __name__ == "__main__":
    main()
