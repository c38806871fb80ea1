"""com.microsoft: the attentions of transformers, spelt out."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, rank, static
from interop.source.values import Refusal


def attention(op: Builder, node: Operator) -> list[ir.Value | None]:
    """x [B, S, D], weights [D, q + k + v], bias, mask, past [2, B, heads, P, h], added scores."""
    x, weights, bias, mask, past = node[0], node[1], node.get(2), node.get(3), node.get(4)
    if node.attribute("do_rotary", 0):
        raise Refusal("rotary positions inside Attention")
    heads = node.attribute("num_heads")
    whole = static(weights, 1, "width of the projections")
    widths = node.attribute("qkv_hidden_sizes") or [whole // 3] * 3
    projected = op.MatMul(x, weights)
    if bias is not None:
        projected = op.Add(projected, bias)
    parts = op.Split(projected, op.constant(widths, np.int64), axis=-1, outputs=3)
    q, k, v = (
        _by_head(op, part, heads, width // heads) for part, width in zip(parts, widths, strict=True)
    )
    present = None
    if past is not None:
        k = op.Concat(op.Squeeze(op.slice(past, 0, 0, 1), [0]), k, axis=2)
        v = op.Concat(op.Squeeze(op.slice(past, 0, 1, 2), [0]), v, axis=2)
    if node.uses(1):
        present = op.Concat(op.Unsqueeze(k, [0]), op.Unsqueeze(v, [0]), axis=0)
    lowest = float(node.attribute("mask_filter_value", -10000.0))
    scores = _scores(op, q, k, node, widths[0] // heads)
    scores = _masked(op, scores, mask, x, lowest)
    if node.attribute("unidirectional", 0):
        scores = op.Where(_causal(op, q, k), scores, lowest)
    if node.get(5) is not None:
        scores = op.Add(scores, node[5])
    return [_joined(op, op.MatMul(op.Softmax(scores, axis=-1), v), widths[2]), present]


def multi_head_attention(op: Builder, node: Operator) -> list[ir.Value | None]:
    """query [B, S, D]; key, value [B, L, D] or [B, heads, L, h]; bias [3 D]; mask of the keys; added
    scores; past key and value [B, heads, P, h].
    """
    query, key, value = node[0], node.get(1), node.get(2)
    if key is None or value is None or rank(query) != 3:
        raise Refusal("query, key and value packed into one")
    heads = node.attribute("num_heads")
    width = static(query, 2, "width of the query")
    wide = width if rank(value) == 4 else static(value, 2, "width of the value")
    apart = rank(key) == 4, rank(value) == 4  # by head already
    bias = node.get(3)
    if bias is not None:
        split = op.constant([width, width, wide], np.int64)
        for_q, for_k, for_v = op.Split(bias, split, axis=0, outputs=3)
        query = op.Add(query, for_q)
        if not apart[0]:
            key, value = op.Add(key, for_k), op.Add(value, for_v)
    q = _by_head(op, query, heads, width // heads)
    k = key if apart[0] else _by_head(op, key, heads, width // heads)
    v = value if apart[1] else _by_head(op, value, heads, wide // heads)
    if node.get(6) is not None and node.get(7) is not None:
        k, v = op.Concat(node[6], k, axis=2), op.Concat(node[7], v, axis=2)
    lowest = float(node.attribute("mask_filter_value", -10000.0))
    scores = _scores(op, q, k, node, width // heads)
    scores = _masked(op, scores, node.get(4), query, lowest)
    if node.attribute("unidirectional", 0):
        scores = op.Where(_causal(op, q, k), scores, lowest)
    if node.get(5) is not None:
        scores = op.Add(scores, node[5])
    result = _joined(op, op.MatMul(op.Softmax(scores, axis=-1), v), wide)
    return [result, k if node.uses(1) else None, v if node.uses(2) else None]


def group_query_attention(op: Builder, node: Operator) -> list[ir.Value | None]:
    """query [B, S, N h], key, value [B, S, G h], past key and value [B, G, P, h], the last position
    of each row [B], the longest row's length, and tables of cosines and sines.
    """
    query, key, value = node[0], node.get(1), node.get(2)
    last, total = op.cast(node[5], np.int64), op.cast(op.reshape(node[6], 1), np.int64)
    heads, groups = node.attribute("num_heads"), node.attribute("kv_num_heads")
    if any(node.get(index) is not None for index in range(9, len(node.inputs))):
        raise Refusal("positions, added scores, sinks or scales of quantised caches as inputs")
    if node.attribute("smooth_softmax", 0) > 0 or node.attribute("qk_output", 0):
        raise Refusal("smooth_softmax or qk_output")
    if key is None or value is None:
        each = static(query, 2, "width of the query") // (heads + 2 * groups)
        split = op.constant([heads * each, groups * each, groups * each], np.int64)
        query, key, value = op.Split(query, split, axis=-1, outputs=3)
    else:
        each = static(query, 2, "width of the query") // heads
    q = _by_head(op, query, heads, each)
    k, v = _by_head(op, key, groups, each), _by_head(op, value, groups, each)
    length = op.size(node[0], 1)
    before = op.Max(op.Sub(op.Add(op.reshape(last, -1, 1), 1), length), 0)  # [B, 1]
    at = op.Add(before, op.Unsqueeze(op.range(length), [0]))  # [B, S]
    if node.attribute("do_rotary", 0):
        interleaved = node.attribute("rotary_interleaved", 0)
        q, k = (
            op.RotaryEmbedding(x, node[7], node[8], at, interleaved=interleaved) for x in (q, k)
        )
    present = [
        _appended(op, past, new, before, total)
        for past, new in ((node.get(3), k), (node.get(4), v))
    ]
    k, v = (_repeated(op, x, heads // groups, heads, each) for x in present)
    scores = _scores(op, q, k, node, each)
    cap = float(node.attribute("softcap", 0.0))
    if cap:
        scores = op.Mul(op.Tanh(op.Div(scores, cap)), cap)
    place = op.Unsqueeze(op.range(op.size(k, 2)), [0, 1, 2])
    row = op.Unsqueeze(at, [1, 3])
    seen = op.LessOrEqual(place, row)
    window = node.attribute("local_window_size", -1)
    if window > 0:
        seen = op.And(seen, op.Greater(place, op.Sub(row, window)))
    weights = op.Softmax(op.Where(seen, scores, -np.inf), axis=-1)
    return [_joined(op, op.MatMul(weights, v), heads * each), *present]


def _appended(
    op: Builder, past: ir.Value | None, new: ir.Value, before: ir.Value, total: ir.Value
) -> ir.Value:
    """Each row of `new` [B, G, S, h] behind its `before` first entries of `past`."""
    if past is None:
        return new
    room = op.size(past, 2)
    both = op.Transpose(op.Concat(past, new, axis=2), perm=[0, 2, 1, 3])
    at = op.Unsqueeze(op.range(op.Max(room, total)), [0])
    moved = op.Add(at, op.Sub(room, before))
    end = op.Sub(op.Add(room, op.size(new, 2)), 1)
    index = op.Where(op.Less(at, before), at, op.Min(moved, end))
    return op.Transpose(
        op.GatherND(both, op.Unsqueeze(index, [2]), batch_dims=1), perm=[0, 2, 1, 3]
    )  # type: ignore[no-any-return]


def _repeated(op: Builder, x: ir.Value, times: int, heads: int, each: int) -> ir.Value:
    """[B, G, L, h] → [B, N, L, h]: each group's for every head of it."""
    if times == 1:
        return x
    spread = op.Tile(op.Unsqueeze(x, [2]), [1, 1, times, 1, 1])
    return op.Reshape(spread, op.vector(0, heads, op.size(x, 2), each))  # type: ignore[no-any-return]


def rotary_embedding(op: Builder, node: Operator) -> ir.Value:
    """x, positions (one per token, or where the row starts), tables of cosines and sines."""
    x, positions = node[0], node[1]
    if float(node.attribute("scale", 1.0)) != 1.0:
        raise Refusal("a scale")
    if rank(positions) == 1:
        length = op.size(x, 1 if rank(x) == 3 else 2)
        row = op.Unsqueeze(op.Add(positions, op.range(length)), [0])
        positions = op.Expand(row, op.vector(op.size(x, 0), length))
    width = node.attribute("rotary_embedding_dim", 0)
    heads = node.attribute("num_heads", 0)
    if rank(x) == 3 and not heads:
        # The tables tell the width of a head: half of it.
        heads = static(x, 2, "width") // (2 * static(node[2], 1, "width of the cosines"))
    return op.RotaryEmbedding(  # type: ignore[no-any-return]
        x, node[2], node[3], positions,
        interleaved=node.attribute("interleaved", 0), num_heads=heads, rotary_embedding_dim=width,
    )  # fmt: skip


def _by_head(op: Builder, x: ir.Value, heads: int, each: int) -> ir.Value:
    """[B, S, heads × h] → [B, heads, S, h]."""
    return op.Transpose(op.Reshape(x, [0, 0, heads, each]), perm=[0, 2, 1, 3])  # type: ignore[no-any-return]


def _joined(op: Builder, x: ir.Value, width: int) -> ir.Value:
    return op.Reshape(op.Transpose(x, perm=[0, 2, 1, 3]), [0, 0, width])  # type: ignore[no-any-return]


def _scores(op: Builder, q: ir.Value, k: ir.Value, node: Operator, each: int) -> ir.Value:
    scale = float(node.attribute("scale", 0.0)) or each**-0.5
    return op.MatMul(op.Mul(q, scale), op.Transpose(k, perm=[0, 1, 3, 2]))  # type: ignore[no-any-return]


def _causal(op: Builder, q: ir.Value, k: ir.Value) -> ir.Value:
    """Which keys each query may see; the last query sees all."""
    ahead = op.Sub(op.size(k, 2), op.size(q, 2))
    row = op.Unsqueeze(op.Add(op.range(op.size(q, 2)), ahead), [1])
    return op.LessOrEqual(op.range(op.size(k, 2)), row)  # type: ignore[no-any-return]


def _masked(
    op: Builder, scores: ir.Value, mask: ir.Value | None, x: ir.Value, lowest: float
) -> ir.Value:
    """`mask`: one per key [B, L], per query and key [B, S, L], or how many keys count [B]."""
    if mask is None:
        return scores
    if rank(mask) == 1:
        batch = static(x, 0, "batch beside a mask of lengths")
        if static(mask, 0, "mask") != batch:
            raise Refusal("a mask of starts and ends")
        keys = op.range(op.size(scores, 3))
        seen = op.Less(keys, op.cast(op.Unsqueeze(mask, [1, 2, 3]), np.int64))
    else:
        if rank(mask) > 3:
            raise Refusal("a mask of rank 4")
        seen = op.cast(op.Unsqueeze(mask, [1, 2] if rank(mask) == 2 else [1]), np.bool_)
    return op.Add(scores, op.Where(seen, op.CastLike(op.constant(0.0, np.float32), scores), lowest))  # type: ignore[no-any-return]
