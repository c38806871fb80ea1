"""The host side of a worker.

The link is the standard library's `multiprocessing.connection.Connection` over an inherited socket,
carrying JSON. (execnet was weighed: its guest side reaches Python 3.6 only in a release of 2021, and
it neither keeps a worker's output nor ends its process group.)
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from interop.errors import BY_NAME, EnvironmentUnavailable, WorkerCrashed, WorkerTimedOut

_GUEST = Path(__file__).with_name("guest.py")
_TAIL = 20  # lines of output shown with an error
_GRACE = 2.0  # seconds that a worker gets to end by itself

#: What a worker sees of the host's environment. Nothing that changes how Python starts.
_PASSED = ("PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "DISPLAY")
_PASSED_PREFIXES = ("LC_", "XDG_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "CUDA_", "NVIDIA_", "TF_",
                    "XLA_", "ORT_", "TORCH_", "SSL_", "INTEROP_")  # fmt: skip


class Worker:
    """A child process that runs the guest module `module` under `interpreter`.

    The process starts importing at once; the first `call` waits for it. Use it as a context manager,
    or `close` it: either ends the process and everything that it started. It also ends when the
    host does, however the host ends.
    """

    def __init__(
        self,
        interpreter: Path | str,
        module: str,
        *,
        label: str,
        timeout: float = 1800.0,
        search_path: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        echo: bool = False,
    ) -> None:
        """`timeout` limits each call (seconds); `echo` lets the worker's output through to stderr."""
        self.label = label
        self.peak_memory = 0  # bytes, as of the last answer
        self._timeout = timeout
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        ours, theirs = socket.socketpair()
        lifeline, keep = os.pipe()
        setup = {
            "module": module,
            "packages": _package_folders(),
            "search_path": list(search_path),
            "connection": theirs.fileno(),
            "lifeline": lifeline,
        }
        output = None if echo else self._log
        try:
            self._process = subprocess.Popen(
                [str(interpreter), "-I", str(_GUEST), json.dumps(setup)],
                stdin=subprocess.DEVNULL,
                stdout=2 if echo else output,
                stderr=output,
                env={**_environment(), **(environment or {})},
                pass_fds=(theirs.fileno(), lifeline),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            os.close(keep)
            raise EnvironmentUnavailable(
                f"the {label} worker could not start: {interpreter}: {error.strerror}"
            ) from error
        finally:
            theirs.close()
            os.close(lifeline)
        self._connection = Connection(ours.detach())
        self._finish = weakref.finalize(
            self, _end, self._process, self._connection, keep, self._log
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and its children. Harmless when they have ended."""
        self._finish()

    def start(self, operation: str, /, **arguments: Any) -> Pending:
        """Send a call without waiting for its answer; one may be under way at a time."""
        request = json.dumps({"operation": operation, "arguments": arguments})
        try:
            self._connection.send_bytes(request.encode())
        except (BrokenPipeError, ConnectionResetError, OSError) as error:
            raise self._crashed(operation) from error
        return Pending(self, operation, time.monotonic() + self._timeout)

    def call(self, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Run `operation` (of the guest module's OPERATIONS) and return its result.

        Raises WorkerTimedOut past the limit, WorkerCrashed if the process died or the operation
        raised, EnvironmentUnavailable if the guest module could not be imported, and whichever
        error of interop.errors the guest named.
        """
        return self.start(operation, **arguments).result()

    def _receive(self, operation: str, deadline: float) -> dict[str, Any]:
        try:
            if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                self.close_abruptly()
                raise WorkerTimedOut(
                    f"the {self.label} worker took more than {self._timeout:g} s for {operation}",
                    hint="Give it more with --timeout, or a smaller model or input.",
                    detail=self._tail(),
                )
            answer = json.loads(self._connection.recv_bytes())
        except (EOFError, ConnectionResetError) as error:
            raise self._crashed(operation) from error
        self.peak_memory = answer.get("peak_memory", self.peak_memory)
        if "error" in answer:
            raise self._failed(operation, answer["error"])
        return answer["result"]

    def close_abruptly(self) -> None:
        """Kill the process group, keeping its output for the error that follows."""
        _kill_group(self._process)
        self._process.wait()

    def _crashed(self, operation: str) -> WorkerCrashed:
        try:
            code = self._process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            _kill_group(self._process)
            code = self._process.wait()
        how, hint = f"exited with status {code}", ""
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                hint = "That is often the kernel, out of memory: try a smaller model or input."
        return WorkerCrashed(
            f"the {self.label} worker {how} during {operation}", hint=hint, detail=self._tail()
        )

    def _failed(self, operation: str, failure: dict[str, Any]) -> Exception:
        kind, message = failure["kind"], failure["message"]
        if failure.get("importing"):
            return EnvironmentUnavailable(
                f"the {self.label} worker could not import what it needs: {message}",
                hint="`interop env remove` it and try again: it will be made anew.",
                detail=_last_lines(failure["trace"]),
            )
        if kind == "MemoryError":
            return WorkerCrashed(
                f"the {self.label} worker ran out of memory during {operation}",
                hint="Try a smaller model or input.",
                detail=_last_lines(failure["trace"]),
            )
        if failure.get("unexpected"):
            return WorkerCrashed(
                f"the {self.label} worker failed in {operation}: {kind}: {message}",
                detail=_last_lines(failure["trace"]),
            )
        return BY_NAME[kind](message, hint=failure["hint"])

    def _tail(self) -> str:
        self._log.seek(0)
        return _last_lines(self._log.read().decode(errors="replace"))


class Pending:
    """A call under way."""

    def __init__(self, worker: Worker, operation: str, deadline: float) -> None:
        self._worker, self._operation, self._deadline = worker, operation, deadline

    def result(self) -> dict[str, Any]:
        """Wait for the answer; raises as `Worker.call` does."""
        return self._worker._receive(self._operation, self._deadline)


def _package_folders() -> dict[str, list[str]]:
    import interop
    import interop.converters
    import interop.models

    return {
        package.__name__: [str(Path(folder).resolve()) for folder in package.__path__]
        for package in (interop, interop.converters, interop.models)
    }


def _environment() -> dict[str, str]:
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return {**passed, "PYTHONIOENCODING": "utf-8"}


def _last_lines(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_TAIL:])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # the group is gone (macOS says so with EPERM)


def _end(process: subprocess.Popen[bytes], connection: Connection, lifeline: int, log: Any) -> None:
    connection.close()
    try:
        process.wait(timeout=_GRACE if process.poll() is None else 0)
    except subprocess.TimeoutExpired:
        pass  # it was told by the closed link; now it is made to
    finally:
        _kill_group(process)
        process.wait()
        os.close(lifeline)
        log.close()
