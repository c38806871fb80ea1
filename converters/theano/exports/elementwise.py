"""Operators of single numbers, which Theano's Elemwise applies to tensors. Python 3.6."""

import numpy as np
from interop.converters.theano.exports.writing import Refused
from theano import scalar
from theano.gof.graph import Constant, io_toposort
from theano.scalar import basic, basic_scipy
from theano.tensor.nnet import nnet, sigm

#: One operator of ONNX, on operands of the result's dtype.
PLAIN = {
    basic.Abs: "Abs", basic.ArcCos: "Acos", basic.ArcCosh: "Acosh", basic.ArcSin: "Asin",
    basic.ArcSinh: "Asinh", basic.ArcTan: "Atan", basic.ArcTanh: "Atanh", basic.Ceil: "Ceil",
    basic.Cos: "Cos", basic.Cosh: "Cosh", basic.Exp: "Exp", basic.Floor: "Floor",
    basic.Identity: "Identity", basic.Inv: "Reciprocal", basic.Log: "Log", basic.Neg: "Neg",
    basic.Pow: "Pow", basic.RoundHalfToEven: "Round", basic.Sgn: "Sign", basic.Sin: "Sin",
    basic.Sinh: "Sinh", basic.Sqrt: "Sqrt", basic.Sub: "Sub", basic.Tan: "Tan",
    basic.Tanh: "Tanh", basic.TrueDiv: "Div", basic_scipy.Erf: "Erf",
    nnet.ScalarSoftsign: "Softsign", sigm.ScalarSigmoid: "Sigmoid", sigm.ScalarSoftplus: "Softplus",
}  # fmt: skip

#: The same, of any number of operands; on booleans, the second.
FOLDED = {
    basic.Add: ("Add", "Or"), basic.Mul: ("Mul", "And"), basic.Maximum: ("Max", "Or"),
    basic.Minimum: ("Min", "And"),
}  # fmt: skip

#: Of operands of the dtype that holds all of theirs; the second says that the answer is turned.
COMPARED = {
    basic.EQ: ("Equal", False), basic.NEQ: ("Equal", True), basic.GE: ("GreaterOrEqual", False),
    basic.GT: ("Greater", False), basic.LE: ("LessOrEqual", False), basic.LT: ("Less", False),
}  # fmt: skip

#: On booleans, and on integers.
BITS = {
    basic.AND: ("And", "BitwiseAnd"), basic.OR: ("Or", "BitwiseOr"),
    basic.XOR: ("Xor", "BitwiseXor"), basic.Invert: ("Not", "BitwiseNot"),
}  # fmt: skip


def arc_tan2(w, dtype, y, x):
    """The angle of each quadrant."""
    zero, pi = w.constant(0, dtype), w.constant(np.pi, dtype)
    half = w.constant(np.pi / 2, dtype)
    angle = w.node("Atan", w.node("Div", y, x))
    below = w.node("Less", y, zero)
    turned = w.node("Where", below, w.node("Sub", angle, pi), w.node("Add", angle, pi))
    upright = w.node("Mul", w.node("Sign", y), half)
    found = w.node("Where", w.node("Less", x, zero), turned, angle)
    return w.node("Where", w.node("Equal", x, zero), upright, found)


def clip(w, dtype, x, low, high):
    return w.node("Min", w.node("Max", x, low), high)


def exp2(w, dtype, x):
    return w.node("Pow", w.constant(2, dtype), x)


def expm1(w, dtype, x):
    """tanh(x / 2) (exp(x) + 1), which keeps the digits of what is near zero; large, exp(x) - 1."""
    half, one = w.constant(0.5, dtype), w.constant(1, dtype)
    exp = w.node("Exp", x)
    near = w.node("Mul", w.node("Tanh", w.node("Mul", x, half)), w.node("Add", exp, one))
    large = w.node("Greater", w.node("Abs", x), one)
    return w.node("Where", large, w.node("Sub", exp, one), near)


def log1p(w, dtype, x):
    """2 atanh(x / (2 + x)), which keeps the digits of what is near zero; elsewhere log(1 + x)."""
    half, one, two = (w.constant(value, dtype) for value in (0.5, 1, 2))
    near = w.node("Less", w.node("Abs", x), half)
    inside = w.node("Where", near, x, w.constant(0, dtype))
    small = w.node("Mul", two, w.node("Atanh", w.node("Div", inside, w.node("Add", two, inside))))
    return w.node("Where", near, small, w.node("Log", w.node("Add", one, x)))


def log_to(base):
    def convert(w, dtype, x):
        return w.node("Mul", w.node("Log", x), w.constant(1 / np.log(base), dtype))

    return convert


def erfc(w, dtype, x):
    return w.node("Sub", w.constant(1, dtype), w.node("Erf", x))


def int_div(w, dtype, a, b):
    """Rounded down; ONNX rounds integers toward zero."""
    if np.dtype(dtype).kind == "f":
        return w.node("Floor", w.node("Div", a, b))
    return w.node("Div", w.node("Sub", a, w.node("Mod", a, b)), b)


def mod(w, dtype, a, b):
    """With the sign of the divisor."""
    if np.dtype(dtype).kind == "f":
        return w.node("Sub", a, w.node("Mul", b, w.node("Floor", w.node("Div", a, b))))
    return w.node("Mod", a, b)


def scaled(factor):
    def convert(w, dtype, x):
        return w.node("Mul", x, w.constant(factor, dtype))

    return convert


def second(w, dtype, x, y):
    return w.node("Expand", y, w.node("Shape", x))


def sqr(w, dtype, x):
    return w.node("Mul", x, x)


def trunc(w, dtype, x):
    return w.node("Mul", w.node("Sign", x), w.node("Floor", w.node("Abs", x)))


def round_away(w, dtype, x):
    up = w.node("Floor", w.node("Add", w.node("Abs", x), w.constant(0.5, dtype)))
    return w.node("Mul", w.node("Sign", x), up)


#: Written in several; on operands of the result's dtype.
COMPOSED = {
    basic.ArcTan2: arc_tan2, basic.Clip: clip, basic.Deg2Rad: scaled(np.pi / 180),
    basic.Exp2: exp2, basic.Expm1: expm1, basic.IntDiv: int_div, basic.Log10: log_to(10),
    basic.Log1p: log1p, basic.Log2: log_to(2), basic.Mod: mod,
    basic.Rad2Deg: scaled(180 / np.pi), basic.RoundHalfAwayFromZero: round_away,
    basic.Second: second, basic.Sqr: sqr, basic.Trunc: trunc, basic_scipy.Erfc: erfc,
}  # fmt: skip


def elemwise(w, node, *names):
    """Of tensors, which ONNX broadcasts as Theano does."""
    return scalars(
        w, node.op.scalar_op, names, [v.type.dtype for v in node.inputs],
        [v.type.dtype for v in node.outputs]
    )  # fmt: skip


def scalar_node(w, node, *names):
    """An operator of single numbers outside of any Elemwise."""
    before, after = ([v.type.dtype for v in part] for part in (node.inputs, node.outputs))
    return scalars(w, node.op, names, before, after)


def scalars(w, op, names, before, after):
    """The results of a scalar operator; `before` and `after` are dtypes of operands and results."""
    kind, result = type(op), after[0]
    if isinstance(op, basic.Composite):
        return composite(w, op, names)
    if kind is basic.Cast:
        return [w.cast(names[0], before[0], result)]
    if kind is basic.Switch:
        parts = [w.cast(n, d, result) for n, d in zip(names[1:], before[1:])]
        return [w.node("Where", w.cast(names[0], before[0], "bool"), *parts)]
    if kind is basic.Second:
        return [second(w, result, names[0], w.cast(names[1], before[1], result))]
    if kind in COMPARED:
        operator, turned = COMPARED[kind]
        common = scalar.upcast(*before)
        common = "uint8" if common == "bool" and operator != "Equal" else common
        answer = w.node(operator, *[w.cast(n, d, common) for n, d in zip(names, before)])
        return [w.node("Not", answer) if turned else answer]
    if kind in (basic.IsNan, basic.IsInf):
        return [w.node("IsNaN" if kind is basic.IsNan else "IsInf", *names)]
    operands = [w.cast(n, d, result) for n, d in zip(names, before)]
    if kind in BITS:
        return [w.node(BITS[kind][result != "bool"], *operands)]
    if kind in FOLDED:
        return [folded(w, FOLDED[kind][result == "bool"], operands)]
    if kind in COMPOSED:
        return [COMPOSED[kind](w, result, *operands)]
    if kind in PLAIN:
        return [w.node(PLAIN[kind], *operands)]
    raise Refused(f"no converter of the scalar operator {op}")


def folded(w, operator, names):
    total = names[0]
    for name in names[1:]:
        total = w.node(operator, total, name)
    return total if len(names) > 1 else w.node("Identity", total)


def composite(w, op, names):
    """What a fused operator is made of."""
    graph = op.fgraph
    known = dict(zip(graph.inputs, names))

    def name(variable):
        if isinstance(variable, Constant) and variable not in known:
            known[variable] = w.constant(variable.data, variable.type.dtype)
        return known[variable]

    for node in io_toposort(graph.inputs, graph.outputs):
        before, after = ([v.type.dtype for v in part] for part in (node.inputs, node.outputs))
        results = scalars(w, node.op, [name(v) for v in node.inputs], before, after)
        known.update(zip(node.outputs, results))
    return [name(variable) for variable in graph.outputs]
