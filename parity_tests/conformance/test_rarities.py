"""What the standard's own cases leave out: parameters known only at run time, sizes that are not
known, rare attributes, dtypes below eight bits. ONNX Runtime says what is right."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from suite import Case
from test_conformance import run

FRAMEWORKS = ["tensorflow"]

pytestmark = pytest.mark.slow

_RNG = np.random.default_rng(0)


def _floats(*shape):
    return _RNG.standard_normal(shape).astype(np.float32)


def _ints(*values):
    return np.array(values, np.int64)


def _scalar(value, dtype=np.float32):
    return np.array(value, dtype)


def _bytes(*shape):
    return _RNG.integers(0, 255, shape).astype(np.uint8)


X, IMAGE = _floats(2, 3, 4), _floats(1, 2, 4, 4)
BOXES = _floats(1, 6, 4)
BOXES[..., 2:] = BOXES[..., :2] + np.abs(BOXES[..., 2:])
ROIS = np.array([[1, 1, 9, 12], [4, 0, 17, 6], [0, 0, 3, 3]], np.float32)
GRID = _floats(2, 4, 3, 2)
INT4_ZERO = np.array(1, ml_dtypes.int4)


def _node(operator, inputs, outputs="y", **attributes):
    return helper.make_node(operator, inputs.split(","), outputs.split(","), **attributes)


def _growing():
    """A Loop whose state gets longer with every step."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [_node("Concat", "s,x1", "s2", axis=0), _node("Identity", "going", "still")],
        "body",
        [value("i", 7, []), value("going", 9, []), value("s", 1, None)],
        [value("still", 9, []), value("s2", 1, None)],
    )
    return [_node("Loop", "n,c,x", body=body)]


#: Name → nodes, what is fed (its sizes unknown), what is an initializer.
CASES = {
    "split_unknown": ([_node("Split", "x", "p,q", axis=1, num_outputs=2)], {"x": X}, {}),
    "squeeze": ([_node("Squeeze", "x,a")], {"x": _floats(1, 3, 1, 2), "a": _ints(0, -2)}, {}),
    "unsqueeze": ([_node("Unsqueeze", "x,a")], {"x": X, "a": _ints(-1, 0)}, {}),
    "reduce_all": ([_node("ReduceSum", "x,a")], {"x": X, "a": _ints()}, {}),
    "reduce_none": (
        [_node("ReduceSum", "x,a", noop_with_empty_axes=1)],
        {"x": X, "a": _ints()},
        {},
    ),
    "reduce": ([_node("ReduceMax", "x,a", keepdims=0)], {"x": X, "a": _ints(1, -1)}, {}),
    "pad": ([_node("Pad", "x,p,,a")], {"x": X, "p": _ints(2, -1, 1, 2), "a": _ints(2, -2)}, {}),
    **{
        f"pad_{mode}": (
            [_node("Pad", "x,p,,a", mode=mode)],
            {"x": X, "p": _ints(2, 1, 1, 2), "a": _ints(2, -2)},
            {},
        )
        for mode in ("edge", "reflect", "wrap")
    },
    "slice": (
        [_node("Slice", "x,s,e,a,t")],
        {"x": X, "s": _ints(-1, 0), "e": _ints(-99, 2), "a": _ints(-1, 1), "t": _ints(-2, 1)},
        {},
    ),
    "slice_first_axes": (
        [_node("Slice", "x,s,e")],
        {"x": X, "s": _ints(0, 1), "e": _ints(2, 99)},
        {},
    ),
    "reshape": ([_node("Reshape", "x,s")], {"x": X, "s": _ints(0, -1)}, {}),
    "expand": ([_node("Expand", "x,s")], {"x": _floats(3, 1), "s": _ints(2, 1, 6)}, {}),
    "tile": ([_node("Tile", "x,s")], {"x": _floats(3, 1), "s": _ints(2, 3)}, {}),
    "top_k": (
        [_node("TopK", "x,k", "y,i", largest=0, axis=1)],
        {"x": X, "k": _ints(2)},
        {},
    ),
    "one_hot": (
        [_node("OneHot", "i,d,v", axis=-2)],
        {"i": np.array([[1, -1], [0, 9]]), "d": _scalar(4, np.int64), "v": _floats(2)},
        {},
    ),
    "tril": ([_node("Trilu", "x,k", upper=0)], {"x": X, "k": _scalar(-1, np.int64)}, {}),
    "resize_scales": (
        [_node("Resize", "x,,s", mode="linear")],
        {"x": IMAGE, "s": np.array([1, 1, 1.5, 2], np.float32)},
        {},
    ),
    "resize_sizes": (
        [_node("Resize", "x,,,s", mode="cubic")],
        {"x": IMAGE, "s": _ints(1, 2, 7, 3)},
        {},
    ),
    "clip": (
        [_node("Clip", "x,a,b")],
        {"x": X, "a": _scalar(-0.5), "b": _scalar(0.4)},
        {},
    ),
    "cum_sum": ([_node("CumSum", "x,a", exclusive=1)], {"x": X, "a": _ints(-1)}, {}),
    "less_than_int8": (
        [_node("Less", "a,x", "c"), _node("Where", "c,a,x")],
        {"x": np.array([-7, 7, -8], np.int8)},
        {"a": _scalar(0, np.int8)},
    ),
    "loop_grows": (
        _growing(),
        {"x": _floats(1, 3), "x1": _floats(2, 3)},
        {"n": _scalar(4, np.int64), "c": _scalar(True, bool)},
    ),
    "sequence_at": (
        [_node("SequenceConstruct", "x,w", "s"), _node("SequenceAt", "s,p")],
        {"x": X, "w": 2 * X, "p": _scalar(-1, np.int64)},
        {},
    ),
    "sequence_split": (
        [
            _node("SplitToSequence", "x,n", "s", axis=1),
            _node("SequenceErase", "s,p", "t"),
            _node("ConcatFromSequence", "t", axis=1),
        ],
        {"x": X},
        {"n": _scalar(2, np.int64), "p": _scalar(0, np.int64)},
    ),
    "unique_unsorted": (
        [_node("Unique", "x", "y,f,i,c", sorted=0)],
        {"x": _ints(3, 1, 3, 2, 1, 0)},
        {},
    ),
    "max_pool_indices": (
        [_node("MaxPool", "x", "y,i", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])],
        {"x": _floats(2, 3, 7, 8)},
        {},
    ),
    "max_pool_indices_by_column": (
        [_node("MaxPool", "x", "y,i", kernel_shape=[3, 2], storage_order=1)],
        {"x": _floats(2, 3, 7, 8)},
        {},
    ),
    "max_roi_pool": (
        [_node("MaxRoiPool", "x,r", pooled_shape=[2, 3], spatial_scale=0.5)],
        {"x": _floats(2, 3, 8, 9), "r": np.insert(ROIS, 0, [0, 1, 1], axis=1)},
        {},
    ),
    "roi_align": (
        [_node("RoiAlign", "x,r,b", output_height=3, output_width=2, spatial_scale=0.5)],
        {"x": _floats(2, 3, 8, 9), "r": ROIS, "b": _ints(0, 1, 1)},
        {},
    ),
    "grid_sample_cubic": (
        [_node("GridSample", "x,g", mode="cubic", padding_mode="reflection")],
        {"x": _floats(2, 3, 5, 6), "g": GRID},
        {},
    ),
    "grid_sample_border": (
        [_node("GridSample", "x,g", padding_mode="border", align_corners=1)],
        {"x": _floats(2, 3, 5, 6), "g": 2 * GRID},
        {},
    ),
    "non_max_suppression": (
        [_node("NonMaxSuppression", "b,s,m,i,t")],
        {"b": BOXES, "s": _floats(1, 3, 6)},
        {"m": _ints(3), "i": _scalar([0.3]), "t": _scalar([-0.2])},
    ),
    "stft": (
        [_node("STFT", "x,n,w")],
        {"x": _floats(2, 100, 1)},
        {"n": _scalar(10, np.int64), "w": np.hanning(16).astype(np.float32)},
    ),
    "dft": (
        [_node("DFT", "x,,a")],
        {"x": _floats(2, 6, 5, 2), "a": _scalar(1, np.int64)},
        {},
    ),
    "qlinear_conv": (
        [_node("QLinearConv", "x,xs,xz,w,ws,wz,ys,yz,b", pads=[1, 1, 1, 1])],
        {"x": _bytes(2, 4, 6, 6)},
        {
            "xs": _scalar(0.02), "xz": _scalar(120, np.uint8),
            "w": (_bytes(5, 4, 3, 3) - 128.0).astype(np.int8), "ws": np.abs(_floats(5)) * 0.01,
            "wz": np.zeros(5, np.int8), "ys": _scalar(0.05), "yz": _scalar(100, np.uint8),
            "b": _RNG.integers(-999, 999, 5).astype(np.int32),
        },
    ),
    "conv_integer": (
        [_node("ConvInteger", "x,w,xz,wz", strides=[2, 2], pads=[1, 1, 1, 1])],
        {"x": _bytes(2, 4, 6, 6)},
        {"w": _bytes(5, 4, 3, 3), "xz": _scalar(120, np.uint8), "wz": _scalar(7, np.uint8)},
    ),
    "int4": (
        [_node("QuantizeLinear", "x,s,z", "d"), _node("DequantizeLinear", "d,s,z")],
        {"x": X},
        {"s": _scalar(0.2), "z": INT4_ZERO},
    ),
    **{
        f"float8_{to}": (
            [_node("Cast", "x", "d", to=to), _node("Cast", "d", to=TensorProto.FLOAT)],
            {"x": np.array([1.3, -500, 5e6, np.inf, 7.6, 1e-9, 0.07], np.float32)},
            {},
        )
        for to in (TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2)
    },
}  # fmt: skip


#: Inputs whose sizes have to be known, by case.
KNOWN = {"resize_scales": "s", "resize_sizes": "s", "sequence_split": "x"}


def _case(name, *, sizes_known):
    nodes, fed, kept = CASES[name]
    inputs = [
        helper.make_tensor_value_info(
            key,
            helper.np_dtype_to_tensor_dtype(array.dtype),
            array.shape
            if sizes_known or key in KNOWN.get(name, "")
            else [f"{key}{axis}" for axis in range(array.ndim)],
        )
        for key, array in fed.items()
    ]
    outputs = [helper.make_value_info(key, onnx.TypeProto()) for key in nodes[-1].output]
    weights = [numpy_helper.from_array(array, key) for key, array in kept.items()]
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    model = onnx.shape_inference.infer_shapes(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = session.run(None, fed)
    title = f"{name}_{'known' if sizes_known else 'unknown'}"
    return Case(title, model, tuple(fed.values()), tuple(wanted), 1e-4, 1e-5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_rarities(framework, open_worker, tmp_path):
    cases = [_case(name, sizes_known=known) for name in CASES for known in (True, False)]
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    failed = {name: reason for name, reason in outcome.items() if reason}
    assert failed == {}
