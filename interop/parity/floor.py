"""The float32 noise floor: how far rounding alone takes each output from the truth.

The model is run in float32 as it is, and K times with its weights and inputs *perturbed by half a
unit in the last place*: an element moves to its upper or its lower float32 neighbour with
probability 1/8 each, which is a displacement of mean zero and of exactly half an ULP in rms. (A
rounding error proper is uniform within half an ULP, 0.29 ULP in rms; moving every element would
be a full ULP.) What is not rounding noise is left alone: zeros and other integers, which every
framework holds exactly, and tensors that are settings rather than data (`SETTINGS`): a Resize
scale of 1.9999999 gives another output *size*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from onnx import GraphProto, ModelProto, TensorProto
from onnx import numpy_helper as nph

from interop.errors import InvalidModel
from interop.parity.truth import reads, subgraphs

Array = np.ndarray[Any, Any]

RUNS = 4
MOVE = 0.25  # probability of a move by one ULP: rms displacement sqrt(MOVE) = 1/2

#: operator -> inputs that set what it does, so that a nudge is another model, not a rounding.
SETTINGS: Mapping[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "DequantizeLinear": (1,),
    "NonMaxSuppression": (3, 4),
    "OneHot": (2,),
    "Pad": (2,),
    "Pow": (1,),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QuantizeLinear": (1,),
    "Range": (0, 1, 2),
    "Resize": (1, 2),
    "Upsample": (1,),
}


def perturb(array: Array, rng: np.random.Generator) -> Array:
    """`array` with half an ULP of noise (rms, mean zero) in its own float type; integers, zeros
    and non-finite values stay, and so does an array that is not float32 or float64."""
    if array.dtype not in (np.float32, np.float64):
        return array
    draw = rng.random(array.shape, dtype=np.float32)
    toward = np.where(draw < MOVE / 2, -np.inf, np.inf).astype(array.dtype)
    movable = (draw < MOVE) & np.isfinite(array) & (array != np.rint(array))
    return np.where(movable, np.nextafter(array, toward), array)


def perturbable(model: ModelProto) -> dict[str, Array]:
    """The float32 initialisers of the main graph by name, without those that are settings or that
    nothing reads."""
    settings = set(_settings(model.graph))
    read = {name for node in model.graph.node for name in reads(node)}
    return {
        tensor.name: nph.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and tensor.name in read - settings
    }


def _settings(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        for position in SETTINGS.get(node.op_type, ()):
            if position < len(node.input):
                yield node.input[position]
        for body in subgraphs(node):
            yield from _settings(body)


def floor_runs(
    model: ModelProto,
    inputs: Mapping[str, Mapping[str, Array]],
    *,
    seed: int = 0,
    runs: int = RUNS,
    threads: int = 0,
) -> Iterator[tuple[int, str, dict[str, Array]]]:
    """(run, input set, outputs by name) of `runs` + 1 float32 runs over every input set; run 0 is
    the unperturbed one. ONNX Runtime on CPU, one session at a time.

    Raises InvalidModel where ONNX Runtime cannot load or run the model.
    """
    weights = perturbable(model)
    skeleton = _without(model, weights.keys())
    names = [value.name for value in model.graph.output]
    for run in range(runs + 1):
        rng = np.random.default_rng([seed, run])
        noisy = {n: perturb(a, rng) if run else a for n, a in weights.items()}
        session = _session(skeleton, noisy, threads)
        for label, arrays in inputs.items():
            feeds = {name: perturb(a, rng) if run else a for name, a in arrays.items()}
            try:
                outputs = session.run(names, dict(feeds))
            except Exception as error:  # ONNX Runtime's own have no base class in common
                raise _failed("run", error) from error
            yield run, label, dict(zip(names, outputs, strict=True))


def _without(model: ModelProto, names: Collection[str]) -> bytes:
    """`model` serialised with these initialisers left out of the file: declared as external, they
    are given to each session in memory, so that only they are prepared anew."""
    skeleton = ModelProto()
    skeleton.CopyFrom(model)
    for tensor in skeleton.graph.initializer:
        if tensor.name in names:
            length = nph.to_array(tensor).nbytes
            for data in ("raw_data", "float_data"):
                tensor.ClearField(data)
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", "given in memory"), ("length", str(length))):
                tensor.external_data.add(key=key, value=value)
    return skeleton.SerializeToString()


def _session(skeleton: bytes, weights: Mapping[str, Array], threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Else activations that meet four-bit weights are rounded to eight bits, unasked.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    # Else layers between Quantize and Dequantize run in integers, whose sums some processors saturate.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    values = [ort.OrtValue.ortvalue_from_numpy(np.asarray(a, order="C")) for a in weights.values()]
    options.add_external_initializers(list(weights), values)
    try:
        return ort.InferenceSession(skeleton, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _failed("load", error) from error


def _failed(verb: str, error: BaseException) -> InvalidModel:
    return InvalidModel(
        f"ONNX Runtime cannot {verb} the model, so its float32 noise floor is unknown",
        hint="Without the floor there is no proof. Check the model with onnx.checker.",
        detail=str(error).splitlines()[0] if str(error) else type(error).__name__,
    )
