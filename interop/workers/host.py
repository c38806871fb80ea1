"""The host's side of the link to a worker.

The link is the standard library's framed `multiprocessing.connection.Connection` over an inherited
socket, with JSON messages, never pickle. execnet was examined first: 2.x serves guests from
Python 3.8 and 1.9 from 3.6, but neither captures a worker's output nor ends its process group.

A worker leads a process group of its own, so Ctrl-C reaches the host alone, and ending the group
ends all that the worker has started. A pipe that only the host holds open is its lifeline: see
`guest.start_watchdog`.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from interop import errors
from interop.workers import guest_packages
from interop.workers.output import Output
from interop.workers.variables import child_variables

OnProgress = Callable[[float | None, str], None]

#: Seconds that a worker is given to end by itself once the host has hung up.
GRACE = 5.0


@dataclass(frozen=True)
class _Link:
    """A running worker: the process, the connection, and the end of the lifeline to hold."""

    process: subprocess.Popen[bytes]
    connection: Connection
    lifeline: IO[bytes]

    def kill(self) -> None:
        """End the worker and all that it has started."""
        # The watchdog outlives its leader in the group, so the number cannot be another's yet.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.lifeline.close()


class Worker:
    """A framework in a process of its own. A context manager; leaving it ends the process.

    interpreter: the Python to run, 3.6 or newer.
    module: imported there at once; its `OPERATIONS` maps names to functions (see `guest.py`).
    label: how messages name it, such as "torch".
    timeout: the limit in seconds for one call, the worker's own start included.
    log: called with each line that the worker prints, from another thread.
    environment: variables for the worker beside the allow-list of `variables.py`.
    search_path: folders appended to the worker's `sys.path`, behind its own packages.

    The constructor does not wait for the import; the first call does.
    Raises EnvironmentUnavailable where the interpreter cannot be started.
    """

    def __init__(
        self,
        interpreter: Path | str,
        module: str,
        *,
        label: str,
        timeout: float,
        log: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
        search_path: Sequence[str] = (),
    ) -> None:
        self.label = label
        self.timeout = timeout
        #: The most memory in bytes that the worker had held by its last reply.
        self.peak_memory = 0
        self._pending: Pending | None = None
        variables = child_variables(os.environ, environment)
        self._link = _launch(os.fspath(interpreter), module, variables, search_path)
        self._finalizer = weakref.finalize(self, self._link.kill)
        assert self._link.process.stdout is not None
        self._output = Output(self._link.process.stdout, log)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._link.process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be called: not closed, and not ended by a call that went wrong."""
        return self._finalizer.alive

    def call(
        self,
        operation: str,
        /,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Run an operation with arguments of JSON types (or paths) and wait for its result.

        Raises the error of the toolkit's family that the operation raised; WorkerCrashed where
        it raised any other or the process died; WorkerTimedOut past the limit (and ends it).
        """
        return self.start(operation, **arguments).result(timeout, on_progress)

    def start(self, operation: str, /, **arguments: Any) -> Pending:
        """Begin an operation, without waiting. One at a time: take its result before the next."""
        if self._pending is not None and not self._pending.done:
            raise RuntimeError(f"the {self.label} worker is still busy: {self._pending.operation}")
        if not self.alive:
            raise errors.WorkerCrashed(
                f"the {self.label} worker had ended before {operation}",
                detail=self._output.last_lines(),
            )
        request = {"operation": operation, "arguments": arguments}
        data = json.dumps(request, default=os.fspath).encode()
        self._pending = Pending(self, operation, data)
        return self._pending

    def close(self) -> None:
        """End the worker: politely when it is idle, at once when it is not."""
        if not self.alive:
            return
        if self._pending is None or self._pending.done:
            self._link.connection.close()
            with suppress(subprocess.TimeoutExpired):
                self._link.process.wait(GRACE)
        self._kill()

    def _kill(self) -> None:
        self._finalizer()
        self._output.join(1.0)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._kill()


class Pending:
    """A call under way. Its limit counts from the moment it was started."""

    def __init__(self, worker: Worker, operation: str, request: bytes) -> None:
        self.operation = operation
        self.done = False
        self._worker = worker
        self._outcome: dict[str, Any] | errors.InteropError | None = None
        self._started = time.monotonic()
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        # In a thread, since both sending and receiving can block on a worker that hangs half-way.
        arguments = (worker._link, request, self._messages)
        threading.Thread(target=_exchange, args=arguments, name="worker link", daemon=True).start()

    def result(
        self, timeout: float | None = None, on_progress: OnProgress | None = None
    ) -> dict[str, Any]:
        """Wait for the result; `on_progress(fraction or None, message)` is called meanwhile.

        Raises as `Worker.call` does; asked again, gives the same answer again.
        """
        if self._outcome is None:
            limit = self._worker.timeout if timeout is None else timeout
            self._outcome = self._wait(limit, on_progress)
            self.done = True
        if isinstance(self._outcome, errors.InteropError):
            raise self._outcome
        return self._outcome

    def _wait(
        self, limit: float, on_progress: OnProgress | None
    ) -> dict[str, Any] | errors.InteropError:
        while True:
            remaining = self._started + limit - time.monotonic()
            try:
                message = self._messages.get(timeout=max(remaining, 0.0))
            except queue.Empty:
                return self._timed_out(limit)
            if message is None:
                return self._died()
            if "progress" in message:
                if on_progress is not None:
                    on_progress(message["progress"], message["message"])
            elif "error" in message:
                return self._failed(message["error"])
            else:
                self._worker.peak_memory = message["peak_memory"]
                result: dict[str, Any] = message["result"]
                return result

    def _failed(self, error: dict[str, Any]) -> errors.InteropError:
        label = self._worker.label
        if "importing" in error and not error["kind"]:
            return errors.WorkerCrashed(
                f"{label} worker could not import {error['importing']}: {error['message']}",
                hint="`interop doctor` shows what each framework runs on",
                detail=error["traceback"],
            )
        kind = errors.BY_NAME.get(error["kind"])
        if kind is not None:
            return kind(error["message"], hint=error["hint"], detail=error["detail"])
        return errors.WorkerCrashed(
            f"{label} worker failed in {self.operation}: {error['message']}",
            hint=error["hint"] or "the lines below say where; --verbose shows what it printed",
            detail=error["traceback"],
        )

    def _timed_out(self, limit: float) -> errors.InteropError:
        self._worker._kill()
        return errors.WorkerTimedOut(
            f"{self._worker.label} worker did not finish {self.operation} within {limit:g} s",
            hint="it was ended; a smaller model or batch, or a higher limit, may help",
            detail=self._worker._output.last_lines(),
        )

    def _died(self) -> errors.InteropError:
        process = self._worker._link.process
        try:
            status: int | None = process.wait(GRACE)
        except subprocess.TimeoutExpired:
            status = None
        self._worker._kill()
        end, hint = _obituary(status)
        return errors.WorkerCrashed(
            f"{self._worker.label} worker {end} in {self.operation}",
            hint=hint,
            detail=self._worker._output.last_lines(),
        )


def _obituary(status: int | None) -> tuple[str, str]:
    """(how it ended, what to do next), from an exit status as `subprocess` gives it."""
    if status is None:
        return "broke its link to the host", "code that it ran interfered with open files"
    if status >= 0:
        return f"exited with status {status}", "code that it ran ended the process"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return (
            "was killed by SIGKILL",
            "often the kernel's out-of-memory killer: try a smaller model or batch, "
            "or a machine with more memory",
        )
    return f"was killed by {name}", "a fault in native code: the last lines of its output may tell"


def _launch(
    interpreter: str, module: str, variables: dict[str, str], search_path: Sequence[str]
) -> _Link:
    ours, theirs = socket.socketpair()
    listening, holding = os.pipe()
    lifeline = open(holding, "wb", buffering=0)  # noqa: SIM115 - held for the worker's life
    settings = {
        "connection": theirs.fileno(),
        "lifeline": listening,
        "module": module,
        "packages": guest_packages.paths(module),
        "search_path": [os.fspath(folder) for folder in search_path],
    }
    # Not -I: that would hide packages of the user's own site folder from the running interpreter.
    script = Path(__file__).with_name("guest.py")
    flags = ["-E", "-u", "-X", "utf8"]
    try:
        process = subprocess.Popen(
            [interpreter, *flags, os.fspath(script), json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=variables,
            pass_fds=(theirs.fileno(), listening),
            start_new_session=True,
        )
    except OSError as error:
        lifeline.close()
        ours.close()
        raise errors.EnvironmentUnavailable(
            f"cannot start {interpreter}: {error.strerror}",
            hint="`interop doctor` lists the interpreters of this machine",
        ) from error
    finally:
        theirs.close()
        os.close(listening)
    return _Link(process, Connection(ours.detach()), lifeline)


def _exchange(
    link: _Link, request: bytes, messages: queue.SimpleQueue[dict[str, Any] | None]
) -> None:
    """Send one request; pass on all messages up to the reply, or None where the worker died."""
    try:
        link.connection.send_bytes(request)
        reply = False
        while not reply:
            # A process forked off the worker may hold the link open after the worker's death.
            while not link.connection.poll(0.5):
                if link.process.poll() is not None and not link.connection.poll(0):
                    messages.put(None)
                    return
            message = json.loads(link.connection.recv_bytes())
            reply = "progress" not in message
            messages.put(message)
    except (EOFError, OSError, ValueError):  # ValueError: not JSON, so not from our guest
        messages.put(None)
