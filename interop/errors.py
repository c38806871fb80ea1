"""The errors a user can meet. Each names what is wrong and says what to do next.

InteropError
├── UsageError               2   the command cannot mean anything (typer's own code, too)
├── ParityFailed             3   the artifact does not compute what its source computes
├── UnsupportedOperator      4   the target has no lowering for some node
├── InvalidModel             5   the model is missing, broken, or not to be trusted
├── EnvironmentUnavailable   6   a framework cannot be made to run on this machine
├── WorkerCrashed            7   a framework's process died
├── WorkerTimedOut           8   a framework's process ran past its limit
├── OutputError              9   the result could not be written
└── MemoryShort             12   it needs more memory than there is, so it was not tried
"""

from __future__ import annotations


class InteropError(Exception):
    """Base of the family.

    `message` says what is wrong, naming the node or file; `hint` says what to do next;
    `detail` is evidence worth showing below them (the last lines of a worker's output).
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class UsageError(InteropError):
    exit_code = 2


class ParityFailed(InteropError):
    exit_code = 3


class UnsupportedOperator(InteropError):
    exit_code = 4


class InvalidModel(InteropError):
    exit_code = 5


class EnvironmentUnavailable(InteropError):
    exit_code = 6


class WorkerCrashed(InteropError):
    exit_code = 7


class WorkerTimedOut(InteropError):
    exit_code = 8


class OutputError(InteropError):
    exit_code = 9


class MemoryShort(InteropError):
    exit_code = 12  # 10 and 11 are those of a policy and a comparison, which are no errors


#: By name: a guest process names the error that it met, and the host raises it.
BY_NAME: dict[str, type[InteropError]] = {
    kind.__name__: kind
    for kind in (
        UsageError,
        ParityFailed,
        UnsupportedOperator,
        InvalidModel,
        EnvironmentUnavailable,
        WorkerCrashed,
        WorkerTimedOut,
        OutputError,
        MemoryShort,
    )
}
