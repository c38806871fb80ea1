"""Each operator in each plain dtype that the standard allows it, judged by onnx's own evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator
from suite import Case

OPSET = 23

DTYPES = {
    name: np.dtype(getattr(ml_dtypes, name, name))
    for name in ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32", "float64"]
}  # fmt: skip

_NAMES = {"float32": "float", "float64": "double"}

_SHAPE = (3, 4)


class Drawn:
    """An input of the dtype in question: anything, `small` numbers, or those above zero."""

    def __init__(self, *shape: int, kind: str = "any", dtype: str | None = None) -> None:
        self.shape, self.kind, self.dtype = shape or _SHAPE, kind, dtype

    def draw(self, name: str, rng: np.random.Generator) -> np.ndarray:
        dtype = DTYPES[self.dtype or name]
        if dtype.kind == "b":
            return rng.integers(0, 2, self.shape).astype(bool)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if self.kind == "any":
                return rng.integers(limits.min, limits.max, self.shape, dtype, endpoint=True)
            least = 1 if self.kind == "positive" or dtype.kind == "u" else -4
            return rng.integers(least, 5, self.shape).astype(dtype)
        drawn = rng.standard_normal(self.shape)
        return (np.abs(drawn) + 0.1 if self.kind == "positive" else drawn).astype(dtype)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


_X, _SMALL, _POSITIVE = Drawn(), Drawn(kind="small"), Drawn(kind="positive")
_SCALAR = Drawn(1, kind="positive")

#: Operator, inputs (drawn, or as they stand), attributes.
Row = tuple[str, list[Any], dict[str, Any]]

_UNARY = [
    "Abs",
    "Neg",
    "Sign",
    "Relu",
    "Ceil",
    "Floor",
    "Round",
    "Exp",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Elu",
    "Selu",
    "Celu",
    "LeakyRelu",
    "HardSigmoid",
    "HardSwish",
    "Mish",
    "Gelu",
    "ThresholdedRelu",
    "Shrink",
    "Erf",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Atanh",
    "IsNaN",
    "IsInf",
    "BitwiseNot",
    "Not",
    "Softmax",
    "LogSoftmax",
    "Hardmax",
    "Identity",
    "Transpose",
    "Shape",
    "Size",
    "Flatten",
    "NonZero",
    "LpNormalization",
    "EyeLike",
]
_BINARY = [
    "Add",
    "Sub",
    "Mul",
    "Max",
    "Min",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "And",
    "Or",
    "Xor",
    "Sum",
    "Mean",
]
_REDUCTIONS = ["L1", "L2", "Max", "Mean", "Min", "Prod", "Sum"]
_SCATTERED = np.array([[0, 1], [2, 3]])
_PADS = _ints(1, 0, 0, 2)


def rows() -> Iterator[Row]:
    for name in _UNARY:
        yield name, [_X], {}
    for name in ("Sqrt", "Log", "Reciprocal", "Acosh"):
        yield name, [_POSITIVE], {}
    for name in _BINARY:
        yield name, [_X, _X], {}
    for name in _REDUCTIONS:
        yield f"Reduce{name}", [_POSITIVE, _ints(1)], {}
        yield f"Reduce{name}", [_POSITIVE], {"keepdims": 0}
    for name in ("ArgMax", "ArgMin"):
        yield name, [_X], {"axis": 1}
        yield name, [_SMALL], {"axis": 1, "select_last_index": 1}
    for reduction in ("none", "add", "mul", "max", "min"):
        small = Drawn(2, 2, kind="small")
        how = {"axis": 1, "reduction": reduction}
        yield "ScatterElements", [_SMALL, _SCATTERED, small], how
        yield "ScatterND", [_SMALL, _SCATTERED, Drawn(2, kind="small")], {"reduction": reduction}
    for mode in ("reflect", "edge", "wrap"):
        yield "Pad", [_X, _PADS], {"mode": mode}
    yield from _ELEMENTWISE
    yield from _ARRANGEMENT
    yield from _NETWORK
    for name, dtype in DTYPES.items():
        kind = helper.np_dtype_to_tensor_dtype(dtype)
        yield "Cast", [_SMALL if name == "bool" else _POSITIVE], {"to": kind}
    yield "CastLike", [Drawn(kind="positive", dtype="float32"), _X], {}


_ELEMENTWISE: list[Row] = [
    ("PRelu", [_SMALL, _SMALL], {}),
    ("Div", [_X, _POSITIVE], {}),
    ("Pow", [_POSITIVE, _POSITIVE], {}),
    ("Mod", [_X, _POSITIVE], {}),
    ("Mod", [_X, _POSITIVE], {"fmod": 1}),
    ("BitShift", [_X, _POSITIVE], {"direction": "LEFT"}),
    ("BitShift", [_X, _POSITIVE], {"direction": "RIGHT"}),
    ("Where", [Drawn(dtype="bool"), _X, _X], {}),
    ("CumSum", [_SMALL, np.array(1)], {"exclusive": 1, "reverse": 1}),
    ("TopK", [_X, _ints(2)], {}),
    ("TopK", [_X, _ints(2)], {"largest": 0, "axis": 0}),
    ("DequantizeLinear", [_X, np.array(0.05, np.float32)], {}),
]

_ARRANGEMENT: list[Row] = [
    ("Concat", [_X, _X], {"axis": 1}),
    ("Gather", [_X, _ints(2, 0)], {"axis": 1}),
    ("GatherElements", [_X, np.array([[0, 1], [2, -1], [3, 0]])], {"axis": 1}),
    ("GatherND", [_X, np.array([[0, 1], [2, -1]])], {}),
    ("Compress", [_X, np.array([True, False, True])], {"axis": 0}),
    ("Tile", [_X, _ints(2, 1)], {}),
    ("Expand", [_X, _ints(2, 3, 4)], {}),
    ("Pad", [_X, _PADS], {}),
    ("Pad", [_X, _ints(7, 0, 0, 9)], {"mode": "reflect"}),
    ("Slice", [_X, _ints(0, 3), _ints(2, -9), _ints(0, 1), _ints(1, -1)], {}),
    ("Squeeze", [Drawn(1, 3), _ints(0)], {}),
    ("Unsqueeze", [_X, _ints(-1, 0)], {}),
    ("Reshape", [_X, _ints(2, -1)], {}),
    ("Trilu", [_X, np.array(1)], {}),
    ("EyeLike", [_X], {"k": 1}),
    ("ReverseSequence", [_X, _ints(1, 2, 3, 0)], {}),
    ("Unique", [_SMALL], {}),
    ("Unique", [_SMALL], {"axis": 1}),
    ("DepthToSpace", [Drawn(1, 8, 2, 3)], {"blocksize": 2}),
    ("DepthToSpace", [Drawn(1, 8, 2, 3)], {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", [Drawn(1, 2, 4, 6)], {"blocksize": 2}),
]

_NETWORK: list[Row] = [
    ("MatMul", [_X, Drawn(4, 2)], {}),
    ("Gemm", [_SMALL, Drawn(4, 2, kind="small"), Drawn(3, 1, kind="small")], {"alpha": 2.0}),
    ("Einsum", [_SMALL, Drawn(4, 2, kind="small")], {"equation": "ij,jk->ki"}),
    ("MatMulInteger", [_X, Drawn(4, 2)], {}),
    ("MaxPool", [Drawn(1, 2, 4, 4)], {"kernel_shape": [2, 2]}),
    ("AveragePool", [Drawn(1, 2, 4, 4)], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}),
    ("LpPool", [Drawn(1, 2, 4, 4)], {"kernel_shape": [2, 2]}),
    ("GlobalAveragePool", [Drawn(1, 2, 4, 4)], {}),
    ("GlobalMaxPool", [Drawn(1, 2, 4, 4)], {}),
    ("Conv", [Drawn(1, 2, 5, 5), Drawn(3, 2, 3, 3), Drawn(3)], {"pads": [1, 1, 1, 1]}),
    ("Conv", [Drawn(1, 2, 5), Drawn(3, 2, 3)], {}),
    ("Conv", [Drawn(1, 2, 5, 5), Drawn(2, 1, 3, 3)], {"group": 2}),
    ("Conv", [Drawn(1, 2, 5, 5, 5), Drawn(2, 2, 3, 3, 3)], {}),
    ("ConvTranspose", [Drawn(1, 2, 4, 4), Drawn(2, 3, 3, 3)], {"strides": [2, 2]}),
    ("LayerNormalization", [_X, Drawn(4), Drawn(4)], {}),
    ("RMSNormalization", [_X, Drawn(4)], {}),
    ("LSTM", [Drawn(3, 1, 2), Drawn(1, 8, 2), Drawn(1, 8, 2)], {"hidden_size": 2}),
    ("GRU", [Drawn(3, 1, 2), Drawn(1, 6, 2), Drawn(1, 6, 2)], {"hidden_size": 2}),
    ("RNN", [Drawn(3, 1, 2), Drawn(1, 2, 2), Drawn(1, 2, 2)], {"hidden_size": 2}),
]


def dtype_cases() -> Iterator[Case]:
    """Those that onnx's evaluator can run itself; its own faults leave a few out."""
    rng = np.random.default_rng(0)
    for number, (operator, inputs, attributes) in enumerate(rows()):
        for name in DTYPES:
            arrays = [i.draw(name, rng) if isinstance(i, Drawn) else i for i in inputs]
            if _allowed(operator, arrays):
                case = _case(f"{operator}_{number}_{name}", operator, arrays, attributes, name)
                if case is not None:
                    yield case


def _allowed(operator: str, arrays: list[np.ndarray]) -> bool:
    schema = onnx.defs.get_schema(operator, OPSET)
    allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    bound: dict[str, str] = {}
    for index, array in enumerate(arrays):
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        tensor = f"tensor({_NAMES.get(array.dtype.name, array.dtype.name)})"
        if tensor not in allowed.get(formal.type_str, [formal.type_str]):
            return False
        if formal.is_homogeneous and bound.setdefault(formal.type_str, tensor) != tensor:
            return False
    return True


def _case(
    title: str, operator: str, arrays: list[np.ndarray], attributes: dict[str, Any], name: str
) -> Case | None:
    count = {"TopK": 2, "LSTM": 3, "GRU": 2, "RNN": 2, "Unique": 4}.get(operator, 1)
    names = [f"i{index}" for index in range(len(arrays))]
    outputs = [f"o{index}" for index in range(count)]
    node = helper.make_node(operator, names, outputs, **attributes)
    declared = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in zip(names, arrays, strict=True)
    ]
    unknown = [helper.make_value_info(n, onnx.TypeProto()) for n in outputs]
    model = helper.make_model(
        helper.make_graph([node], operator, declared, unknown),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=10,
    )
    model = onnx.shape_inference.infer_shapes(model)
    try:
        wanted = ReferenceEvaluator(model).run(None, dict(zip(names, arrays, strict=True)))
    except (TypeError, ValueError, IndexError):  # the evaluator has no answer for this dtype
        return None
    results = tuple(np.asarray(array) for array in wanted)
    declared_types = [value.type.tensor_type.elem_type for value in model.graph.output]
    given = [helper.np_dtype_to_tensor_dtype(array.dtype) for array in results]
    if declared_types != given:  # nor the right dtype, always
        return None
    loose = name in ("float16", "bfloat16")
    return Case(title, model, tuple(arrays), results, *((2e-2, 1e-2) if loose else (1e-4, 1e-5)))
