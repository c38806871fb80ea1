"""What stands in the way of deploying a model, found without running it: one rule, one row.

A rule looks at the facts and says what it found. Severity: "blocks" (it will not run, or must not be
loaded), "warns" (it runs, and may surprise), "informs".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import onnx

from interop.audit.facts import Facts, Operator
from interop.audit.support import OLDEST_OPSET
from interop.parity.truth.randomness import RANDOM

BLOCKS, WARNS, INFORMS = "blocks", "warns", "informs"
SEVERITIES = (BLOCKS, WARNS, INFORMS)

#: From here on operators have the meaning that today's exporters give them (Resize, Clip by inputs,
#: Softmax along one axis): what is older has to be upgraded, which not every tool does well.
SETTLED_OPSET = 13
#: protobuf's limit of one file, in bytes.
PROTOBUF_LIMIT = 2**31

#: Domains whose nodes hold a program of their own, which runs when the model is run.
PROGRAMS = {
    ("ai.onnx.contrib", "PyCustomOpDef"), ("ai.onnx.contrib", "PyOp"), ("com.microsoft", "PyOp"),
    ("com.microsoft.extensions", "PyOp"), ("", "PythonOp"), ("com.microsoft", "PythonOp"),
    ("com.microsoft", "PythonOpGrad"), ("org.pytorch.aten", "ATen"),
}  # fmt: skip
STANDARD = {"", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.training"}

#: Types that common deployment targets lack, and what they do about it.
SCARCE = {
    "DOUBLE": "GPUs run float64 slowly, and TensorRT casts it to float32",
    "BFLOAT16": "ONNX Runtime's CPU provider has few kernels for bfloat16",
    "STRING": "only ONNX Runtime on CPU computes with text",
    "COMPLEX64": "hardly any runtime takes complex tensors",
    "COMPLEX128": "hardly any runtime takes complex tensors",
}


@dataclass(frozen=True)
class Finding:
    """`where` names nodes, tensors or files; `next_step` is empty where nothing needs doing."""

    rule: str
    severity: str
    sentence: str
    where: tuple[str, ...] = ()
    next_step: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "where": list(self.where)}


@dataclass(frozen=True)
class Rule:
    """`look` yields (severity, sentence, where, next step) for each thing that it finds."""

    name: str
    about: str
    look: Callable[[Facts], Iterator[tuple[str, str, tuple[str, ...], str]]]


def findings(facts: Facts) -> tuple[Finding, ...]:
    """All that the rules find, what blocks first."""
    found = [Finding(rule.name, *one) for rule in RULES for one in rule.look(facts)]
    return tuple(sorted(found, key=lambda one: SEVERITIES.index(one.severity)))


_Found = Iterator[tuple[str, str, tuple[str, ...], str]]


def _opset(facts: Facts) -> _Found:
    newest = onnx.defs.onnx_opset_version()
    again = "Export it again, or write it anew: `interop convert <model> --to onnx`."
    if facts.opset == 0:
        yield BLOCKS, "It does not say which opset of ai.onnx it uses.", (), again
    elif facts.opset < OLDEST_OPSET:
        yield (
            BLOCKS,
            f"Opset {facts.opset} is older than what runtimes still guarantee (7).",
            (),
            again,
        )
    elif facts.opset < SETTLED_OPSET:
        text = f"Opset {facts.opset} is old: operators have changed their meaning since."
        yield WARNS, text, (), again
    elif facts.opset > newest:
        text = f"Opset {facts.opset} is newer than the standard known here ({newest})."
        yield BLOCKS, text, (), "Update interop, or export in an older opset."


def _deprecated(facts: Facts) -> _Found:
    for operator in _standard(facts):
        schema = _newest(operator.name)
        if schema is not None and schema.deprecated:
            text = (
                f"{operator.name} was taken out of the standard with opset {schema.since_version}."
            )
            step = "Runtimes drop such operators: upgrade the model."
            yield WARNS, text, operator.nodes, step


def _custom(facts: Facts) -> _Found:
    defined = set(facts.functions)
    for operator in facts.operators:
        key = operator.domain, operator.name
        if operator.domain in STANDARD or key in defined or key in PROGRAMS:
            continue
        if operator.domain == "com.microsoft":
            text = f"{operator.title} is ONNX Runtime's own: no other runtime has it."
            step = "Deploy on ONNX Runtime, or export without its optimizer."
            yield WARNS, text, operator.nodes, step
        else:
            text = f"{operator.title} is in no standard: it needs its own library wherever it runs."
            yield BLOCKS, text, operator.nodes, "Bring that library, or define it as a function."


def _random(facts: Facts) -> _Found:
    for operator in _standard(facts):
        if operator.name in RANDOM:
            text = f"{operator.name} draws random numbers: two runs differ, and so do two runtimes."
            yield WARNS, text, operator.nodes, "Make the random values an input of the model."


def _dynamic(facts: Facts) -> _Found:
    for name, dims in facts.dynamic:
        if any("rank" in dim for dim in dims):
            yield (
                BLOCKS,
                f"Input {name!r} does not say how many dimensions it has.",
                (name,),
                ("Export it with the shape of its inputs."),
            )
            continue
        text = f"Input {name!r} leaves {', '.join(dims)} open."
        step = (
            "TensorRT needs a profile of least, usual and greatest sizes; NNAPI, CoreML and WebNN "
            "want fixed ones."
        )
        yield INFORMS, text, (name,), step


def _types(facts: Facts) -> _Found:
    for dtype in facts.dtypes:
        if dtype in SCARCE:
            yield WARNS, f"It holds {dtype.lower()}: {SCARCE[dtype]}.", (), ""
        if dtype.startswith(("FLOAT8", "FLOAT4")):
            text = (
                f"It holds {dtype.lower()}: few processors compute in it, and few runtimes take it."
            )
            yield WARNS, text, (), "Check that the target is one of them."


def _size(facts: Facts) -> _Found:
    if facts.file_bytes > PROTOBUF_LIMIT:
        text = f"The file has {facts.file_bytes:,} bytes: protobuf stops at 2 GiB."
        yield BLOCKS, text, (), "Save it with external data."
    for one in facts.external:
        if not one.problem:
            text = f"{one.bytes:,} bytes of its weights lie in {one.location!r}."
            yield INFORMS, text, (one.location,), "Ship that file beside the model."


def _external(facts: Facts) -> _Found:
    for one in facts.external:
        if one.problem:
            text = f"The weights cannot be trusted or read: {one.location!r} {one.problem}."
            yield BLOCKS, text, (one.location,), one.step


def _programs(facts: Facts) -> _Found:
    for operator in facts.operators:
        if (operator.domain, operator.name) in PROGRAMS:
            text = f"{operator.title} runs a program that the model brings or names."
            yield (
                BLOCKS,
                text,
                operator.nodes,
                "Do not load it from a source that you do not trust.",
            )


def _shadowed(facts: Facts) -> _Found:
    for domain, name in facts.functions:
        if domain in ("", "ai.onnx") and _newest(name) is not None:
            text = f"It defines {name} anew: what runs is not the standard's operator."
            yield WARNS, text, (name,), "Give the function a domain of its own."


def _provenance(facts: Facts) -> _Found:
    said = {key.lower() for key in facts.metadata}
    if not said & {"license", "licence", "license_link", "general.license"}:
        yield (
            INFORMS,
            "It does not say under which licence it may be used.",
            (),
            ("Ask its author, and write it into metadata_props (`license`)."),
        )
    if not facts.producer:
        yield INFORMS, "It does not say what wrote it.", (), ""


def _standard(facts: Facts) -> Iterator[Operator]:
    return (operator for operator in facts.operators if operator.domain == "")


def _newest(name: str) -> onnx.defs.OpSchema | None:
    try:
        return onnx.defs.get_schema(name, "")
    except onnx.defs.SchemaError:
        return None


RULES = (
    Rule("opset", "the version of the standard", _opset),
    Rule("deprecated-operator", "operators that the standard has dropped", _deprecated),
    Rule("custom-operator", "operators outside the standard", _custom),
    Rule("random-operator", "results that differ from run to run", _random),
    Rule("dynamic-dimension", "sizes that are open", _dynamic),
    Rule("dtype", "types that targets lack", _types),
    Rule("size", "files and their limits", _size),
    Rule("external-data", "weights outside the file", _external),
    Rule("embedded-code", "programs inside the model", _programs),
    Rule("shadowed-operator", "functions that replace the standard's", _shadowed),
    Rule("provenance", "licence and origin", _provenance),
)
