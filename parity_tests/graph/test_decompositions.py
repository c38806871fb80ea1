"""Decompositions compute what the operators do that they replace.

What the standard's own suite has cases of: as recorded there. The rest of other domains: ONNX Runtime.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from interop.graph.decompositions.apply import decompose
from interop.graph.decompositions.table import DECOMPOSITIONS, SETTLED

#: Cases of the suite that decompositions refuse or miss, with the reason.
LIMITS = {
    name: reason
    for reason, names in {
        "the image's shape ('image_shape') must be constant": (
            "test_col2im", "test_col2im_5d", "test_col2im_dilations", "test_col2im_pads",
            "test_col2im_strides",
        ),
        "the axis must be constant": (
            "test_dft", "test_dft_axis", "test_dft_inverse", "test_dft_rfft", "test_dft_irfft",
        ),
        "when it stops depends on data": ("test_loop11",),
        "nothing simpler than inference by given statistics": (
            "test_batchnorm_example", "test_batchnorm_example::constant",
            "test_batchnorm_epsilon", "test_batchnorm_epsilon::constant",
        ),
    }.items()
    for name in names
}  # fmt: skip


#: What operators say where they are simple as they are, and which may say it.
SIMPLE = "nothing simpler is known for it"
OFTEN_SIMPLE = {*SETTLED, "Conv"}
#: Scan of opset 8 is another operator (`batched_scan`); the loops' results are sequences.
NOT_HERE = {"test_scan_sum", "test_loop13_seq", "test_loop16_seq_none"}


@cache
def suite_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        found = collect_testcases(None)
    return [
        case
        for case in found
        if len(case.model.graph.node) == 1
        and case.name not in NOT_HERE
        and (case.model.graph.node[0].domain, case.model.graph.node[0].op_type) in DECOMPOSITIONS
    ]


def decomposed(proto, constants=None):
    """The model with each node decomposed, its shapes inferred; every refusal is raised."""
    proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    model = ir.from_proto(proto)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    nodes = [n for n in model.graph if (n.domain, n.op_type) in DECOMPOSITIONS]
    for number, node in enumerate(nodes):
        node.name = f"node_{number}"
    done, refused = decompose(model, nodes)
    assert len(done) == len(nodes), refused
    proto = ir.to_proto(model)
    proto.ir_version = max(proto.ir_version, 10)
    proto = onnx.shape_inference.infer_shapes(
        proto, check_type=True, strict_mode=True, data_prop=True
    )
    onnx.checker.check_model(proto)
    return proto


def run(proto, inputs):
    """By ONNX Runtime; by onnx's reference where that lacks a kernel."""
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        return session.run(None, inputs)
    except Exception:  # noqa: BLE001 — whatever it lacks, the reference decides
        return ReferenceEvaluator(proto).run(None, inputs)


def to_array(tensor):
    is_proto = isinstance(tensor, onnx.TensorProto)
    return numpy_helper.to_array(tensor) if is_proto else np.asarray(tensor)


def upgraded(model):
    """With the default domain at 23 or newer; in it, for decompositions are written in it."""
    version = next((o.version for o in model.opset_import if o.domain == ""), None)
    if version is None:
        done = onnx.ModelProto()
        done.CopyFrom(model)
        done.opset_import.append(onnx.helper.make_opsetid("", 23))
        return done
    return onnx.version_converter.convert_version(model, 23) if version < 23 else model


def close(given, wanted, rtol=1e-3, atol=1e-6):
    if wanted.dtype.kind == "V":  # ONNX Runtime hands out a small float's bits
        given = given.view(wanted.dtype)
    assert given.dtype == wanted.dtype
    assert given.shape == wanted.shape
    if wanted.dtype.kind in "iub":
        np.testing.assert_array_equal(given, wanted)
    else:
        a, b = np.asarray(given, np.float64), np.asarray(wanted, np.float64)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("constant", [False, True], ids=["inputs", "constants"])
@pytest.mark.parametrize("case", suite_cases(), ids=lambda case: case.name)
def test_of_the_suite(case, constant):
    arrays = [to_array(t) for t in case.data_sets[0][0]]
    wanted = [to_array(t) for t in case.data_sets[0][1]]
    model = onnx.ModelProto()
    model.CopyFrom(upgraded(case.model))
    names = [value.name for value in model.graph.input]
    inputs = dict(zip(names, arrays, strict=True))
    if constant:
        for name in names[1:]:
            model.graph.initializer.append(numpy_helper.from_array(inputs.pop(name), name))
        del model.graph.input[1:]
        model.ir_version = max(model.ir_version, 4)
    name = f"{case.name}{'::constant' * constant}"
    if name in LIMITS:
        with pytest.raises(AssertionError, match=re.escape(LIMITS[name])):
            decomposed(model)
        return
    try:
        written = decomposed(model)
    except AssertionError as refusal:
        if SIMPLE not in str(refusal) or case.model.graph.node[0].op_type not in OFTEN_SIMPLE:
            raise
        return
    given = run(written, inputs)
    rtol, atol = max(case.rtol, 1e-3), max(case.atol, 1e-6)
    for got, expected in zip(given, wanted, strict=True):
        if expected.dtype.itemsize <= 2 and expected.dtype.kind in "fV":
            rtol, atol = 1e-2, 1e-3
        close(np.asarray(got), expected, rtol, atol)


def floats(*shape, seed=0, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def integers(*shape, dtype=np.uint8, seed=0):
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, endpoint=True)


@dataclass(frozen=True)
class Own:
    """A node of ours, which ONNX Runtime has a kernel for: inputs (None where absent), attributes."""

    domain: str
    op_type: str
    inputs: tuple
    attributes: dict = field(default_factory=dict)
    outputs: tuple = (onnx.TensorProto.FLOAT,)  # 0 where an output is not asked for
    atol: float = 1e-5
    step: int = 0  # by how much integers may differ, where a quotient lies between two of them

    def model(self):
        names = ["" if x is None else f"x{i}" for i, x in enumerate(self.inputs)]
        made = [f"y{i}" if kind else "" for i, kind in enumerate(self.outputs)]
        node = onnx.helper.make_node(
            self.op_type, names, made, domain=self.domain, **self.attributes
        )
        inputs = [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape
            )
            for name, x in zip(names, self.inputs, strict=True)
            if name
        ]
        outputs = [
            onnx.helper.make_tensor_value_info(name, kind, None)
            for name, kind in zip(made, self.outputs, strict=True)
            if name
        ]
        graph = onnx.helper.make_graph([node], "own", inputs, outputs)
        opsets = [onnx.helper.make_opsetid("", 21 if self.domain == "" else 23)]
        if self.domain:
            version = {"ai.onnx.ml": 5 if self.op_type == "TreeEnsemble" else 3}.get(self.domain, 1)
            opsets.append(onnx.helper.make_opsetid(self.domain, version))
        return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)


MS = "com.microsoft"
FLOAT, INT8, UINT8, INT32 = (
    onnx.TensorProto.FLOAT, onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT32,
)  # fmt: skip


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


def rotary(length, half):
    angles = np.arange(length)[:, None] / 10 ** np.arange(half)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def ids(*shape, below):
    return np.random.default_rng(5).integers(0, below, shape).astype(np.int32)


Q = (scalar(0.02), scalar(120, np.uint8))
R = (scalar(0.05), scalar(130, np.uint8))
S = (scalar(0.03), scalar(100, np.uint8))
U = (UINT8,)
IMAGE = floats(2, 4, 7, 8)
TOKENS = floats(2, 5, 12)
CACHE = (floats(2, 2, 3, 4, seed=3), floats(2, 2, 3, 4, seed=4))

ML = "ai.onnx.ml"
INT64 = onnx.TensorProto.INT64

#: Two trees: x0 <= 0.1 ? (x2 <= -0.3 ? leaf : leaf) : leaf, and x1 <= 0 ? leaf : leaf.
TREES = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 2, 0, 0, 0, 1, 0, 0],
    "nodes_values": [0.1, -0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "nodes_modes": [
        "BRANCH_LEQ",
        "BRANCH_LEQ",
        "LEAF",
        "LEAF",
        "LEAF",
        "BRANCH_LEQ",
        "LEAF",
        "LEAF",
    ],
    "nodes_truenodeids": [1, 3, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [2, 4, 0, 0, 0, 2, 0, 0],
}


def leaves(kind):
    return {
        f"{kind}_treeids": [0, 0, 0, 1, 1, 1],
        f"{kind}_nodeids": [2, 3, 4, 1, 2, 2],
        f"{kind}_ids": [0, 1, 0, 1, 0, 1],
        f"{kind}_weights": [0.5, -1.0, 0.25, 2.0, -0.75, 0.125],
    }


def mixed_trees(**attributes):
    """Two trees whose nodes compare in different ways: below, above, and whether it is one of some."""
    as_tensor = numpy_helper.from_array
    return {
        "tree_roots": [0, 2],
        "nodes_modes": as_tensor(np.array([0, 6, 3], np.uint8)),
        "nodes_splits": as_tensor(np.array([2.5, 0, 1], np.float32)),
        "nodes_featureids": [0, 1, 2],
        "nodes_truenodeids": [1, 0, 3],
        "nodes_trueleafs": [0, 1, 1],
        "nodes_falsenodeids": [2, 1, 4],
        "nodes_falseleafs": [1, 1, 1],
        "leaf_targetids": [i % attributes["n_targets"] for i in range(5)],
        "leaf_weights": as_tensor(np.array([0.5, -1, 0.25, 2, -0.75], np.float32)),
        "membership_values": as_tensor(np.array([1, 3, np.nan], np.float32)),
        **attributes,
    }


OWN = [
    Own(ML, "Scaler", (floats(4, 3),), {"offset": [0.1, 0.2, 0.3], "scale": [1.0, 2.0, 3.0]}),
    Own(ML, "Normalizer", (floats(4, 3),), {"norm": "L2"}),
    Own(ML, "Normalizer", (floats(4, 3),), {"norm": "L1"}),
    Own(ML, "Normalizer", (floats(4, 3, low=0.1),), {"norm": "MAX"}),
    Own(ML, "Binarizer", (floats(4, 3),), {"threshold": 0.2}),
    Own(ML, "ArrayFeatureExtractor", (floats(4, 5), np.array([3, 0], np.int64))),
    Own(ML, "FeatureVectorizer", (floats(4, 3), floats(4, 2)), {"inputdimensions": [3, 2]}),
    Own(ML, "Imputer", (np.array([[1, np.nan], [np.nan, 2]], np.float32),),
        {"imputed_value_floats": [5.0, 6.0], "replaced_value_float": float("nan")}),
    Own(ML, "LabelEncoder", (ids(3, 4, below=5).astype(np.int64),),
        {"keys_int64s": [1, 3, 4], "values_floats": [0.5, 1.5, 2.5], "default_float": -2.0}),
    Own(ML, "LinearRegressor", (floats(4, 3),),
        {"coefficients": [0.1, 0.2, 0.3, -0.1, -0.2, 0.4], "intercepts": [0.5, -0.5], "targets": 2}),
    Own(ML, "LinearClassifier", (floats(4, 2),), {
        "coefficients": [0.1, 0.2, 0.3, -0.1, -0.2, 0.4], "intercepts": [0.5, -0.5, 0.1],
        "classlabels_ints": [3, 5, 7], "post_transform": "SOFTMAX",
    }, (INT64, FLOAT)),
    Own(ML, "TreeEnsemble", (ids(9, 3, below=5).astype(np.float32),), mixed_trees(aggregate_function=1, n_targets=2)),
    Own(ML, "TreeEnsemble", (ids(9, 3, below=5).astype(np.float32),), mixed_trees(aggregate_function=3, n_targets=1)),
    Own(ML, "TreeEnsembleRegressor", (floats(9, 3),), {**TREES, **leaves("target"), "n_targets": 2}),
    Own(ML, "TreeEnsembleRegressor", (floats(9, 3),), {
        **TREES, "target_treeids": [0, 0, 0, 1, 1], "target_nodeids": [2, 3, 4, 1, 2], "target_ids": [0] * 5,
        "target_weights": [0.5, -1.0, 0.25, 2.0, -0.75], "n_targets": 1, "base_values": [0.5], "aggregate_function": "AVERAGE",
    }),
    Own(ML, "TreeEnsembleClassifier", (floats(9, 3),), {
        **TREES, **leaves("class"), "classlabels_int64s": [4, 9, 2], "post_transform": "LOGISTIC",
    }, (INT64, FLOAT)),
    Own("", "MaxRoiPool", (
        floats(2, 3, 9, 11),
        np.array([[0, 1, 1, 6, 5], [1, 0, 2, 10, 8], [1, 9, 7, 20, 20]], np.float32),
    ), {"pooled_shape": [3, 4], "spatial_scale": 0.75}),
    Own("", "GlobalLpPool", (IMAGE,), {"p": 3}),
    Own("", "Conv", (IMAGE, floats(6, 2, 3, 3), floats(6)),
        {"group": 2, "pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2]}),
    Own("", "ConvTranspose", (IMAGE, floats(4, 3, 3, 2), floats(6)),
        {"group": 2, "pads": [1, 0, 0, 1], "strides": [2, 3], "dilations": [1, 2], "output_padding": [1, 0]}),
    Own("", "LSTM", (floats(5, 2, 3), floats(2, 16, 3), floats(2, 16, 4), floats(2, 32), np.array([5, 3], np.int32),
        floats(2, 2, 4, seed=1), floats(2, 2, 4, seed=2), floats(2, 12)),
        {"hidden_size": 4, "direction": "bidirectional", "clip": 0.5, "input_forget": 1}, (FLOAT, FLOAT, FLOAT)),
    Own("", "LSTM", (floats(5, 2, 3), floats(1, 16, 3), floats(1, 16, 4)),
        {"hidden_size": 4, "direction": "reverse", "activations": ["HardSigmoid", "LeakyRelu", "ScaledTanh"],
         "activation_alpha": [0.3, 0.2, 1.5], "activation_beta": [0.4, 0.7]}, (FLOAT, FLOAT, FLOAT)),
    Own("", "GRU", (floats(5, 2, 3), floats(2, 12, 3), floats(2, 12, 4), floats(2, 24), np.array([2, 5], np.int32)),
        {"hidden_size": 4, "direction": "bidirectional", "linear_before_reset": 1,
         "activations": ["Sigmoid", "Relu", "HardSigmoid", "Elu"], "activation_alpha": [0.3, 0.6], "activation_beta": [0.45]},
        (FLOAT, FLOAT)),
    Own("", "RNN", (floats(5, 2, 3), floats(1, 4, 3), floats(1, 4, 4), floats(1, 8)),
        {"hidden_size": 4, "activations": ["Affine"], "activation_alpha": [0.5], "activation_beta": [0.1]}, (FLOAT, FLOAT)),
    Own(MS, "Gelu", (IMAGE,)),
    Own(MS, "BiasGelu", (TOKENS, floats(12))),
    Own(MS, "FastGelu", (TOKENS, floats(12))),
    Own(MS, "FastGelu", (TOKENS,)),
    Own(MS, "QuickGelu", (IMAGE,), {"alpha": 1.5}),
    Own(MS, "FusedConv", (IMAGE, floats(6, 2, 3, 3), floats(6), floats(2, 6, 7, 8, seed=1)),
        {"activation": "Relu", "group": 2, "pads": [1, 1, 1, 1]}),
    Own(MS, "FusedConv", (IMAGE, floats(6, 4, 3, 3)), {"activation": "LeakyRelu", "activation_params": [0.2]}),
    Own(MS, "FusedConv", (IMAGE, floats(6, 4, 3, 3), floats(6)), {"activation": "Clip", "activation_params": [0.0, 0.6]}),
    Own(MS, "FusedConv", (IMAGE, floats(6, 4, 3, 3), floats(6)), {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]}),
    Own(MS, "FusedGemm", (floats(3, 4), floats(5, 4), floats(5)),
        {"activation": "LeakyRelu", "activation_alpha": 0.3, "transB": 1, "alpha": 0.5}),
    Own(MS, "FusedMatMul", (floats(2, 3, 5, 4), floats(2, 3, 6, 5)), {"transA": 1, "transB": 1, "alpha": 0.3}),
    Own(MS, "FusedMatMul", (floats(3, 2, 4, 5), floats(2, 4, 5, 6)), {"transBatchA": 1, "transA": 0, "alpha": 2.0}),
    Own(MS, "TransposeMatMul", (floats(2, 5, 4), floats(2, 5, 6)), {"transA": 1}),
    Own(MS, "SkipLayerNormalization", (TOKENS, floats(2, 5, 12, seed=1), floats(12), floats(12, seed=2), floats(12, seed=3)),
        {"epsilon": 1e-5}, (FLOAT, 0, 0, FLOAT)),
    Own(MS, "SkipLayerNormalization", (TOKENS, floats(2, 5, 12, seed=1), floats(12), floats(12, seed=2))),
    Own(MS, "SkipSimplifiedLayerNormalization", (TOKENS, floats(2, 5, 12, seed=1), floats(12), floats(12, seed=3)),
        {"epsilon": 1e-5}, (FLOAT, 0, 0, FLOAT)),
    Own(MS, "EmbedLayerNormalization", (
        ids(2, 5, below=9), ids(2, 5, below=2), floats(9, 8), floats(7, 8), floats(2, 8), floats(8), floats(8), ids(2, 5, below=2),
    ), {"epsilon": 1e-5}, (FLOAT, INT32)),
    Own(MS, "Attention", (TOKENS, floats(12, 36), floats(36), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)), {"num_heads": 3}),
    Own(MS, "Attention", (TOKENS, floats(12, 36), floats(36), np.array([3, 5], np.int32)), {"num_heads": 3}),
    Own(MS, "Attention", (TOKENS, floats(12, 24), floats(24), None, floats(2, 2, 2, 3, 4)), {"num_heads": 2, "unidirectional": 1},
        (FLOAT, FLOAT)),
    Own(MS, "MultiHeadAttention", (TOKENS, floats(2, 6, 12, seed=1), floats(2, 6, 12, seed=2), floats(36)), {"num_heads": 3}),
    Own(MS, "MultiHeadAttention", (
        TOKENS, floats(2, 6, 12, seed=1), floats(2, 6, 12, seed=2), None,
        np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], np.int32), floats(1, 3, 5, 6, seed=4),
    ), {"num_heads": 3}),
    Own(MS, "MultiHeadAttention", (
        TOKENS[:, :, :8].copy(), floats(2, 5, 8, seed=1), floats(2, 5, 8, seed=2), None, None, None, *CACHE,
    ), {"num_heads": 2, "unidirectional": 1}, (FLOAT, FLOAT, FLOAT)),
    Own(MS, "RotaryEmbedding", (floats(2, 5, 24), np.array([2], np.int64), *rotary(9, 4))),
    Own(MS, "RotaryEmbedding", (floats(2, 3, 5, 8), ids(2, 5, below=9).astype(np.int64), *rotary(9, 4)), {"interleaved": 1}),
    Own(MS, "GroupQueryAttention", (
        floats(2, 5, 64), floats(2, 5, 32, seed=1), floats(2, 5, 32, seed=2), np.zeros((2, 2, 0, 16), np.float32),
        np.zeros((2, 2, 0, 16), np.float32), np.array([4, 4], np.int32), scalar(5, np.int32), *rotary(9, 8),
    ), {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1}, (FLOAT, FLOAT, FLOAT)),
    Own(MS, "GroupQueryAttention", (
        floats(2, 1, 64), floats(2, 1, 32, seed=1), floats(2, 1, 32, seed=2), floats(2, 2, 3, 16, seed=3),
        floats(2, 2, 3, 16, seed=4), np.array([3, 3], np.int32), scalar(4, np.int32), *rotary(9, 8),
    ), {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1, "local_window_size": 2}, (FLOAT, FLOAT, FLOAT)),
    Own(MS, "CropAndResize", (
        IMAGE, np.array([[0.1, 0.2, 0.8, 1.0], [-0.2, 0, 1.2, 0.5]], np.float32), np.array([1, 0], np.int32), np.array([3, 4], np.int32),
    ), {"extrapolation_value": 0.5}),
    Own(MS, "QuantizeLinear", (IMAGE, *Q), {}, U),
    Own(MS, "DequantizeLinear", (integers(3, 4), *Q)),
    Own(MS, "DynamicQuantizeMatMul", (floats(3, 8), integers(8, 5, dtype=np.int8), floats(5, low=0.1), integers(5, dtype=np.int8), floats(5))),
    Own(MS, "MatMulIntegerToFloat", (
        integers(3, 8), integers(8, 5, dtype=np.int8), scalar(0.1), floats(5, low=0.1), scalar(120, np.uint8), integers(5, dtype=np.int8), floats(5),
    )),
    Own(MS, "MatMulNBits", (floats(2, 3, 64), integers(5, 2, 16), floats(10)), {"K": 64, "N": 5, "bits": 4, "block_size": 32}, atol=2e-4),
    Own(MS, "MatMulNBits", (floats(3, 80), integers(5, 3, 16), floats(15), integers(10)), {"K": 80, "N": 5, "bits": 4, "block_size": 32}, atol=2e-4),
    Own(MS, "MatMulNBits", (floats(3, 64), integers(5, 2, 32), floats(10)), {"K": 64, "N": 5, "bits": 8, "block_size": 32}, atol=2e-3),
    Own(MS, "QLinearAdd", (integers(3, 4), *Q, integers(4, seed=1), *R, *S), {}, U),
    Own(MS, "QLinearMul", (integers(3, 4), *Q, integers(4, seed=1), *R, *S), {}, U),
    Own(MS, "QLinearSigmoid", (integers(3, 4), *Q, scalar(1 / 256), scalar(0, np.uint8)), {}, U),
    Own(MS, "QLinearLeakyRelu", (integers(3, 4), *Q, *S), {"alpha": 0.2}, U),
    Own(MS, "QLinearSoftmax", (integers(3, 4), *Q, scalar(1 / 256), scalar(0, np.uint8)), {"axis": -1, "opset": 13}, U),
    Own(MS, "QLinearAveragePool", (integers(2, 3, 6, 7), *Q, *S), {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1]}, U, step=1),
    Own(MS, "QLinearGlobalAveragePool", (integers(2, 3, 6, 7), *Q, *S), {}, U),
    Own(MS, "QLinearConcat", (*S, integers(2, 3), *Q, integers(2, 4, seed=1), *R), {"axis": 1}, U),
]  # fmt: skip


@pytest.mark.parametrize("constant", [False, True], ids=["inputs", "constants"])
@pytest.mark.parametrize(
    ("number", "own"), list(enumerate(OWN)), ids=[f"{o.op_type}-{i}" for i, o in enumerate(OWN)]
)
def test_beside_onnx_runtime(number, own, constant):
    model = own.model()
    inputs = {f"x{i}": x for i, x in enumerate(own.inputs) if x is not None}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    wanted = session.run(None, inputs)
    if constant:
        for name in list(inputs)[1:]:
            model.graph.initializer.append(numpy_helper.from_array(inputs.pop(name), name))
        del model.graph.input[1:]
    given = run(decomposed(model), inputs)
    for got, expected in zip(given, wanted, strict=True):
        got, expected = np.asarray(got), np.asarray(expected)
        if own.step:
            assert got.dtype == expected.dtype
            assert np.max(np.abs(got.astype(int) - expected.astype(int))) <= own.step
            continue
        close(got, expected, 1e-4, own.atol)


def test_each_has_a_case():
    nodes = [case.model.graph.node[0] for case in suite_cases()]
    met = {(node.domain, node.op_type) for node in nodes}
    assert met | {(own.domain, own.op_type) for own in OWN} >= set(DECOMPOSITIONS)


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_some_are_not_simple(name):
    """At least one case of the suite is rewritten, and so tested above."""
    for case in suite_cases():
        if case.model.graph.node[0].op_type == name:
            try:
                decomposed(upgraded(case.model))
            except AssertionError:
                continue
            return
    pytest.fail(f"no case of {name} is rewritten")
