"""What a command costs over the runs that it needs, in rounds that take turns."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from interop.backends import Backend, parse_list
from interop.bench.machine import machine
from interop.conversion import Request

#: Seconds of each of the runs, one after the other, by what they are.
Needed = Callable[[Request, tuple[Backend, ...]], dict[str, float]]


class Stopwatch:
    """Seconds by what they went into."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - begun


def main(
    command: str, needed: Needed, *, aim: float, on: str, options: Sequence[str] = (),
    fine: Callable[[int, Path], bool],
) -> None:  # fmt: skip
    """Print the rounds as JSON, and exit with 1 where `command` takes more than `aim` sums of its runs.

    fine: whether it did its work, from its exit code and the folder that it ran in.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="resnet50")
    parser.add_argument("--from", dest="source", default="torch")
    parser.add_argument("--on", default=on)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    path = Path(asked.model)
    model, source = (str(path.resolve()), None) if path.exists() else (asked.model, asked.source)
    line = [command, model, "--on", asked.on, *options, *(["--from", source] if source else [])]
    rounds: list[dict[str, Any]] = []
    for _ in range(asked.rounds):
        parts = needed(Request(model=model, target="", source=source), parse_list(asked.on))
        whole, alone = _seconds(line, fine), sum(parts.values())
        rounds.append({"needed": parts, command: whole, "ratio": whole / alone})
        print(f"{whole:.1f} s over {alone:.1f} s: {whole / alone:.2f}", flush=True)
    ratio = median(float(one["ratio"]) for one in rounds)
    result = {"model": asked.model, "on": asked.on, "ratio": ratio, "aim": aim, "rounds": rounds,
              "machine": machine().to_json()}  # fmt: skip
    print(json.dumps(result, indent=2))
    sys.exit(ratio > aim)


def _seconds(line: Sequence[str], fine: Callable[[int, Path], bool]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "interop", *line],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - begun
        if not fine(done.returncode, Path(folder)):
            sys.exit(f"it failed: {done.stdout}{done.stderr}")
        return seconds
