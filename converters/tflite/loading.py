"""A `.tflite` file as a source: checked, one of its functions chosen, its state made explicit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from interop.converters.tflite import reading, states
from interop.converters.tflite.reading import Model, Signature, Subgraph

from interop.workers.failures import GuestFailure

_DEFAULT = "serving_default"


@dataclass(frozen=True)
class Loaded:
    """content: the flatbuffer to run where it is not the file itself. states: see states.explicit."""

    path: Path
    model: Model
    signature: Signature
    states: tuple[states.State, ...]
    content: bytes | None

    def interpreter(self, threads: int | None) -> Interpreter:
        """As on a device, by XNNPACK, which rounds what is quantized once, as ONNX says it.

        TFLite's own kernels round twice, in integers, which now and then is a step more or less. But
        where weights of 8 bits meet real data, it is those that are followed: XNNPACK rounds the data
        to other numbers.
        """
        kernels = OpResolverType.AUTO
        if any(_is_dynamic(graph) for graph in self.model.subgraphs):
            kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        given: dict[str, Any] = {"model_path": str(self.path)}
        if self.content is not None:
            given = {"model_content": self.content}
        return Interpreter(**given, num_threads=threads, experimental_op_resolver_type=kernels)

    @property
    def remembers(self) -> bool:
        """Whether a call leaves something behind for the next, in variable tensors."""
        return any(one.variable for graph in self.model.subgraphs for one in graph.tensors)


def _is_dynamic(graph: Subgraph) -> bool:
    return any(
        operator.name in _WEIGHTED
        and graph.tensors[operator.inputs[0]].dtype == "float32"
        and graph.tensors[operator.inputs[1]].quantized
        for operator in graph.operators
    )


_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})


def load_file(path: Path, asked: str | None = None) -> Loaded:
    """Read the file and choose a signature: what was asked for, else serving_default, else the only one.

    A file without signatures gets one of the names of its tensors. Raises GuestFailure: InvalidModel
    where LiteRT finds that the file is none of its kind, or broken; UsageError where no signature is
    `asked`, or several are there to choose from.
    """
    _check(path)
    content = path.read_bytes()
    parsed = reading.parse(path)
    changed = states.sign(parsed)
    key = _choose(path, [one.signatureKey.decode() for one in parsed.signatureDefs], asked)
    index = next(
        int(one.subgraphIndex) for one in parsed.signatureDefs if one.signatureKey.decode() == key
    )
    found = states.explicit(parsed, index)
    model = reading.records(parsed, content)
    signature = next(one for one in model.signatures if one.key == key)
    written = states.packed(parsed) if changed or found else None
    return Loaded(path, model, signature, tuple(found), written)


def _check(path: Path) -> None:
    try:
        size = path.stat().st_size
        Interpreter(model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN)
    except (OSError, RuntimeError, ValueError) as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} is not a TFLite model, or is truncated ({size:,} bytes): {error}",
            hint="Export or copy it again, and compare its size or checksum with the original.",
        ) from error


def _choose(path: Path, there: list[str], asked: str | None) -> str:
    listed = ", ".join(sorted(there))
    if asked is not None and asked not in there:
        raise GuestFailure(
            "UsageError", f"{path} has no signature {asked}", hint=f"It has: {listed}."
        )
    if asked is None and _DEFAULT not in there and len(there) != 1:
        raise GuestFailure(
            "UsageError",
            f"{path} has no signature {_DEFAULT}; it has: {listed}",
            hint="Say which with --signature.",
        )
    return asked or (_DEFAULT if _DEFAULT in there else there[0])
