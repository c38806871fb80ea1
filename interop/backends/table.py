"""The runtimes that a model can be run on: one row each.

Those that take ONNX stand here; every framework that is written to, a plugin's too, is one more,
which runs what the model is converted into.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from interop.frameworks import Framework, known

#: What a precision of the grammar is called where frameworks write it. One that is not here is a way
#: to compute what is written in float32.
WRITTEN = {"fp32": "float32", "fp16": "float16", "int8": "int8"}


@dataclass(frozen=True)
class Place:
    """One device of a runtime.

    framework: whose environment it runs in; precisions: the first is what it runs in unasked, and
    those of `typed` are made in the model itself, under that name (backends/typed.py);
    guest: the worker's module, where it is not the framework's own; nvidia: it needs such a GPU,
    and `builds_anywhere`, that only running does.
    """

    device: str
    framework: str
    precisions: tuple[str, ...] = ("fp32",)
    guest: str = ""
    nvidia: bool = False
    builds_anywhere: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module that a worker runs."""
        return self.guest or known()[self.framework].guest


@dataclass(frozen=True)
class Runtime:
    """takes_onnx: it reads canonical ONNX as it is; else the model is converted for it first.
    engine: what it reads, it builds an engine of, for the sizes that come, and runs that."""

    name: str
    title: str
    aliases: tuple[str, ...]
    takes_onnx: bool
    places: tuple[Place, ...]
    engine: bool = False

    @property
    def asks(self) -> bool:
        """Whether its workers' `load` is told the device and the precision."""
        return self.takes_onnx or len(self.places) > 1

    def place(self, device: str) -> Place | None:
        return next((place for place in self.places if place.device == device), None)


#: ONNX Runtime's worker, which its other builds run, too.
_ORT = "interop.converters.onnxruntime.guest"

_TYPED = {"fp16": "fp16", "int8": "int8-static"}

#: What engines compute in: what the model says, but for TF32.
_ENGINE = ("fp32", "tf32", "fp16", "bf16", "int8", "fp8")
_ENGINE_TYPED = {"fp16": "fp16", "bf16": "bf16", "int8": "int8-symmetric", "fp8": "fp8"}

#: Those that take ONNX.
TAKING_ONNX = (
    Runtime(
        "onnxruntime",
        "ONNX Runtime",
        ("ort",),
        True,
        (
            Place("cpu", "onnxruntime", ("fp32", "fp16", "int8"), typed=_TYPED),
            Place("openvino", "onnxruntime_openvino", guest=_ORT),
            Place(
                "cuda",
                "onnxruntime_gpu",
                ("fp32", "tf32", "fp16"),
                _ORT,
                nvidia=True,
                typed={"fp16": "fp16"},
            ),
            Place("tensorrt", "onnxruntime_gpu", ("fp32", "fp16"), _ORT, nvidia=True),
        ),
    ),
    Runtime(
        "openvino", "OpenVINO", (), True, (Place("cpu", "openvino", ("fp32", "bf16", "fp16")),)
    ),
    Runtime(
        "tensorrt",
        "TensorRT",
        ("trt",),
        True,
        (Place("cuda", "tensorrt", _ENGINE, nvidia=True, typed=_ENGINE_TYPED),),
        engine=True,
    ),
    Runtime(
        "tensorrt-rtx",
        "TensorRT-RTX",
        ("trt-rtx", "tensorrt_rtx"),
        True,
        (
            Place(
                "cuda",
                "tensorrt_rtx",
                _ENGINE,
                nvidia=True,
                builds_anywhere=True,
                typed=_ENGINE_TYPED,
            ),
        ),
        engine=True,
    ),
    Runtime("opencv", "OpenCV's dnn module", ("cv2",), True, (Place("cpu", "opencv"),)),
    Runtime("tvm", "Apache TVM", (), True, (Place("cpu", "tvm"),)),
    Runtime(
        "reference",
        "onnx's reference evaluator",
        (),
        True,
        (Place("cpu", "onnx", guest="interop.converters.onnx.reference"),),
    ),
)


#: Devices, beside the processor, of those that models are converted into.
_CUDA = {name: Place("cuda", name, ("fp32", "tf32"), nvidia=True) for name in ("torch", "jax")}

_COMPILED = "interop.converters.torch.compiled"

#: Other ways to run what models are converted into.
VARIANTS = (
    Runtime(
        "torch-compile",
        "PyTorch, compiled",
        ("torch.compile",),
        False,
        (
            Place("cpu", "torch", guest=_COMPILED),
            Place("cuda", "torch", ("fp32", "tf32"), _COMPILED, nvidia=True),
        ),
    ),
)


def runtimes() -> Mapping[str, Runtime]:
    """All of them by name."""
    written = [_converted(row) for row in known().values() if row.kind and row.kind.has_source]
    return {row.name: row for row in (*TAKING_ONNX, *written, *VARIANTS)}


def _converted(row: Framework) -> Runtime:
    assert row.kind is not None
    precisions = tuple(p for p, word in WRITTEN.items() if word in row.kind.precisions)
    places = [Place("cpu", row.name, precisions)]
    if row.name in _CUDA:
        places.append(_CUDA[row.name])
    return Runtime(row.name, row.title, row.aliases, False, tuple(places))
