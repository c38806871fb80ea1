"""The JSON Schema of audit.json, for who reads it without us; docs/audit.schema.json is written from it."""

from __future__ import annotations

from typing import Any

from interop.audit.difference import SCHEMA_VERSION

_TEXT, _COUNT, _FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_NUMBER, _TEXTS = {"type": "number"}, {"type": "array", "items": {"type": "string"}}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """All of them are required; more may come."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_GRADE = _maybe({"enum": ["A", "B", "C", "F"]})

_LATENCY = _object(
    median=_NUMBER, over=_TEXT, ratio=_NUMBER, low=_NUMBER, high=_NUMBER, is_reference=_FLAG,
    verdict={"enum": ["faster", "slower", "tie", "unclear", "reference"]}, runs=_COUNT,
    peak_memory_bytes=_COUNT,
    percentiles=_object(p50=_maybe(_NUMBER), p90=_maybe(_NUMBER), p99=_maybe(_NUMBER)),
)  # fmt: skip

_ACCURACY = _object(
    output=_TEXT, rows=_COUNT, right=_maybe(_NUMBER), f1=_maybe(_NUMBER), of_truth=_maybe(_NUMBER),
    other=_maybe(_COUNT), problem=_TEXT,
)  # fmt: skip

_BACKEND = _object(
    backend=_TEXT, title=_TEXT, version=_TEXT, grade=_GRADE, passes=_FLAG, verdict=_maybe(_TEXT),
    effective_bits=_maybe(_NUMBER), sentence=_TEXT, next_steps=_TEXTS, unavailable=_FLAG,
    exit_code=_COUNT, bytes=_maybe(_COUNT), latency=_maybe(_LATENCY), accuracy=_maybe(_ACCURACY),
)  # fmt: skip

_FINDING = _object(
    rule=_TEXT, severity={"enum": ["blocks", "warns", "informs"]}, sentence=_TEXT, where=_TEXTS,
    next_step=_TEXT,
)  # fmt: skip

_TARGET = _object(
    target=_TEXT, title=_TEXT, source=_TEXT, version=_TEXT, runs=_FLAG, open_sizes=_FLAG,
    falls_back=_FLAG,
    gaps=_list(_object(operator=_TEXT, count=_COUNT, nodes=_TEXTS, reason=_TEXT, blocks=_FLAG)),
)  # fmt: skip

_COST = _object(
    sizes={"type": "object"}, operations=_COUNT, by_operator={"type": "object"},
    activation_bytes=_COUNT, uncounted=_TEXTS,
)  # fmt: skip

_FACTS = _object(
    file=_TEXT, bytes=_COUNT, sha256=_TEXT, opsets={"type": "object"}, metadata={"type": "object"},
    operators={"type": "object"}, dtypes=_TEXTS, parameters=_COUNT, weight_bytes=_COUNT,
    external=_list(_object(location=_TEXT, tensors=_COUNT, bytes=_COUNT, problem=_TEXT)),
)  # fmt: skip

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An audit of interop",
    **_object(
        schema_version={"const": SCHEMA_VERSION},
        kind={"const": "audit"},
        created=_TEXT,
        model=_object(name=_TEXT, reference=_TEXT, framework=_TEXT, notes=_TEXTS),
        static=_object(
            facts=_FACTS, findings=_list(_FINDING), targets=_list(_TARGET), cost=_maybe(_COST)
        ),
        backends=_list(_BACKEND),
        timing=_object(over=_maybe(_TEXT), threads=_COUNT, sentence=_TEXT, warnings=_TEXTS),
        variants=_list(
            _object(
                precision=_TEXT,
                bytes=_maybe(_COUNT),
                effective_bits=_maybe(_NUMBER),
                grade=_GRADE,
                sentence=_TEXT,
                next_step=_TEXT,
                accuracy=_maybe(_ACCURACY),
            )
        ),
        policy=_maybe(
            _object(file=_TEXT, rules=_TEXTS, violations=_list(_object(rule=_TEXT, sentence=_TEXT)))
        ),
        exit_code=_COUNT,
        passes=_FLAG,
        versions={"type": "object"},
        machine={"type": "object"},
    ),
}

#: Of audits.json, the index of several; docs/audits.schema.json is written from it.
SCHEMA_OF_SEVERAL: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Audits of interop, an index",
    **_object(
        schema_version={"const": SCHEMA_VERSION},
        kind={"const": "audits"},
        created=_TEXT,
        on=_TEXTS,
        models=_list(
            _object(
                name=_TEXT, model=_TEXT, framework=_maybe(_TEXT), folder=_maybe(_TEXT),
                exit_code=_COUNT, passes=_FLAG, sentence=_TEXT, next_step=_TEXT, seconds=_NUMBER,
                parameters=_maybe(_COUNT),
                backends=_list(
                    _object(
                        backend=_TEXT, grade=_GRADE, passes=_FLAG, unavailable=_FLAG,
                        exit_code=_COUNT, effective_bits=_maybe(_NUMBER), sentence=_TEXT,
                        median=_maybe(_NUMBER),
                    )
                ),
            )
        ),
        exit_code=_COUNT,
        passes=_FLAG,
        versions={"type": "object"},
        machine={"type": "object"},
    ),
}  # fmt: skip
