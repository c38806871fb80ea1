"""The models that faults are planted in, cheap ones first, and how they are had."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import onnx
from filelock import FileLock
from interop.models import ZOO

from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize, save
from interop.workers import Worker
from scorecard.nets import NETS

_FETCH = Path(__file__).parent.parent.parent / "examples" / "fetch_real_models.py"


@dataclass(frozen=True)
class Subject:
    """One model. `group`: "net" (nets.py), "zoo" (exported from torch) or "real" (a package's).

    sites: how many sites a mutator gets at most; sizes: of dynamic dimensions, by name; package,
    file: where a real model is; below: exclusive upper limits of integer inputs, by name.
    """

    name: str
    group: str
    sites: int = 3
    sizes: Mapping[str, int] = field(default_factory=dict)
    package: str = ""
    file: str = ""
    below: Mapping[str, int] = field(default_factory=dict)


SUBJECTS: Mapping[str, Subject] = {
    subject.name: subject
    for subject in (
        *(Subject(name, "net") for name in NETS if name != "tokens"),
        Subject("tokens", "net", below={"ids": 60, "mask": 2}),
        *(Subject(name, "zoo") for name in ("dlrm", "keyword_spotter", "lstm_classifier", "dcgan")),
        Subject("magika", "real", package="magika", file="model.onnx"),
        Subject(
            "blazeface", "real", 2, package="blazeface",
            file="face_detection_front_128x128_barracuda.onnx",
        ),
        Subject(
            "text_direction", "real", 2, {"x_dim2": 48, "x_dim3": 192},
            "rapidocr", "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        ),
        *(Subject(name, "zoo") for name in ("gpt", "bert")),
        Subject("basic_pitch", "real", 1, package="basic-pitch", file="nmp.onnx"),
        Subject(
            "text_recogniser", "real", 2, {"x_dim2": 48, "p2o.DynamicDimension.1": 96},
            "rapidocr", "ch_PP-OCRv4_rec_infer.onnx",
        ),
        *(Subject(name, "zoo", 2) for name in ("unet", "vit", "mobilenet_v2", "resnet18")),
        Subject("open_nsfw", "real", 1, package="open-nsfw-standalone", file="open-nsfw.onnx"),
        Subject("resnet50", "zoo", 1),
    )
}  # fmt: skip


def prepare(subject: Subject, cache: Path) -> Path:
    """The canonical ONNX file of `subject`, made once. Raises what exporting or fetching raises."""
    target = cache / "canonical" / f"{subject.name}.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_suffix(".lock")):
        if not target.exists():
            source = _SOURCES[subject.group](subject, cache)
            part = target.with_suffix(".part")
            save(canonicalize(source), part)
            part.rename(target)
    return target


def usual_sizes(subject: Subject, open_dims: set[str]) -> dict[str, int]:
    """Sizes of those dynamic dimensions that have a usual one; exporters may have fixed some."""
    entry = ZOO.get(subject.name) if subject.group == "zoo" else None
    sizes = {**(entry.sizes if entry else {}), **subject.sizes}
    return {name: size for name, size in sizes.items() if name in open_dims}


def bounds(subject: Subject) -> dict[str, int]:
    """Exclusive upper limits of integer inputs, by name."""
    entry = ZOO.get(subject.name) if subject.group == "zoo" else None
    drawn = {i.name: i.below for i in (entry.inputs if entry else ()) if i.below is not None}
    return {**drawn, **subject.below}


def _net(subject: Subject, cache: Path) -> Path:
    path = cache / "sources" / f"{subject.name}.onnx"
    path.parent.mkdir(exist_ok=True)
    onnx.save(NETS[subject.name](), path)
    return path


def _zoo(subject: Subject, cache: Path) -> Path:
    entry = ZOO[subject.name]
    path = cache / "sources" / f"{subject.name}.onnx"
    path.parent.mkdir(exist_ok=True)
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    with Worker(
        provide("torch").interpreter, FRAMEWORKS["torch"].guest, label="torch", timeout=600
    ) as worker:
        worker.call(
            "load_and_export", reference=entry.definitions["torch"], path=str(path),
            inputs=specs, outputs=list(entry.outputs), sizes=dict(entry.sizes), trust=False,
        )  # fmt: skip
    return path


def _real(subject: Subject, cache: Path) -> Path:
    folder: Path = _fetcher().fetch(subject.package, cache / "real-models")
    return folder / subject.file


def _fetcher() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_real_models", _FETCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fetch_real_models"] = module
    spec.loader.exec_module(module)
    return module


_SOURCES = {"net": _net, "zoo": _zoo, "real": _real}
