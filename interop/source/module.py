"""A module as it is written: its text, its weights, and the helpers that it carries."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Source:
    """A module as text, the weights that it loads, and what the model's names became."""

    text: str
    weights: dict[str, np.ndarray]
    inputs: dict[str, str]  # ONNX name → argument of the model
    outputs: dict[str, str]  # ONNX name → key of its result


@cache
def functions_in(folder: Path) -> dict[str, str]:
    """The functions of the modules in `folder`: name → source. Nothing is imported to read them."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = ast.get_source_segment(text, node) or ""
    return found


def used_functions(module: str, functions: Mapping[str, str]) -> list[str]:
    """The sources of those that `module` names, and of those that they name, in the given order."""
    found: set[str] = set()
    texts = [module]
    while texts:
        names = {n.id for n in ast.walk(ast.parse(texts.pop())) if isinstance(n, ast.Name)}
        new = (names & functions.keys()) - found
        found |= new
        texts += [functions[name] for name in new]
    return [source for name, source in functions.items() if name in found]
