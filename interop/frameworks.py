"""The frameworks that the toolkit knows: one row each, and `converters/<name>/` has the rest.

A plugin exports such a row, too; `known` has them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from interop.errors import UsageError
from interop.workers.guest_packages import path_of

if TYPE_CHECKING:
    from interop.plugins import Plugin


@dataclass(frozen=True)
class Kind:
    """How one framework is written to. `importer` is the host module whose `lower` makes source; empty
    for ONNX, where the canonical graph itself is the artifact."""

    importer: str
    layout: str  # "channels last" where the framework's CPU kernels want it
    artifact: str  # the folder or file that `build` writes
    what: str
    precisions: tuple[str, ...] = ("float32",)  # that `build` can write; the first is the default
    source: str = "model.py"  # what the importer writes, for people and for `build`
    #: Types below sixteen bits (ir.DataType) that it computes in; others are held in wider ones.
    narrow: tuple[str, ...] = ()

    @property
    def has_source(self) -> bool:
        """Whether there is source of it that people read."""
        return bool(self.importer)


_FLOATS8 = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ")


@dataclass(frozen=True)
class Framework:
    """One row, ours or a plugin's.

    roles: "source" (its models can be converted), "target" (to it), or "backend" alone (it runs
    ONNX as it is; a target is a backend, too: see backends/table.py). kind: how, for a target.
    endings: of files that it alone writes (".pt2").
    package: holds `guest.py`, `environment.toml`, `lock.txt` and `routes.toml`; a plugin names its
    own. Its `__init__.py` is not run where the framework is.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    roles: frozenset[str]
    kind: Kind | None = None
    endings: tuple[str, ...] = ()
    package: str = ""

    @property
    def short(self) -> str:
        """The name that people use in a folder's name: the shortest."""
        return min((self.name, *self.aliases), key=len)

    @property
    def home(self) -> str:
        """The package that holds the rest."""
        return self.package or f"interop.converters.{self.name}"

    @property
    def guest(self) -> str:
        """The module that its workers run."""
        return f"{self.home}.guest"

    @property
    def folder(self) -> Path:
        """Where `home` lies. Raises ModuleNotFoundError."""
        if self.package:
            return Path(path_of(self.package)[0])
        return Path(path_of("interop.converters")[0]) / self.name


#: Our own. Whoever means all that are installed asks `known`.
FRAMEWORKS: dict[str, Framework] = {
    row.name: row
    for row in (
        Framework(
            "onnx",
            "ONNX, run by ONNX Runtime",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="",
                layout="channels first",
                artifact="model.onnx",
                what="ONNX model",
                source="model.onnx",
            ),
            endings=(".onnx",),
        ),
        Framework(
            "torch",
            "PyTorch",
            ("pytorch",),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.torch.importer",
                layout="channels first",
                artifact="model.pt2",
                what="torch.export program",
                narrow=_FLOATS8,
            ),
            endings=(".pt2", ".pt", ".pth", ".bin", ".jit", ".safetensors"),
        ),
        Framework(
            "tensorflow",
            "TensorFlow",
            ("tf",),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.tensorflow.importer",
                layout="channels last",
                artifact="saved_model",
                what="TensorFlow SavedModel, signature serving_default",
                narrow=("FLOAT8E4M3FN", "FLOAT8E5M2"),
            ),
        ),
        Framework(
            "keras",
            "Keras",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.keras.importer",
                layout="channels last",
                artifact="model.keras",
                what="Keras functional model, for any of its backends",
            ),
            endings=(".keras", ".h5", ".hdf5"),
        ),
        Framework(
            "jax",
            "JAX",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.jax.importer",
                layout="channels first",
                artifact="model.jax",
                what="serialised jax.export program",
                narrow=(*_FLOATS8, "FLOAT4E2M1", "INT4", "UINT4", "INT2", "UINT2"),
            ),
            endings=(".jax",),
        ),
        Framework(
            "mxnet",
            "MXNet",
            ("gluon",),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.mxnet.importer",
                layout="channels first",
                artifact="model-symbol.json",
                what="MXNet symbol, its parameters beside it; gluon.SymbolBlock loads both",
            ),
            endings=(".json",),
        ),
        Framework(
            "cntk",
            "CNTK",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.cntk.importer",
                layout="channels first",
                artifact="model.model",
                what="CNTK function, which Function.load reads",
            ),
            endings=(".model", ".dnn"),
        ),
        Framework(
            "theano",
            "Theano",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.theano.importer",
                layout="channels first",
                artifact="model.py",
                what="Theano graph, which its load() builds from the weights beside it",
            ),
        ),
        Framework(
            "caffe2",
            "Caffe2",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.caffe2.importer",
                layout="channels first",
                artifact="predict_net.pb",
                what="Caffe2 net, its weights in init_net.pb beside it",
            ),
        ),
        Framework(
            "caffe",
            "Caffe",
            (),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.caffe.importer",
                layout="channels first",
                artifact="model.caffemodel",
                what="Caffe weights, of the network in model.prototxt",
                source="model.prototxt",
            ),
            endings=(".prototxt", ".caffemodel"),
        ),
        Framework(
            "tflite",
            "TensorFlow Lite",
            ("litert",),
            frozenset({"source", "target"}),
            Kind(
                importer="interop.converters.tflite.importer",
                layout="channels last",
                artifact="model.tflite",
                what="TensorFlow Lite model, signature serving_default",
                precisions=("float32", "float16", "int8"),
            ),
            endings=(".tflite",),
        ),
        Framework("onnxruntime", "ONNX Runtime", ("ort",), frozenset({"backend"})),
        Framework("onnxruntime_gpu", "ONNX Runtime for CUDA", (), frozenset({"backend"})),
        Framework("onnxruntime_openvino", "ONNX Runtime on OpenVINO", (), frozenset({"backend"})),
        Framework("openvino", "OpenVINO", (), frozenset({"backend"})),
        Framework("opencv", "OpenCV's dnn module", ("cv2",), frozenset({"backend"})),
        Framework("tvm", "Apache TVM", (), frozenset({"backend"})),
        Framework("tensorrt", "TensorRT", ("trt",), frozenset({"backend"})),
        Framework("tensorrt_rtx", "TensorRT-RTX", ("tensorrt-rtx",), frozenset({"backend"})),
    )
}


@cache
def plugins() -> tuple[Plugin, ...]:
    """The plugins that are installed, sound or not. What is wrong with one is told on stderr, once.

    Their records are imported here, and nothing else of them.
    """
    from interop.plugins import discover, warn  # only where frameworks are asked for

    found = discover(FRAMEWORKS)
    warn(found)
    return found


def known() -> Mapping[str, Framework]:
    """All frameworks by name: ours, and those of sound plugins behind them."""
    theirs = (plugin.framework for plugin in plugins())
    return {**FRAMEWORKS, **{row.name: row for row in theirs if row is not None}}


def able(role: str) -> list[str]:
    """Names of those that have the role ("source", "target"), in order."""
    return sorted(row.name for row in known().values() if role in row.roles)


@dataclass(frozen=True)
class Wanted:
    """A framework's name, and the version after the `@`, or the beginning of one ("2.11")."""

    framework: str
    version: str | None


def find(name: str) -> Framework:
    """The framework of that name or alias, in any case. Raises UsageError, naming the nearest."""
    names = {n: row for row in known().values() for n in (row.name, *row.aliases)}
    wanted = name.strip().lower()
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=1)
    raise UsageError(
        f"there is no framework '{name}' here",
        hint=(f"did you mean {near[0]}? " if near else "") + f"there are {', '.join(known())}",
    )


def parse(text: str) -> Wanted:
    """Read `torch` or `torch@2.11`.

    Raises UsageError for a framework that is not in the table, or what is no version.
    """
    name, at, version = text.partition("@")
    framework = find(name).name
    if not at:
        return Wanted(framework, None)
    try:
        Version(version)
    except InvalidVersion as error:
        raise UsageError(
            f"'{version}' in '{text}' is not a version",
            hint=f"write it as in {framework}@2.13 or {framework}@2.13.0",
        ) from error
    return Wanted(framework, version)
