"""ONNX Runtime as a worker: loads a .onnx file on one of its execution providers, and runs it.

One model a process. A folder of inputs or outputs is one set of tensors (interop.workers.tensors).
"""

from __future__ import annotations

import os
import tempfile
import time as clock
from pathlib import Path
from typing import Any

import onnxruntime as ort
from interop.converters.onnxruntime.placement import copies, fallen, placement, says_where

from interop.errors import EnvironmentUnavailable, InvalidModel, UnsupportedOperator, UsageError
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

#: device, precision → execution providers, the wanted one first, with their options.
PROVIDERS: dict[tuple[str, str], list[tuple[str, dict[str, str]]]] = {
    ("cpu", "fp32"): [("CPUExecutionProvider", {})],
    ("cpu", "fp16"): [("CPUExecutionProvider", {})],  # the model itself is in that
    ("cpu", "int8"): [("CPUExecutionProvider", {})],
    ("cuda", "fp32"): [("CUDAExecutionProvider", {"use_tf32": "0"})],
    ("cuda", "tf32"): [("CUDAExecutionProvider", {"use_tf32": "1"})],
    ("cuda", "fp16"): [("CUDAExecutionProvider", {"use_tf32": "0"})],
    ("tensorrt", "fp32"): [("TensorrtExecutionProvider", {}), ("CUDAExecutionProvider", {})],
    ("tensorrt", "fp16"): [
        ("TensorrtExecutionProvider", {"trt_fp16_enable": "1"}),
        ("CUDAExecutionProvider", {}),
    ],
    ("openvino", "fp32"): [
        ("OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "FP32"})
    ],
}

#: What ONNX Runtime says where it would run a part by itself, and may not.
_LEFT = "fallback to CPU EP has been explicitly disabled"

#: The one model that this process has loaded, the profile of its first run, and what is copied in that,
#: once it is known.
_LOADED: dict[str, Any] = {}


def load(
    path: str,
    device: str = "cpu",
    precision: str = "fp32",
    threads: int | None = None,
    optimize: bool = True,
) -> dict[str, Any]:
    """Load a .onnx file. threads: 0 leaves their number to ONNX Runtime, as None does where
    $INTEROP_THREADS does not say it.

    Any device but the processor takes the whole model, but for what CUDA leaves to the processor of
    sizes: where it does not, that is an error, and no silent fall back.

    Raises InvalidModel, EnvironmentUnavailable, UnsupportedOperator.
    """
    if not Path(path).is_file():
        raise InvalidModel(f"{path} does not exist", hint="Check the path of the model.")
    providers = PROVIDERS[device, precision]
    wanted = providers[0][0]
    if device in ("cuda", "tensorrt") and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # CUDA's libraries, from the packages beside this one
    if wanted not in ort.get_available_providers():
        raise EnvironmentUnavailable(
            f"this ONNX Runtime has no {wanted}",
            hint=f"It has {', '.join(ort.get_available_providers())}.",
        )
    if threads is None:
        threads = int(os.environ.get("INTEROP_THREADS", 0))
    _LOADED.clear()
    if device == "cpu":
        session = _open(path, device, threads, optimize, providers, "")
    else:
        with tempfile.TemporaryDirectory(prefix="interop-profile-") as folder:
            session = _open(path, device, threads, optimize, providers, folder)
            # Held open, it can be read later, and is gone whenever this process is.
            newest = max(Path(folder).iterdir(), key=lambda file: file.stat().st_mtime_ns)
            _LOADED["profile"] = newest.open(encoding="utf-8")
    if session.get_providers()[0] != wanted:
        raise EnvironmentUnavailable(
            f"ONNX Runtime fell back from {wanted} to {session.get_providers()[0]}",
            hint="Its libraries or its device are missing: --verbose shows what it says.",
        )
    _LOADED["session"] = session
    return {
        "runtime": f"onnxruntime {ort.__version__}",
        "inputs": [value.name for value in session.get_inputs()],
        "outputs": [value.name for value in session.get_outputs()],
        "placement": placement(session),
    }


def _open(
    path: str, device: str, threads: int, optimize: bool, providers: Any, profile: str
) -> Any:
    """A session of `path` on `providers`, the whole model on the first of them: where that leaves any of
    it to the processor, but for sizes, that is an error which names the nodes."""
    wanted, strict = providers[0][0], device != "cpu"
    try:
        return _session_of(path, _options(threads, optimize, profile, alone=strict), providers)
    except Exception as error:  # ONNX Runtime's own have no base class in common
        if not strict or _LEFT not in str(error):
            raise _refused(path, error) from error
        first = str(error).splitlines()[0]
    session = _session_of(path, _options(threads, optimize, profile, alone=False), providers)
    nodes = fallen(session, device)
    if nodes or not says_where(session):
        raise UnsupportedOperator(
            f"{wanted} does not take every node of {Path(path).name}: the processor would run "
            f"{', '.join(nodes) or 'the rest'}",
            hint="Run it on onnxruntime:cpu, or look for what that provider lacks.",
            detail=first,
        )
    return session


def _session_of(path: str, options: ort.SessionOptions, providers: Any) -> ort.InferenceSession:
    return ort.InferenceSession(path, options, providers=providers)


def _options(threads: int, optimize: bool, profile: str, *, alone: bool) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Else activations that meet four-bit weights are rounded to eight bits, unasked.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if profile:  # the folder for it; until the first run has ended
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(profile) / "run")
    if alone:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _refused(path: str, error: Exception) -> Exception:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "NOT_IMPLEMENTED" in first:
        return UnsupportedOperator(
            f"ONNX Runtime has no kernel for a node of {path}",
            hint="Its detail names the node, with the version of the operator.",
            detail=first,
        )
    return InvalidModel(
        f"ONNX Runtime cannot load {path}",
        hint="Check the model with onnx.checker, and that its operators are ONNX Runtime's.",
        detail=first,
    )


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run each folder of `inputs` into the folder of `outputs` at its place. Says what was copied between
    providers in the first run of the model, on any device but the processor."""
    session, seconds = _session(), []
    for source, target in zip(inputs, outputs, strict=True):
        feeds = read_tensors(source)
        names = [value.name for value in session.get_outputs()]
        start = clock.perf_counter()
        try:
            results = session.run(names, feeds)
        except Exception as error:  # ONNX Runtime's own have no base class in common
            raise _stopped(error) from error
        seconds.append(clock.perf_counter() - start)
        _end_profile(session)
        write_tensors(target, dict(zip(names, results, strict=True)))
    return {"seconds": seconds, "copies": _LOADED.get("copies")}


def _stopped(error: Exception) -> Exception:
    return InvalidModel(
        f"ONNX Runtime stops in a run of the model: {str(error).splitlines()[0]}",
        hint="Inputs that are drawn may be none that it takes: give some of your own with --data, or "
        "other sizes with --size.",
    )


def time(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """Seconds of each of `runs` bare calls on one folder of inputs, after `warmup` unmeasured."""
    session = _session()
    _end_profile(session)
    feeds = {name: array.copy() for name, array in read_tensors(inputs).items()}
    return time_calls(lambda: session.run(None, feeds), runs, warmup)


def time_resident(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """As `time`, but inputs and outputs stay in the memory of the session's device (I/O binding): the
    clock is read when the device has finished."""
    session = _session()
    _end_profile(session)
    binding, device = session.io_binding(), _memory(session)
    for name, array in read_tensors(inputs).items():
        value = ort.OrtValue.ortvalue_from_numpy(array, device, 0)
        binding.bind_ortvalue_input(name, value)
    for output in session.get_outputs():
        binding.bind_output(output.name, device)
    binding.synchronize_inputs()

    def finished() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return time_calls(finished, runs, warmup)


def _end_profile(session: ort.InferenceSession) -> None:
    """What comes after is not profiled. Of a session that never ran, nothing is known."""
    if "profile" in _LOADED:
        session.end_profiling()
        with _LOADED.pop("profile") as profile:
            _LOADED["copies"] = copies(profile.read())


def _memory(session: ort.InferenceSession) -> str:
    """Where the first of its execution providers has its tensors."""
    nvidia = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
    return "cuda" if session.get_providers()[0] in nvidia else "cpu"


def _session() -> ort.InferenceSession:
    if "session" not in _LOADED:
        raise UsageError("no model is loaded", hint="Call load first.")
    return _LOADED["session"]


OPERATIONS = {"load": load, "run": run, "time": time, "time_resident": time_resident}
