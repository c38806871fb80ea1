"""Small networks with the operators that the zoo and the real models lack, their weights by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

Shape = list[int | str]


class Net:
    """A graph under construction."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray[Any, Any]] = {}

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants[name] = np.asarray(value, dtype)
        return name

    def weight(self, *shape: int) -> str:
        """Normal, of deviation one over the root of what is summed up."""
        summed = int(np.prod(shape[1:])) if len(shape) > 1 else 10
        return self.constant(self.rng.standard_normal(shape) * summed**-0.5)

    def matrices(self, *shape: int) -> str:
        """The same, where only the last axis is summed over."""
        return self.constant(self.rng.standard_normal(shape) * shape[-1] ** -0.5)

    def between(self, low: float, high: float, *shape: int) -> str:
        return self.constant(self.rng.uniform(low, high, shape))

    def __call__(self, op: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        (name,) = self.several(
            op, *inputs, outs=[out or f"{op.lower()}_{len(self._nodes)}"], **attributes
        )
        return name

    def several(self, op: str, *inputs: str, outs: list[str], **attributes: Any) -> list[str]:
        self._nodes.append(
            helper.make_node(op, list(inputs), outs, name=f"n{len(self._nodes)}", **attributes)
        )
        return outs

    def model(
        self, inputs: Mapping[str, tuple[int, Shape]], outputs: Mapping[str, Shape]
    ) -> onnx.ModelProto:
        """Checked, opset 23."""
        graph = helper.make_graph(
            self._nodes,
            "net",
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
                for n, shape in outputs.items()
            ],
            [nph.from_array(array, name) for name, array in self._constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
        onnx.checker.check_model(model)
        return model


def _batch_norm(net: Net, x: str, width: int) -> str:
    scale, bias, mean = net.between(0.5, 1.5, width), net.weight(width), net.weight(width)
    return net("BatchNormalization", x, scale, bias, mean, net.between(0.2, 2, width), epsilon=1e-5)


def classifier() -> onnx.ModelProto:
    """Images: odd padding, groups, dilations, pools, activations with slopes, a Flatten."""
    net = Net(1)
    x = net(
        "Conv", "image", net.weight(16, 3, 3, 3), net.weight(16), strides=[2, 2], pads=[0, 0, 1, 1]
    )
    x = net("LeakyRelu", _batch_norm(net, x, 16), alpha=0.1)
    x = net("Conv", x, net.weight(16, 4, 3, 3), group=4, pads=[1] * 4)
    x = net("PRelu", _batch_norm(net, x, 16), net.between(0.1, 0.4, 16, 1, 1))
    x = net("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    x = net("Conv", x, net.weight(24, 16, 3, 3), net.weight(24), dilations=[2, 2], pads=[2] * 4)
    x = net(
        "Elu", net("GroupNormalization", x, net.between(0.5, 1.5, 24), net.weight(24), num_groups=4)
    )
    x = net("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    x = net("Conv", x, net.weight(24, 24, 1, 3), pads=[0, 1, 0, 1])
    x = net("Flatten", net("Relu", x))
    net("Gemm", x, net.weight(10, 24 * 6 * 6), net.weight(10), out="logits", transB=1)
    return net.model({"image": (TensorProto.FLOAT, ["n", 3, 24, 24])}, {"logits": ["n", 10]})


def upscaler() -> onnx.ModelProto:
    """Images: every kind of Resize, a mirror, depth to space, a transposed convolution in groups."""
    net = Net(2)
    x = net("Pad", "image", net.constant([0, 0, 1, 2, 0, 0, 2, 1], np.int64), mode="reflect")
    x = net("Relu", net("Conv", x, net.weight(8, 3, 3, 3), net.weight(8)))
    up = [net.constant([1, 1, s, s]) for s in (2.0, 1.5)]
    a = net("Resize", x, "", up[0], mode="linear", coordinate_transformation_mode="half_pixel")
    b = net(
        "Resize",
        x,
        "",
        up[0],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    c = net(
        "Resize",
        x,
        "",
        up[0],
        mode="cubic",
        coordinate_transformation_mode="half_pixel",
        cubic_coeff_a=-0.75,
    )
    d = net("DepthToSpace", net("Conv", x, net.weight(32, 8, 1, 1)), blocksize=2, mode="DCR")
    e = net(
        "ConvTranspose",
        x,
        net.weight(8, 4, 3, 3),
        group=2,
        strides=[2, 2],
        pads=[1] * 4,
        output_padding=[1, 1],
    )
    x = net("Concat", a, b, c, d, e, axis=1)
    x = net("Resize", x, "", up[1], mode="linear", coordinate_transformation_mode="align_corners")
    net("Tanh", net("Conv", x, net.weight(3, 40, 3, 3), net.weight(3), pads=[1] * 4), out="picture")
    return net.model(
        {"image": (TensorProto.FLOAT, ["n", 3, 12, 12])}, {"picture": ["n", 3, 39, 39]}
    )


def sequences() -> onnx.ModelProto:
    """Recurrent layers: states that are given, both ways, backward, a GRU of either form."""
    net, width = Net(3), 12

    def cell(
        op: str, x: str, gates: int, size: int, *states: str, outs: list[str], **attributes: Any
    ) -> list[str]:
        ways = 2 if attributes.get("direction") == "bidirectional" else 1
        weights = (
            net.matrices(ways, gates * width, size),
            net.matrices(ways, gates * width, width),
        )
        bias = net.weight(ways, 2 * gates * width)
        return net.several(
            op,
            x,
            *weights,
            bias,
            *(["", *states] if states else []),
            outs=outs,
            hidden_size=width,
            **attributes,
        )

    y, _, _ = cell(
        "LSTM", "x", 4, 10, "h0", "c0", outs=["y", "hidden", "cell"], direction="bidirectional"
    )
    y = net("Reshape", net("Transpose", y, perm=[0, 2, 1, 3]), net.constant([0, 0, -1], np.int64))
    y = cell("GRU", y, 3, 2 * width, outs=["g", ""], linear_before_reset=1)[0]
    y = net("Squeeze", y, net.constant([1], np.int64))
    y = cell("GRU", y, 3, width, outs=["k", ""], linear_before_reset=0)[0]
    y = net("Squeeze", y, net.constant([1], np.int64))
    y = cell("RNN", y, 1, width, outs=["r", ""], direction="reverse")[0]
    y = net("Squeeze", y, net.constant([1], np.int64))
    net("MatMul", y, net.weight(width, 5), out="scores")
    state: tuple[int, Shape] = (TensorProto.FLOAT, [2, "n", width])
    inputs: dict[str, tuple[int, Shape]] = {
        "x": (TensorProto.FLOAT, ["t", "n", 10]),
        "h0": state,
        "c0": state,
    }
    return net.model(
        inputs, {"scores": ["t", "n", 5], "hidden": [2, "n", width], "cell": [2, "n", width]}
    )


def tokens() -> onnx.ModelProto:
    """Integers: hashing, division and remainder of negatives, casts; attention with masks."""
    net, width = Net(4), 16
    whole = net(
        "Sub",
        net("Mul", "ids", net.constant(2654435761, np.int64)),
        net.constant(5_000_000_019, np.int64),
    )
    rest = net("Mod", whole, net.constant(61, np.int64))
    bucket = net("Add", rest, net.constant(61, np.int64))
    shifted = net("Sub", "ids", net.constant(25, np.int64))
    group = net("Add", net("Div", shifted, net.constant(4, np.int64)), net.constant(10, np.int64))
    scaled = net("Mul", net("Cast", "ids", to=TensorProto.FLOAT), net.constant(0.37))
    level = net("Cast", scaled, to=TensorProto.INT64)
    halves = net("Div", net("Cast", "ids", to=TensorProto.FLOAT), net.constant(2.0))
    half = net("Cast", net("Round", halves), to=TensorProto.INT64)
    x = net("Gather", net.weight(122, width), bucket)
    for index in (group, level, half):
        x = net("Add", x, net("Gather", net.weight(40, width), index))
    x = net("LayerNormalization", x, net.between(0.5, 1.5, width), net.weight(width), epsilon=1e-5)
    q, k, v = (net("MatMul", x, net.weight(width, width)) for _ in range(3))
    scores = net(
        "Mul", net("MatMul", q, net("Transpose", k, perm=[0, 2, 1])), net.constant(width**-0.5)
    )
    seen = net("Unsqueeze", net("Cast", "mask", to=TensorProto.BOOL), net.constant([1], np.int64))
    scores = net("Where", seen, scores, net.constant(-1e9))
    mixed = net("MatMul", net("Softmax", scores, axis=-1, out="attention"), v)
    x = net("Add", net("MatMul", mixed, net.weight(width, width)), x)
    net("MatMul", x, net.weight(width, 7), out="labels")
    ids: tuple[int, Shape] = (TensorProto.INT64, ["n", "t"])
    return net.model(
        {"ids": ids, "mask": ids}, {"labels": ["n", "t", 7], "attention": ["n", "t", "t"]}
    )


def quantized() -> onnx.ModelProto:
    """Activations in eight bits, by tensor and by channel."""
    net = Net(5)

    def eight_bits(x: str, scale: str, zero: int, channels: int = 0) -> str:
        zeros = net.constant([zero] * channels if channels else zero, np.uint8)
        by: dict[str, Any] = {"axis": 1} if channels else {}
        for op in ("QuantizeLinear", "DequantizeLinear"):
            x = net(op, x, scale, zeros, **by)
        return x

    x = eight_bits("image", net.constant(0.03), 128)
    x = net("Relu", net("Conv", x, net.weight(8, 3, 3, 3), net.weight(8), pads=[1] * 4))
    x = eight_bits(x, net.constant(0.02), 0)
    x = net("Conv", x, net.weight(8, 8, 3, 3), net.weight(8), strides=[2, 2], pads=[1] * 4)
    x = eight_bits(x, net.between(0.01, 0.04, 8), 110, channels=8)
    net("Gemm", net("Flatten", x), net.weight(6, 8 * 8 * 8), net.weight(6), out="logits", transB=1)
    return net.model({"image": (TensorProto.FLOAT, ["n", 3, 16, 16])}, {"logits": ["n", 6]})


def mixer() -> onnx.ModelProto:
    """Dense layers: gates out of a Split, either GELU, soft activations, clipping, a softmax."""
    net, width = Net(6), 32
    x = net("RMSNormalization", "x", net.between(0.5, 1.5, width), epsilon=1e-5)
    a, b = net.several(
        "Split",
        net("MatMul", x, net.weight(width, 2 * width)),
        outs=["a", "b"],
        axis=-1,
        num_outputs=2,
    )
    x = net("Add", net("Mul", a, net("Sigmoid", b)), "x")
    for op, attributes in (
        ("Gelu", {}),
        ("Gelu", {"approximate": "tanh"}),
        ("HardSwish", {}),
        ("Mish", {}),
        ("Softplus", {}),
    ):
        x = net("Add", net(op, net("MatMul", x, net.weight(width, width)), **attributes), x)
        x = net(
            "LayerNormalization", x, net.between(0.5, 1.5, width), net.weight(width), epsilon=1e-6
        )
    x = net("Clip", x, net.constant(-1.0), net.constant(1.5))
    whole = net("Div", net("Round", net("Mul", x, net.constant(2.0))), net.constant(2.0))
    x = net(
        "Slice",
        net("Concat", x, whole, axis=-1),
        *(net.constant([i], np.int64) for i in (8, 56, -1)),
    )
    net("Softmax", net("MatMul", x, net.weight(48, 9)), axis=-1, out="shares")
    return net.model({"x": (TensorProto.FLOAT, ["n", 6, width])}, {"shares": ["n", 6, 9]})


NETS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    function.__name__: function
    for function in (classifier, upscaler, sequences, tokens, quantized, mixer)
}
