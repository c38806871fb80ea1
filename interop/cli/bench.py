"""`interop bench`: how fast a model is on each backend, as far as the measurements carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    model: Annotated[
        str, typer.Argument(help="A zoo name, a file or folder, or package.module:callable.")
    ],
    on: Annotated[
        str,
        typer.Option(
            "--on", help="Backends, e.g. torch:cpu,onnxruntime:cpu; ratios are to the first."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", help="The framework it comes from; a file's ending can say it."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write: bench.json, and a page with plots."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
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
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="An input, e.g. 'x:float32[batch,3,224,224]'. Repeatable."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="An .npz with inputs of your own to run on.")
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", help="Size of a dynamic dimension, e.g. sequence=128. Repeatable."),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(
            "--signature", help="Which signature of a SavedModel or TFLite file, if it has several."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="What a callable's module has learned: a state_dict, .pt or .safetensors."
        ),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Allow opening pickles, which run the code they carry.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of inputs, turns and resamples.")] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds that one step of a worker may take.")
    ] = 1800.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Time MODEL on several backends, side by side, each in several processes.

    A backend whose parity fails has no figures, and the exit code is 3; one that does not run costs
    only its own row, and the exit code is that of its error.
    """
    from interop.backends import parse_list
    from interop.bench.measure import Effort
    from interop.bench.run import Request, run
    from interop.cli.convert import parse_input, parse_size
    from interop.conversion import Request as ModelRequest
    from interop.report.terminal import RichProgress

    loading = ModelRequest(
        model=model,
        target="onnx",
        source=source,
        force=force,
        inputs=tuple(parse_input(text) for text in inputs or ()),
        data=data,
        sizes=dict(parse_size(text) for text in sizes or ()),
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
