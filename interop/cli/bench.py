"""`interop bench`: how fast a model is on each backend, as far as the measurements carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interop.cli.options import (
    AsJson,
    Force,
    From,
    Inputs,
    Model,
    OwnInputs,
    SignatureName,
    Sizes,
    Timeout,
    Trust,
    Weights,
    read_inputs,
    read_sizes,
)


def bench(
    model: Model,
    on: Annotated[
        str,
        typer.Option(
            "--on", help="Backends, e.g. torch:cpu,onnxruntime:cpu; ratios are to the first."
        ),
    ],
    source: From = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write: bench.json, and a page with plots."),
    ] = None,
    force: Force = False,
    batch: Annotated[
        str, typer.Option("--batch", help="Batch sizes to sweep over, e.g. 1,8,32. [default: 1]")
    ] = "",
    threads: Annotated[
        str,
        typer.Option("--threads", help="Threads of each contender. [default: the physical cores]"),
    ] = "",
    processes: Annotated[int, typer.Option(help="Processes of each contender.")] = 5,
    seconds: Annotated[
        float, typer.Option(help="Seconds of measuring for each contender, over all processes.")
    ] = 10.0,
    inputs: Inputs = None,
    data: OwnInputs = None,
    sizes: Sizes = None,
    signature: SignatureName = None,
    weights: Weights = None,
    trust: Trust = False,
    seed: Annotated[int, typer.Option(help="Seed of inputs, turns and resamples.")] = 0,
    timeout: Timeout = 1800.0,
    as_json: AsJson = False,
) -> None:
    """Time MODEL on several backends, side by side, each in several processes.

    A backend whose parity fails has no figures, and the exit code is 3; one that does not run costs
    only its own row, and the exit code is that of its error.
    """
    from interop.backends import parse_list
    from interop.bench.measure import Effort
    from interop.bench.run import Request, run
    from interop.conversion import Request as ModelRequest
    from interop.report.terminal import RichProgress

    loading = ModelRequest(
        model=model,
        target="onnx",
        source=source,
        force=force,
        inputs=read_inputs(inputs),
        data=data,
        sizes=read_sizes(sizes),
        signature=signature,
        weights=weights,
        trust=trust,
        seed=seed,
        timeout=timeout,
    )
    request = Request(
        model=loading,
        on=parse_list(on),
        output=output,
        batches=parse_numbers("--batch", batch),
        threads=parse_numbers("--threads", threads),
        effort=Effort(processes, seconds, seed),
    )
    with RichProgress() as progress:
        done = run(request, progress)
    if as_json:
        import json

        print(json.dumps(done.document, indent=2))
    else:
        from interop.report.bench import bench_summary

        bench_summary(done.document)
        if done.folder is not None:
            print(f"written  {done.folder}: index.html, bench.json")
    if done.document["exit_code"]:
        raise typer.Exit(done.document["exit_code"])


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """'1,8,32' → (1, 8, 32), each once, in order. Raises UsageError for what is no number above 0."""
    from interop.errors import UsageError

    words = [word.strip() for word in text.split(",") if word.strip()]
    if any(not word.isdecimal() or int(word) < 1 for word in words):
        raise UsageError(
            f"{option} {text!r} cannot be read", hint=f"Write it as in {option} 1,8,32."
        )
    return tuple(dict.fromkeys(int(word) for word in words))
