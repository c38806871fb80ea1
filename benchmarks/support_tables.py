"""Writes operator tables of the audit (interop/audit/support/*.tsv) from what packages say of themselves.

    python benchmarks/support_tables.py web-webgpu web-webnn tensorrt-rtx onnxruntime-cpu

The Web tables come out of the pages that the npm package onnxruntime-web ships, TensorRT-RTX's from its
own parser (it asks for no GPU), ONNX Runtime's from the kernels that it lists. Source and version go into
each table. What no package says (CUDA's kernels need a GPU to be listed) is not made up.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime

from interop.audit.support import HERE
from interop.environments import provide

#: What is no kernel that a model names, or no note on what is taken.
INTERNAL = "com.ms.internal.nhwc"
NO_NOTE = re.compile(r"need perf optimization(;|$)|need implementing activation(;|$)")

#: Opsets of ai.onnx in a cell: "ai.onnx(7-12, 13+); com.ms.internal.nhwc(7+)".
_CELL = re.compile(r"([\w.]+)\(([^)]*)\)")

#: Asks TensorRT-RTX's parser about each operator; run in its own environment.
_ASK = """
import json, sys
import tensorrt_rtx as trt
builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
parser = trt.OnnxParser(builder.create_network(0), trt.Logger(trt.Logger.ERROR))
names = json.loads(sys.argv[1])
print(json.dumps([trt.__version__, [name for name in names if parser.supports_operator(name)]]))
"""


@dataclass(frozen=True)
class Made:
    """A table: its head, and (operator, opsets, types, note)."""

    title: str
    source: str
    version: str
    falls_back: bool
    static: bool
    expands: bool
    widens: bool
    rows: Iterable[tuple[str, str, str, str]]

    def text(self) -> str:
        flags = {"falls back": self.falls_back, "static": self.static, "expands": self.expands,
                 "widens": self.widens}  # fmt: skip
        head = [f"# title: {self.title}", f"# source: {self.source}", f"# version: {self.version}"]
        head += [f"# {name}: {'yes' if value else 'no'}" for name, value in flags.items()]
        return "\n".join([*head, *("\t".join(row) for row in sorted(self.rows)), ""])


def web(provider: str, title: str, *, static: bool) -> Made:
    """From docs/<provider>-operators.md of the newest onnxruntime-web."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, "onnxruntime-web"]
        subprocess.run(command, check=True, capture_output=True)
        [archive] = Path(folder).iterdir()
        with tarfile.open(archive) as package:
            page, about = (
                package.extractfile(f"package/{path}").read().decode()  # type: ignore[union-attr]
                for path in (f"docs/{provider}-operators.md", "package.json")
            )
    version = json.loads(about)["version"]
    rows = [row for line in page.splitlines() for row in _web_rows(line)]
    source = f"npm package onnxruntime-web, docs/{provider}-operators.md"
    return Made(title, source, f"onnxruntime-web {version}", True, static, False, False, rows)


def _web_rows(line: str) -> list[tuple[str, str, str, str]]:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) < 3 or not re.fullmatch(r"\w+", cells[0]) or cells[0] == "Operator":
        return []
    name, opsets, note = cells[0], cells[1], NO_NOTE.sub("", cells[-1]).strip(" ;")
    return [
        (name if domain == "ai.onnx" else f"{domain}::{name}", spans.replace(" ", ""), "", note)
        for domain, spans in _CELL.findall(opsets)
        if domain != INTERNAL
    ]


def tensorrt_rtx() -> Made:
    standard = {one.name for one in onnx.defs.get_all_schemas_with_history() if not one.domain}
    home = provide("tensorrt_rtx")
    asked = json.dumps(sorted(standard))
    done = subprocess.run(
        [home.interpreter, "-c", _ASK, asked], check=True, capture_output=True, text=True
    )
    version, taken = json.loads(done.stdout.splitlines()[-1])
    return Made(
        "TensorRT-RTX", "its parser (OnnxParser.supports_operator)", f"tensorrt-rtx {version}",
        False, False, False, False, [(name, "", "", "") for name in taken],
    )  # fmt: skip


def onnxruntime_cpu() -> Made:
    found: dict[str, tuple[set[tuple[int, int]], set[str]]] = {}
    for kernel in onnxruntime.capi.onnxruntime_pybind11_state.get_all_opkernel_def():
        if kernel.provider == "CPUExecutionProvider" and kernel.domain != INTERNAL:
            domain = "" if kernel.domain in ("", "ai.onnx") else f"{kernel.domain}::"
            spans, types = found.setdefault(f"{domain}{kernel.op_name}", (set(), set()))
            spans.add(tuple(kernel.version_range))
            texts = [text for allowed in kernel.type_constraints.values() for text in allowed]
            types.update(match[1] for t in texts if (match := re.fullmatch(r"tensor\((\w+)\)", t)))
    rows = [
        (name, ",".join(_span(*span) for span in sorted(spans)), ",".join(sorted(types)), "")
        for name, (spans, types) in found.items()
    ]
    source = "the kernels that the library lists (get_all_opkernel_def)"
    version = f"onnxruntime {onnxruntime.__version__}"
    return Made("ONNX Runtime, CPU", source, version, False, False, True, True, rows)


def _span(first: int, last: int) -> str:
    if last >= 2**31 - 1:
        return f"{first}+"
    return str(first) if first == last else f"{first}-{last}"


TABLES: dict[str, Callable[[], Made]] = {
    "onnxruntime-cpu": onnxruntime_cpu,
    "tensorrt-rtx": tensorrt_rtx,
    "web-webgpu": lambda: web("webgpu", "ONNX Runtime Web, WebGPU", static=False),
    "web-webnn": lambda: web("webnn", "ONNX Runtime Web, WebNN", static=True),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="*", default=list(TABLES), choices=[*TABLES, []])
    for name in parser.parse_args().tables:
        path = HERE / f"{name}.tsv"
        path.write_text(TABLES[name]().text(), encoding="utf-8")
        print(f"{path.name}: {len(path.read_text().splitlines()) - 7} operators")


if __name__ == "__main__":
    main()
