"""`interop matrix`: the whole zoo, from every source to every target, each cell graded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def matrix(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for cells and report; goes on from there."),
    ],
    models: Annotated[
        str, typer.Option("--models", help="Models of the zoo, e.g. resnet18,bert. [default: all]")
    ] = "",
    sources: Annotated[
        str, typer.Option("--from", help="Frameworks to come from, e.g. torch,jax. [default: all]")
    ] = "",
    targets: Annotated[
        str, typer.Option("--to", help="Frameworks to go to, e.g. tf,keras. [default: all]")
    ] = "",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Models at a time. [default: as cores and memory carry]"),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Do those cells again that ended in an error.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the inputs and perturbations.")] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds that one step of a worker may take.")
    ] = 900.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Convert every model of the zoo from every source to every target, and grade each.

    What is finished in --output is not done again, so a run that was killed goes on where it
    ended, and a matrix can be filled by parts. A conversion that fails is a cell with its error.
    """
    from interop.matrix.groups import select
    from interop.matrix.run import Settings, run, usual_jobs
    from interop.report.matrix import write_report
    from interop.report.matrix_progress import MatrixProgress

    selection = select(_names(models), _names(sources), _names(targets))
    settings = Settings(selection, output, jobs or usual_jobs(), seed, timeout, retry)
    with MatrixProgress() as progress:
        cells = run(settings, progress)
    document = write_report(output, cells)
    if as_json:
        import json

        print(json.dumps(document, indent=2))
        return
    from interop.report.matrix import sentence

    print(sentence(document))
    print(f"written  {output}: index.html, matrix.md, matrix.json")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
