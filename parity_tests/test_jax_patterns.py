"""What flax spells out is recognised in the zoo's own models, and they still compute what flax does."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from interop.models import ZOO

from interop.graph.canonical import canonicalize, save
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: What of each there is in the canonical form; and what is not there any more.
EXPECTED = {
    "bert": {
        "Softmax": 4,
        "LayerNormalization": 9,
        "Gather": 4,
        "Gelu": 4,
        "Where": 0,
        "ReduceMax": 0,
    },
    "gpt": {
        "Softmax": 4,
        "LayerNormalization": 9,
        "Gather": 2,
        "Gelu": 4,
        "ReduceMax": 0,
        "Sqrt": 0,
    },
    "vit": {"Softmax": 6, "LayerNormalization": 13, "Gelu": 6, "Squeeze": 0, "Exp": 0},
    "keyword_spotter": {"GRU": 1, "Scan": 0, "BatchNormalization": 2, "ReduceMean": 1},
    "lstm_classifier": {"LSTM": 2, "Scan": 0, "Gather": 1, "ReduceMean": 1, "Where": 0},
    "dlrm": {"Sigmoid": 1, "Exp": 0, "Where": 0, "Less": 0},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_zoo_out_of_flax(name, open_worker, tmp_path):
    entry, worker = ZOO[name], open_worker("jax")
    specs = [
        {"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs_in("jax")
    ]
    rng, feeds = np.random.default_rng(0), {}
    for one in entry.inputs_in("jax"):
        shape = [2 if d == "batch" else entry.sizes.get(d, d) for d in one.shape]
        drawn = (
            rng.standard_normal(shape) if one.below is None else rng.integers(0, one.below, shape)
        )
        feeds[one.name] = drawn.astype(one.dtype)
    write_tensors(tmp_path / "in", feeds)
    worker.call(
        "load_and_export", reference=entry.definitions["jax"], path=str(tmp_path / "m.onnx"),
        inputs=specs, outputs=list(entry.outputs), sizes=dict(entry.sizes), trust=False,
    )  # fmt: skip
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    model = canonicalize(tmp_path / "m.onnx")
    kinds = Counter(node.op_type for node in ir.traversal.RecursiveGraphIterator(model.graph))
    assert {kind: kinds[kind] for kind in EXPECTED[name]} == EXPECTED[name]
    save(model, tmp_path / "canonical.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "canonical.onnx")
    names = [value.name for value in session.get_outputs()]
    got = dict(zip(names, session.run(names, feeds), strict=True))
    for output, expected in read_tensors(tmp_path / "out").items():
        np.testing.assert_allclose(got[output], expected, rtol=1e-4, atol=2e-5)
