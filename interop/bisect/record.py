"""The record of a bisection as one JSON document, and the README of its reproducer."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnx import NodeProto

from interop.bisect.changes import called
from interop.bisect.layers import Layer
from interop.bisect.reproducer import CANDIDATE, DATA, MODEL
from interop.bisect.run import Bisection, Finding, Subject
from interop.graph.origins import origin_of

if TYPE_CHECKING:
    from interop.bisect.command import BisectRequest

SCHEMA_VERSION = 1

_PACKAGES = ("interop", "numpy", "onnx", "onnxruntime")


def record(
    request: BisectRequest,
    subject: Subject,
    notes: tuple[str, ...],
    found: Bisection | None = None,
    *,
    layers: tuple[Layer, ...] = (),
    reproducer: Path | None = None,
) -> dict[str, Any]:
    """Every value is of a JSON type. `found` for a search, `layers` for a profile."""
    graded = layers if found is None else found.layers
    wrong = any(layer.wrong for layer in graded) or bool(found and found.finding)
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": request.model.model,
        "candidate": None if request.candidate is None else str(request.candidate),
        "backend": subject.executor.name,
        "precision": subject.executor.precision.name,
        "passes": not wrong,
        "nodes": len(subject.pair.reference.nodes),
        "inputs": [one.to_json() for one in subject.sets],
        "seed": request.model.seed,
        "weights": [weight.to_json() for weight in subject.weights],
        "whole": {} if found is None else {k: v.to_json() for k, v in found.whole.items()},
        "prefixes": [] if found is None else [_step(vars(step)) for step in found.steps],
        "layers": layer_rows(subject, graded),
        "finding": None if found is None or found.finding is None else _finding(found.finding),
        "reproducer": None if reproducer is None else str(reproducer),
        "rerun": None if reproducer is None else _rerun(subject),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _PACKAGES},
            **subject.executor.versions,
        },
        "notes": list(notes),
    }


def layer_rows(subject: Subject, layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """One row a node, in order."""
    return [_layer(subject, layer) for layer in layers]


def _step(step: dict[str, Any]) -> dict[str, Any]:
    return {**step, "crossing": list(step["crossing"])}


def _layer(subject: Subject, layer: Layer) -> dict[str, Any]:
    graph = subject.pair.reference
    node = graph.nodes[graph.producer[layer.unit.outputs[0]]]
    worst = layer.judgement.worst
    return {
        "number": layer.number,
        **described(node),
        "wrong": layer.wrong,
        "undecided": layer.undecided or None,
        "verdict": worst.verdict.word if worst and not layer.undecided else None,
        "effective_bits": worst.effective_bits if worst else None,
        "bits": worst.bits if worst else None,
        "bits_lost": worst.lost if worst and worst.effective_bits is not None else None,
        "error_over_floor": worst.multiple.worst if worst and worst.multiple else None,
        "reason": layer.undecided or layer.judgement.reason,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "nodes": [described(node) for node in finding.nodes],
        "inputs": finding.inputs,
        "reason": finding.reason,
        "changes": list(finding.changes),
        "weights": [weight.to_json() for weight in finding.weights],
        "confirmed": finding.confirmed,
    }


def described(node: NodeProto) -> dict[str, Any]:
    """A node for people: what it is called, what it makes, where it comes from."""
    origin = origin_of(node)
    return {
        "node": called(node),
        "operator": node.op_type,
        "outputs": [name for name in node.output if name],
        "origin": None if origin is None else {**vars(origin), "text": str(origin)},
    }


def _rerun(subject: Subject) -> str:
    """Run inside the reproducer's folder."""
    if subject.pair.one_graph:
        return f"interop check {MODEL} --on {subject.executor.name} --data ."
    on = "" if subject.executor.plain else f" --on {subject.executor.name}"
    return f"interop bisect {MODEL} {CANDIDATE}{on} --data ."


def write_readme(document: dict[str, Any], folder: Path) -> None:
    """What is wrong, and how to see it."""
    finding = document["finding"]
    nodes = "\n".join(
        f"- {node['node']}" + (f", from {node['origin']['text']}" if node["origin"] else "")
        for node in finding["nodes"]
    )
    against = document["candidate"] or document["backend"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    more = [*finding["changes"], *(f"weight {w['name']} {w['what']}" for w in finding["weights"])]
    text = f"""# What goes wrong in {document["model"]}, on {against}

{nodes}

{finding["reason"]}; {finding["confirmed"]}.
{"".join(f"{one}." + chr(10) for one in more)}
    {document["rerun"]}

run in this folder shows it again. `{MODEL}` is the smallest model that still does; `{DATA}` holds its
inputs, and what they should give: the float64 truth, rounded. `bisect.json` is the whole record.

Seen with {versions}.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")
