"""Runs in a peer's interpreter: its own comparison of recorded outputs, with its own defaults.

Nothing of a comparison is written here: where a tool compares what it has itself just run, the two
ends are stood in for by recordings, and its own function does the rest.
"""

import contextlib
import types

import numpy as np

from interop.workers.tensors import read_tensors


def judge(gate, reference, candidate):
    """reference, candidate: folders of tensors, one a set of inputs.

    Returns whether the tool calls any of the sets different, and what it says of the first.
    """
    for wanted, given in zip(reference, candidate, strict=False):
        left, right = (
            {k: np.array(v) for k, v in read_tensors(f).items()} for f in (wanted, given)
        )
        try:
            blame = GATES[gate](left, right)
        except Exception as error:  # noqa: BLE001 - who cannot compare does not say that they agree
            blame = f"{type(error).__name__}: {error}"
        if blame is not None:
            return {"blamed": True, "reason": blame[:200]}
    return {"blamed": False, "reason": ""}


def polygraphy(reference, candidate):
    from polygraphy.comparator import Comparator, IterationResult, RunResults
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = G_LOGGER.CRITICAL
    runs = RunResults()
    for name, outputs in (("reference", reference), ("candidate", candidate)):
        runs.append((name, [IterationResult(outputs=outputs, runner_name=name)]))
    return None if bool(Comparator.compare_accuracy(runs)) else "compare_accuracy is false"


def onnx2tf(reference, candidate):
    """With the tolerances of `onnx2tf --check_onnx_tf_outputs_elementwise_close_full`."""
    from onnx2tf.utils.common_functions import onnx_tf_tensor_validation

    pairs = {
        (name, name): (reference[name], candidate[name]) for name in reference if name in candidate
    }
    results = onnx_tf_tensor_validation(output_pairs=pairs, rtol=0.0, atol=1e-4)
    unmatched = [names[0] for names, result in results.items() if not result[1]]
    return "Unmatched: " + ", ".join(unmatched) if unmatched else None


def optimum(reference, candidate):
    """The validation after an export; AtolError and its like are what it blames with."""
    import torch
    from optimum.exporters.onnx import convert
    from optimum.exporters.onnx.base import OnnxConfig

    named = {name: {} for name in reference}
    config = types.SimpleNamespace(
        ATOL_FOR_VALIDATION=OnnxConfig.ATOL_FOR_VALIDATION, outputs=named, inputs={},
        torch_to_onnx_output_map={}, generate_dummy_inputs=lambda framework, **_: {},
        rename_ambiguous_inputs=lambda given: given,
        patch_model_for_export=lambda model, model_kwargs=None: contextlib.nullcontext(),
        generate_dummy_inputs_for_validation=lambda given, names: given,
    )  # fmt: skip
    convert.PickableInferenceSession = lambda path, **_: _Recorded(candidate)
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in reference.items()}
    path = types.SimpleNamespace(as_posix=lambda: "recorded.onnx")
    try:
        convert._run_validation(config, lambda **_: tensors, path, list(candidate))
    except (convert.AtolError, convert.OutputMatchError, convert.ShapeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


class _Recorded:
    """A session of ONNX Runtime that hands out what was recorded."""

    def __init__(self, outputs):
        self._outputs = outputs

    def get_outputs(self):
        return [types.SimpleNamespace(name=name, shape=[]) for name in self._outputs]

    def get_inputs(self):
        return []

    def run(self, names, feeds):
        return [self._outputs[name] for name in names or self._outputs]


def olive(reference, candidate):
    """OnnxDiscrepancyCheck, which looks at the first output alone. None of its thresholds is set by
    default; so that there is something to judge, the smallest difference that it counts (0.01) may
    not be exceeded by any element."""
    import torch
    import transformers
    from olive.passes.onnx.discrepancy_check import OnnxDiscrepancyCheck

    logits = torch.from_numpy(np.array(next(iter(reference.values()))))
    network = lambda **_: types.SimpleNamespace(logits=logits)  # noqa: E731
    network.eval = lambda: None
    transformers.AutoConfig.from_pretrained = lambda path: types.SimpleNamespace(
        architectures=["RecordedForCausalLM"]
    )
    transformers.AutoModelForCausalLM.from_pretrained = lambda path: network
    names = ["first", "second"]  # a single input it would not hand over by name
    signature = {"input_names": names, "input_shapes": [[1], [1]], "input_types": ["float32"] * 2}
    signature.update(output_names=list(candidate))
    model = types.SimpleNamespace(
        io_config=signature,
        model_path="recorded.onnx",
        prepare_session=lambda: _Recorded(candidate),
    )
    settings = types.SimpleNamespace(
        reference_model_path="recorded", max_mae=None, max_elements_above_0_1=None,
        max_elements_above_0_01=0, genai_model_path=None, min_longest_common_tokens=None,
    )  # fmt: skip
    try:
        OnnxDiscrepancyCheck._run_for_config(None, model, settings, "")
    except RuntimeError as error:
        return str(error)
    return None


GATES = {function.__name__: function for function in (polygraphy, onnx2tf, optimum, olive)}

OPERATIONS = {"judge": judge}
