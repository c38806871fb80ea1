"""What torch computes in one call: exporters spell out linear layers and attention.

Each becomes one node of a domain of ours, `interop.torch`, which only torch's table knows.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import CommonSubexpressionEliminationPass, RemoveUnusedNodesPass

DOMAIN = "interop.torch"


def fuse(model: ir.Model) -> ir.Model:
    """`model` (consumed) with its linear layers and attentions as single nodes."""
    CommonSubexpressionEliminationPass()(model)
    for node in list(model.graph):
        if node.domain == "" and node.op_type == "MatMul":
            _attention(node) or _linear(node)
    model.opset_imports[DOMAIN] = 1
    RemoveUnusedNodesPass()(model)
    _turn_weights(model)
    return model


def _turn_weights(model: ir.Model) -> None:
    """Weights that linear layers alone read, in torch's order [out, in].

    So `nn.Linear` has them; and on the CPU, for a few rows, MKL adds up a product with a matrix of the
    other order in one long chain, which rounds twice as coarsely.
    """
    for value in model.graph.initializers.values():
        uses = list(value.uses())
        if not uses or not all(_is_linear(use.node) and use.idx == 1 for use in uses):
            continue
        assert value.const_value is not None
        turned = np.ascontiguousarray(value.const_value.numpy().T)
        value.const_value = ir.tensor(turned, name=value.name)
        value.shape = ir.Shape(turned.shape)
        for use in uses:
            name = "turned" if use.node.domain == DOMAIN else "transB"
            use.node.attributes[name] = ir.AttrInt64(name, 1)


def _is_linear(node: ir.Node) -> bool:
    """Whether it multiplies by a weight [in, out]."""
    if (node.domain, node.op_type) == (DOMAIN, "Linear"):
        return True
    gemm = (node.domain, node.op_type) == ("", "Gemm")
    return gemm and not node.attributes.get_int("transB", 0)


def _linear(node: ir.Node) -> bool:
    """x @ w [+ b] with constant w [in, out] and b [out]."""
    x, w = node.inputs
    if x is None or x.shape is None or len(x.shape) < 2 or not _floating(x):
        return False
    if w is None or w.const_value is None or len(w.const_value.shape) != 2:
        return False
    last, inputs = node, [x, w]
    user = _only_user(node.outputs[0])
    if user is not None and user.op_type == "Add" and user.domain == "":
        for value in user.inputs:
            constant = value is not None and value.const_value is not None
            if constant and list(value.const_value.shape) == [w.const_value.shape[1]]:  # type: ignore[union-attr]
                last, inputs = user, [x, w, value]  # type: ignore[list-item]
    _replace(last, "Linear", inputs, {})
    return True


def _attention(node: ir.Node) -> bool:
    """softmax(q * s @ (k * s)ᵀ * s [+ mask]) @ v, for q, k, v of [batch, heads, length, size]."""
    weights, v = node.inputs
    softmax = _producer(weights, "Softmax")
    if softmax is None or v is None or not _rank4(v) or not _floating(v):
        return False
    rank = len(softmax.inputs[0].shape) if softmax.inputs[0].shape is not None else 0  # type: ignore[union-attr]
    if rank != 4 or softmax.attributes.get_int("axis", -1) not in (-1, 3):
        return False
    scores, mask = _masked(softmax.inputs[0])
    if mask is not None and (mask.shape is None or len(mask.shape) not in (2, 4)):
        return False
    scores, after = _scaled(scores)
    product_node = _producer(scores, "MatMul")
    if product_node is None:
        return False
    (q, first), (k_turned, second) = (_scaled(value) for value in product_node.inputs)
    k = None if k_turned is None else _turned(k_turned)
    if q is None or k is None or not _rank4(q):
        return False
    # torch's function broadcasts neither batch nor heads.
    if any(str(a) != str(b) for x in (k, v) for a, b in zip(x.shape[:2], q.shape[:2], strict=True)):  # type: ignore[index]
        return False
    inputs = [q, k, v] if mask is None else [q, k, v, mask]
    _replace(node, "Attention", inputs, {"scale": float(first * second * after)})
    return True


def _masked(value: ir.Value | None) -> tuple[ir.Value | None, ir.Value | None]:
    """(scores, mask) whose sum `value` is; mask is None where it is no sum with a product."""
    added = _producer(value, "Add")
    if added is not None:
        for scores, other in (added.inputs, tuple(added.inputs)[::-1]):
            if _producer(_scaled(scores)[0], "MatMul") is not None and other is not None:
                return scores, other
    return value, None


def _scaled(value: ir.Value | None) -> tuple[ir.Value | None, float]:
    """What is scaled by a constant, and by how much."""
    node = _producer(value, "Mul")
    if node is not None:
        for x, factor in (node.inputs, tuple(node.inputs)[::-1]):
            if (
                factor is not None
                and factor.const_value is not None
                and factor.const_value.size == 1
            ):
                return x, float(factor.const_value.numpy().reshape(()))
    return value, 1.0


def _turned(value: ir.Value) -> ir.Value | None:
    """k of [batch, heads, length, size], where `value` is it with the last two axes exchanged."""
    node = _producer(value, "Transpose")
    if node is not None and node.inputs[0] is not None:
        order = list(node.attributes.get_ints("perm", ()))
        if order == [0, 1, 3, 2]:
            return node.inputs[0]
        heads = len(order) == 4 and order[2] == 3 and _rank4(value)  # they were only taken apart
        return _arranged(node, order) if heads else None
    # The exporter flattens batch and heads around the transposition.
    outer = _producer(value, "Reshape")
    turn = None if outer is None else _producer(outer.inputs[0], "Transpose")
    inner = None if turn is None else _producer(turn.inputs[0], "Reshape")
    if turn is None or inner is None or inner.inputs[0] is None:
        return None
    k, flat = inner.inputs[0], inner.outputs[0]
    if list(turn.attributes.get_ints("perm", ())) != [0, 2, 1] or not _rank4(k):
        return None
    wanted = [str(dim) for dim in k.shape or ()]
    kept = _dims(flat)[-2:] == wanted[2:] and len(_dims(flat)) == 3
    if not kept or _dims(value) != [*wanted[:2], wanted[3], wanted[2]]:
        return None
    return k


def _arranged(node: ir.Node, order: list[int]) -> ir.Value:
    """What `node`, a Transpose, gives, but for an exchange of the last two axes."""
    own = [order[axis] for axis in (0, 1, 3, 2)]
    new = ir.Node("", "Transpose", [node.inputs[0]], [ir.AttrInt64s("perm", own)])
    out, old = new.outputs[0], node.outputs[0]
    assert old.shape is not None
    out.name, out.type = f"{old.name}/rows", old.type
    out.shape = ir.Shape([old.shape[axis] for axis in (0, 1, 3, 2)])
    assert node.graph is not None
    node.graph.insert_before(node, new)
    return out


def _dims(value: ir.Value) -> list[str]:
    return [str(dim) for dim in value.shape or ()]


def _rank4(value: ir.Value) -> bool:
    """Of rank 4, and every size known by number or name."""
    return len(_dims(value)) == 4 and "None" not in _dims(value)


def _floating(value: ir.Value) -> bool:
    return value.dtype in (ir.DataType.FLOAT, ir.DataType.DOUBLE)


def _producer(value: ir.Value | None, op_type: str) -> ir.Node | None:
    node = None if value is None else value.producer()
    return node if node is not None and (node.domain, node.op_type) == ("", op_type) else None


def _only_user(value: ir.Value) -> ir.Node | None:
    uses = list(value.uses())
    return uses[0].node if len(uses) == 1 and not value.is_graph_output() else None


def _replace(
    node: ir.Node, op_type: str, inputs: list[ir.Value], attributes: dict[str, float]
) -> None:
    """A node of ours in the place of `node`, whose output it takes over by name."""
    old = node.outputs[0]
    new = ir.Node(
        DOMAIN, op_type, inputs, [ir.AttrFloat32(name, v) for name, v in attributes.items()],
        name=node.name,
    )  # fmt: skip
    out = new.outputs[0]
    out.name, out.type, out.shape = old.name, old.type, old.shape
    assert node.graph is not None
    node.graph.insert_after(node, new)
    old.replace_all_uses_with(out, replace_graph_outputs=True)
    node.graph.remove(node, safe=True)
