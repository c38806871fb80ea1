"""Layers in the printed statements: each with a name of its own, and one where several share weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_NAME = re.compile(r", name='(\w+)'")
_AUTOMATIC = re.compile(r"\b(?:ops|layers)\.(\w+)")


def share_layers(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The definitions of layers that more than one statement calls, and the statements that call them.

    Those are layers that hold the same weights, and all in the body of a loop, which is called again
    and again: one layer each, so that they are trained as one and stored once.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        inner = line.startswith(" " * 8)
        for text, weights in _layers(line):
            key = f"{_NAME.sub('', text)} {weights}"
            found.setdefault(key, []).extend([text] * (2 if inner else 1))
    shared, defined = {}, []
    for texts in found.values():
        if len(texts) < 2:
            continue
        stem = _NAME.search(texts[0])
        assert stem is not None
        variable = f"{stem[1]}_layer_{len(defined)}"
        defined.append(f"    {variable} = {texts[0]}")
        shared.update(dict.fromkeys(texts, variable))
    if not shared:
        return [], list(lines)
    return defined, [_replaced(line, shared) for line in lines]


def _replaced(line: str, shared: dict[str, str]) -> str:
    for text, _ in list(_layers(line)):
        if text in shared:
            line = line.replace(text, shared[text])
    return line


def _layers(line: str) -> Iterator[tuple[str, str]]:
    """Each `layers.Kind(…, name=…)` of a statement, and the list of weights behind it."""
    for start in re.finditer(r"\blayers\.\w+\(", line):
        end = _closing(line, start.end() - 1)
        text = line[start.start() : end]
        weights = re.match(r", \[", line[end:])
        if _NAME.search(text) and weights:
            first = end + weights.end() - 1
            yield text, line[first : _closing(line, first)]


def _closing(line: str, opening: int) -> int:
    """The place behind the bracket that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(line)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(line[place], 0)
        if depth == 0:
            return place + 1
    return len(line)


def automatic_names(lines: Iterable[str]) -> set[str]:
    """The stems of the names that Keras itself gives to what the statements make."""
    kinds = {kind for line in lines for kind in _AUTOMATIC.findall(line)}
    return {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower() for kind in kinds}


def name_once(lines: Sequence[str], taken: set[str]) -> list[str]:
    """Every layer's name once, as Keras wants it, and none that Keras could give to another."""
    seen: dict[str, int] = {}

    def once(found: re.Match[str]) -> str:
        name = found[1]
        if re.sub(r"(_\d+)+$", "", name) in taken:
            name += "_layer"
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}_{seen[name] - 1}"
        while seen[name] > 1 and unique in seen:
            seen[name] += 1
            unique = f"{name}_{seen[name] - 1}"
        seen.setdefault(unique, 1)
        return f"name={unique!r}"

    return [re.sub(r"name='(\w+)'", once, line) for line in lines]
