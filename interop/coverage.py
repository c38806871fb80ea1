"""Which operator reaches which target, and how."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import onnx

from interop.frameworks import known
from interop.graph.decompositions.table import DECOMPOSITIONS
from interop.graph.layout import DOMAIN as CHANNELS_LAST

#: How an operator is covered, best first.
NATIVE, DECOMPOSED, BODY, NONE = "native", "decomposed", "standard body", "-"


@dataclass(frozen=True)
class Row:
    """One operator: `ways` holds a word above for each target."""

    domain: str  # "ai.onnx" for the default one
    operator: str
    since: int | None  # its newest version in the standard; None outside it
    ways: Mapping[str, str]


def coverage() -> list[Row]:
    """A row for each operator of ai.onnx, and for those of other domains that any target covers."""
    kinds = {row.name: row.kind for row in known().values()}
    # ONNX needs no lowerings.
    tables = {n: _table(kind.importer) for n, kind in kinds.items() if kind and kind.has_source}
    decomposed = frozenset(DECOMPOSITIONS)
    standard = {
        schema.name: schema
        for schema in onnx.defs.get_all_schemas()
        if schema.domain == "" and not schema.deprecated
    }
    operators = {("", name) for name in standard} | decomposed
    operators |= {key for table in tables.values() for key in table}
    rows = []
    for domain, name in sorted(operators):
        schema = standard.get(name) if domain == "" else None
        if domain == "" and schema is None:
            continue  # an operator of older opsets, which never reaches a canonical graph
        body = schema is not None and (
            schema.has_function or schema.has_context_dependent_function  # type: ignore[attr-defined]
        )
        fallback = DECOMPOSED if (domain, name) in decomposed else BODY if body else NONE
        ways = {t: NATIVE if (domain, name) in table else fallback for t, table in tables.items()}
        rows.append(
            Row(domain or "ai.onnx", name, None if schema is None else schema.since_version, ways)
        )
    return rows


def _table(importer: str) -> frozenset[tuple[str, str]]:
    keys = importlib.import_module(importer).LOWERINGS
    standard = {("" if domain == CHANNELS_LAST else domain, name) for domain, name in keys}
    # Other domains of ours hold what a target's own fusions make.
    return frozenset(key for key in standard if not key[0].startswith("interop."))
