"""The command line. Commands import what they need when they run, so that --help is quick."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from interop.cli import (
    audit,
    bench,
    bisect,
    check,
    convert,
    doctor,
    environments,
    matrix,
    models,
    ops,
    roundtrip,
    routes,
)
from interop.errors import InteropError

app = typer.Typer(
    name="interop",
    help="Carry a model from the framework it was born in to any other, by way of ONNX, with proof.",
    epilog="Exit codes: 0 good, 1 a fault of interop itself, 2 usage, 3 parity failed, 4 unsupported "
    "operator, 5 invalid model, 6 environment unavailable, 7 worker crashed, 8 worker timed out, "
    "9 output could not be written, 10 policy broken, 11 got worse, 12 memory is short, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("convert")(convert.convert)
app.command("check")(check.check)
app.command("bisect")(bisect.bisect)
app.command("roundtrip")(roundtrip.roundtrip)
app.command("routes")(routes.routes)
app.command("matrix")(matrix.matrix)
app.command("bench")(bench.bench)
app.command("audit")(audit.audit)
app.command("diff")(audit.diff)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
app.command("ops")(ops.ops)
app.add_typer(environments.app, name="env")


@app.callback()
def _root() -> None:
    """Typer shows the application's own help."""


def main() -> None:
    """Entry point: runs a command and turns every failure into a message and an exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(standalone_mode=True)
    except InteropError as error:
        _explain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interop: interrupted; nothing half-made was left behind", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 (the last line of defence: a fault of ours, said plainly)
        _explain_fault(error)
        sys.exit(1)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _explain(error: InteropError) -> None:
    print(f"interop: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  next: {error.hint}", file=sys.stderr)
    if error.detail:
        print("  " + "\n  ".join(error.detail.rstrip().splitlines()), file=sys.stderr)


def _explain_fault(error: Exception) -> None:
    """Where it happened, in one line; the whole traceback goes to a file, for a report."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="interop-fault-", suffix=".txt", delete=False
    ) as file:
        file.write("".join(traceback.format_exception(error)))
    print(f"interop: a fault of interop itself: {type(error).__name__}: {error}", file=sys.stderr)
    print(
        f"  next: please report it with {file.name}, which says where it happened", file=sys.stderr
    )
