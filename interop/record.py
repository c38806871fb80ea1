"""The manifest of a conversion, from the records of its stages. Nothing is computed here but sums."""

from __future__ import annotations

import datetime
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from interop.environments import Environment
from interop.graph.canonical import CANONICAL_OPSET
from interop.manifest import SCHEMA_VERSION
from interop.output import digest, size
from interop.parity.floor.precisions import FLOAT32
from interop.parity.latency import Latency
from interop.parity.verdict.proof import OutputProof
from interop.proof import Parity
from interop.reference import ModelReference
from interop.routes import way
from interop.signature import Signature
from interop.sources import Source
from interop.targets import Target

if TYPE_CHECKING:
    from interop.conversion import Request

#: Packages of the host whose versions decide what a conversion gives.
_HOST = ("interop", "numpy", "onnx", "onnx-ir", "onnxruntime", "ml_dtypes")


def conversion_record(
    request: Request,
    reference: ModelReference,
    source: Source,
    source_home: Environment,
    target: Target,
    target_home: Environment,
    signature: Signature,
    parity: Parity,
    latency: Latency,
    built: dict[str, Any],
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The document that is written to manifest.json; every value is of a JSON type.

    The memory that the workers held is the one figure that whoever opened them adds.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "grade": parity.grade.letter,
        "rule": _rule(parity),
        "route": _route(reference, source_home, target, target_home),
        "source": {
            "framework": source_home.framework,
            "version": source_home.version,
            "reference": reference.text,
            "sha256": None if reference.path is None else digest(reference.path),
            "weights_sha256": None if request.weights is None else digest(request.weights),
            "onnx_sha256": digest(source.onnx),
        },
        "target": {
            "framework": target_home.framework,
            "version": target_home.version,
            "precision": request.precision,
            "sha256": digest(target.artifact) if target.artifact.exists() else None,
            "graph": built,
        },
        "signature": {
            **signature.to_json(),
            "names": {"inputs": target.source.inputs, "outputs": target.source.outputs},
            "layout": "channels last" if target.channels_last else "as the source",
        },
        "artifacts": _artifacts(target),
        "parity": _parity(parity, request),
        "latency": _latency(latency, parity),
        "seconds": seconds,
        "versions": {
            **host_versions(),
            "environments": {
                home.framework: {"interpreter": home.kind, "packages": home.packages}
                for home in (source_home, target_home)
            },
        },
        "machine": machine(),
        "notes": [
            *source.notes,
            *parity.notes,
            *_fixed(signature),
            *_renamed(target.source.inputs, "input", target_home),
            *_renamed(target.source.outputs, "output", target_home),
            *_given_up(built, target),
        ],
    }


def host_versions() -> dict[str, str]:
    """Of the host's Python and its packages that decide what comes out."""
    packages = {name: metadata.version(name) for name in _HOST if _installed(name)}
    return {"python": platform.python_version(), **packages}


def machine() -> dict[str, str]:
    return {"system": platform.platform(), "processor": platform.machine()}


def _fixed(signature: Signature) -> list[str]:
    """A batch that the source has baked in is worth a word: the artifact takes no other."""
    if any(isinstance(dim, str) for spec in signature.inputs for dim in spec.shape or ()):
        return []
    shapes = ", ".join(f"{spec.name} {list(spec.shape or ())}" for spec in signature.inputs)
    return [f"every size is fixed in the source, the batch too; the artifact takes only {shapes}"]


def _renamed(names: dict[str, str], what: str, target_home: Environment) -> list[str]:
    """Names that the framework does not take: whoever feeds the artifact has to know them."""
    return [
        f"the {what} {given} is called {made} in the {target_home.framework} model"
        for given, made in names.items()
        if made != given
    ]


def _artifacts(target: Target) -> list[dict[str, Any]]:
    written = {target.artifact: target.what}
    written.setdefault(target.folder / target.kind.source, "readable source, which rebuilds it")
    for beside in ("weights.safetensors", f"{target.artifact.name}.data"):
        written[target.folder / beside] = "its weights, by their ONNX names"
    return [
        {
            "path": path.relative_to(target.folder).as_posix(),
            "what": what,
            "bytes": size(path),
            "sha256": digest(path),
        }
        for path, what in written.items()
        if path.exists()
    ]


def _given_up(built: dict[str, Any], target: Target) -> list[str]:
    """What the framework could not keep when it built the artifact."""
    if built.get("program") is False:
        return [f"no {target.kind.artifact}, only its source: {built['reason']}"]
    if built.get("fixed"):
        return [f"fixed in {target.kind.artifact}: {', '.join(built['fixed'])}"]
    return []


def _latency(latency: Latency, parity: Parity) -> dict[str, Any]:
    return {
        "source_ms": latency.first_median * 1e3,
        "artifact_ms": latency.second_median * 1e3,
        "ratio": latency.ratio,
        "ratio_interval": [latency.low, latency.high],
        "verdict": latency.verdict,
        "runs": latency.runs,
        "inputs": parity.sets[0].label,
    }


def _rule(parity: Parity) -> dict[str, Any]:
    grade = parity.grade
    return {
        **grade.rule.to_json(),
        "sentence": grade.sentence,
        "output": grade.output,
        "inputs": grade.inputs,
        "hop": grade.hop,
        "verdict": grade.verdict.word,
    }


def _route(
    reference: ModelReference, source_home: Environment, target: Target, target_home: Environment
) -> dict[str, Any]:
    steps = []
    if source_home.framework != "onnx":
        by = way(source_home.framework, "source").by
        steps.append({"from": source_home.framework, "to": "onnx", "by": by})
    steps.append(
        {"from": "onnx", "to": f"canonical onnx, opset {CANONICAL_OPSET}", "by": "interop"}
    )
    source = target.kind.source
    steps.append({"from": "canonical onnx", "to": source, "by": "interop"})
    if target.kind.has_source:
        steps.append({"from": source, "to": target.what, "by": f"{target_home.framework} itself"})
    ends = list(dict.fromkeys([source_home.framework, "onnx", target_home.framework]))
    return {"formats": ends, "steps": steps}


def _parity(parity: Parity, request: Request) -> dict[str, Any]:
    names = list(dict.fromkeys(proof.name for proof in parity.proofs))
    worst = {
        name: max((p for p in parity.proofs if p.name == name), key=_badness) for name in names
    }
    return {
        "effective_bits": {name: worst[name].worst.effective_bits for name in names},
        "precision": parity.precision.name,
        "summary": f"{len(parity.sets)} sets of inputs, artifact as loaded back from disk, against "
        "the source and the float64 truth" + _held_to(parity),
        "seed": request.seed,
        "inputs": [one.to_json() for one in parity.sets],
        "outputs": {name: _output(worst[name]) for name in names},
        "proofs": [proof.to_json() for proof in parity.proofs],
    }


def _held_to(parity: Parity) -> str:
    """What an artifact of fewer bits is measured by."""
    if parity.precision == FLOAT32:
        return ""
    return f", to within what {parity.precision.name} does"


def _badness(proof: OutputProof) -> tuple[int, float]:
    return proof.worst.verdict, proof.worst.lost


def _output(proof: OutputProof) -> dict[str, Any]:
    """The worst case of one output, as a row for people: the figures of its worst comparison."""
    figures = proof.worst.figures
    floor = proof.noise
    return {
        "verdict": proof.worst.verdict.word,
        "effective_bits": proof.worst.effective_bits,
        "bits": proof.worst.bits,
        "inputs": proof.inputs,
        "max_abs": None if figures is None else figures.max_abs,
        "max_rel": None if figures is None else figures.max_rel,
        "snr_db": None if figures is None else figures.snr_db,
        "top1": None if figures is None else figures.top1,
        "error_over_floor": {
            hop: None if side.multiple is None else side.multiple.worst
            for hop, side in (("source", proof.source), ("artifact", proof.artifact),
                              ("direct", proof.direct))
        },
        "floor": None if floor is None else floor.to_json(),
    }  # fmt: skip


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
