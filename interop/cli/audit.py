"""`interop audit`: can this model be shipped there, at what cost? `interop diff`: what has changed?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interop.cli.options import (
    AsJson,
    Force,
    From,
    Inputs,
    Labels,
    OwnInputs,
    SignatureName,
    Sizes,
    Timeout,
    Trust,
    Verbose,
    Weights,
    read_inputs,
    read_sizes,
)

if TYPE_CHECKING:
    from interop.audit.several import SeveralRequest

Models = Annotated[
    list[str],
    typer.Argument(
        help="A zoo name, a file or folder, or package.module:callable; several, or a list (.toml)."
    ),
]


def audit(
    models: Models,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            help="Backends to try, runtime[@version]:device[:precision]. [default: those of "
            "today on a processor]",
        ),
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="What is required, a TOML file; it decides the exit code."),
    ] = None,
    source: From = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write. [default: ./<model>-audit, ./audits of several]",
        ),
    ] = None,
    force: Force = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Of an audit that was finished, run again what has changed since."
        ),
    ] = False,
    ignore_memory: Annotated[
        bool, typer.Option("--ignore-memory", help="Try what is estimated not to fit, too.")
    ] = False,
    inputs: Inputs = None,
    data: OwnInputs = None,
    labels: Labels = None,
    sizes: Sizes = None,
    signature: SignatureName = None,
    weights: Weights = None,
    seconds: Annotated[
        float, typer.Option(help="Seconds of measuring for each backend, over all processes.")
    ] = 3.0,
    trust: Trust = False,
    seed: Annotated[int, typer.Option(help="Seed of inputs, perturbations and turns.")] = 0,
    timeout: Timeout = 1800.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Try each model on every backend, grade and time it there, and say what stands in its way.

    Several, or a list of them, have a folder each in that of --output, and one page for all.

    One that was killed goes on where it ended, when the same is asked for again: its output folder
    keeps what is finished.

    The exit code is that of the worst model. Without --policy it is 3 where a backend computes something
    else, or that of the first error; a backend that this machine lacks is told, and no failure. With
    one, 10 says that it is broken.
    """
    from dataclasses import replace

    from interop.audit.listing import ENDING, entries
    from interop.audit.run import EFFORT, USUAL, AuditRequest, run
    from interop.audit.several import SeveralRequest
    from interop.backends import parse_list
    from interop.conversion import Request
    from interop.reference import resolve
    from interop.report.audit_summary import audit_summary
    from interop.report.terminal import RichProgress

    asked = Request(
        model="",
        target="",
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
        verbose=verbose,
    )
    backends = parse_list(on or ",".join(USUAL))
    effort = replace(EFFORT, seconds=seconds, seed=seed)
    if len(models) > 1 or models[0].endswith(ENDING):
        listed, folder = entries(models, asked), output or Path("audits")
        chosen = tuple(replace(entry, labels=entry.labels or labels) for entry in listed)
        _several(
            SeveralRequest(chosen, backends, folder, policy, effort, force, resume, ignore_memory),
            as_json=as_json,
        )
        return
    model = replace(asked, model=models[0])
    folder = output or Path(f"{resolve(models[0], source).name}-audit")
    request = AuditRequest(model, backends, folder, policy, effort, resume, ignore_memory, labels)
    with RichProgress() as progress:
        done = run(request, progress)
    if as_json:
        print(json.dumps(done.document, indent=2))
    else:
        audit_summary(done)
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def _several(request: SeveralRequest, *, as_json: bool) -> None:
    from interop.audit.several import run_all
    from interop.report.audit_summary import several_summary
    from interop.report.audits import line
    from interop.report.terminal import RichProgress

    with RichProgress() as progress:
        document = run_all(request, progress, lambda row: print(line(row), file=sys.stderr))
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        several_summary(document, request.output)
    if document["exit_code"]:
        raise typer.Exit(document["exit_code"])


def diff(
    old: Annotated[Path, typer.Argument(help="An audit.json, the one to compare with.")],
    new: Annotated[Path, typer.Argument(help="An audit.json of the same model, later.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the changes as JSON.")] = False,
) -> None:
    """Compare two audits of one model; exit with 11 where anything got worse, noise left out."""
    from interop.audit.difference import changes, read
    from interop.audit.record import GOT_WORSE
    from interop.report.audit_summary import changes_summary

    found = changes(read(old), read(new))
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=2))
    else:
        changes_summary(found)
    if any(one.kind == "worse" for one in found):
        raise typer.Exit(GOT_WORSE)
