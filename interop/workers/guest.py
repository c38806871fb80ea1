"""The worker's side of the link: imports one module, then serves its `OPERATIONS`.

The host starts this file by its path, on any Python from 3.6 up, so it keeps to that syntax and
to the standard library. The toolkit's own packages are made visible as stubs with a `__path__`:
neither the toolkit's `__init__.py` (written for newer Pythons) is executed here, nor does the
host's site-packages folder come onto this interpreter's path.

An operation takes keyword arguments of JSON types and returns a JSON-able dict. One that declares
a parameter `progress` is given a function `progress(fraction, message)`, fraction in 0..1 or None.
"""

import sys

# Started by path, Python puts this file's folder first; a framework must not find our modules.
sys.path.pop(0)

import atexit
import faulthandler
import importlib
import inspect
import json
import os
import signal
import traceback
import types
from multiprocessing.connection import Connection
from threading import Lock

TRACEBACK_LINES = 20


def start_watchdog(lifeline, connection):
    """Fork a process that ends this process group when the host does, however the host ends.

    A thread would do, but for native code that hangs while it holds the interpreter's lock.
    """
    pid = os.fork()
    if pid:
        os.close(lifeline)
        return pid
    try:
        os.close(connection)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # else the host would wait for the end of our output
            os.dup2(null, stream)
        os.read(lifeline, 1)  # nothing is ever written: this returns when the host has gone
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)


def install_packages(packages):
    """Make the toolkit's packages importable by path alone, without running their `__init__`."""
    for name, path in packages:
        stub = types.ModuleType(name)
        stub.__path__ = path
        sys.modules[name] = stub
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, stub)


def peak_memory():
    """The most memory in bytes that this process has held.

    Linux's `ru_maxrss` survives exec, and so may be that of the host; `VmHWM` is our own.
    """
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def describe(error, failure_type):
    """An exception as the host reads it; `kind` is empty unless it is one of the toolkit's."""
    kind = ""
    if isinstance(error, failure_type):
        kind = error.kind
    else:
        own = [cls for cls in type(error).__mro__ if cls.__module__ == "interop.errors"]
        if own:
            kind = own[0].__name__
    trace = error.__traceback__
    lines = traceback.format_exception(type(error), error, trace and trace.tb_next)
    if isinstance(error, MemoryError):
        summary = "out of memory"
    elif isinstance(error, SystemExit):
        summary = f"called sys.exit({error.code!r})"
    else:
        summary = traceback.format_exception_only(type(error), error)[-1].strip()
    return {
        "kind": kind,
        "message": str(error) if kind else summary,
        "hint": str(getattr(error, "hint", "")),
        "detail": str(getattr(error, "detail", "")),
        "traceback": "\n".join("".join(lines).splitlines()[-TRACEBACK_LINES:]),
    }


class Guest:
    """Answers requests, one at a time, until the host hangs up."""

    def __init__(self, connection, failure_type):
        self.connection = connection
        self.failure_type = failure_type
        self.sending = Lock()  # an operation's threads may report progress
        self.operations = {}
        self.unusable = None

    def load(self, module):
        """Import the module that has the operations; a failure is the answer to every call."""
        try:
            self.operations = importlib.import_module(module).OPERATIONS
        except BaseException as error:  # noqa: BLE001 - a module may even call sys.exit
            self.unusable = dict(describe(error, self.failure_type), importing=module)

    def send(self, message):
        data = json.dumps(message).encode("utf-8")
        with self.sending:
            self.connection.send_bytes(data)

    def progress(self, fraction, message=""):
        self.send({"progress": None if fraction is None else float(fraction), "message": message})

    def perform(self, operation, arguments):
        """The reply to one request, as a JSON string."""
        if self.unusable is not None:
            return json.dumps({"error": self.unusable})
        try:
            if operation not in self.operations:
                known = ", ".join(sorted(self.operations))
                raise LookupError(f"no operation {operation!r}; there are: {known}")
            function = self.operations[operation]
            if "progress" in inspect.signature(function).parameters:
                arguments["progress"] = self.progress
            result = function(**arguments)
            return json.dumps({"result": result, "peak_memory": peak_memory()})
        except BaseException as error:  # noqa: BLE001 - sys.exit in an operation ends only that
            return json.dumps({"error": describe(error, self.failure_type)})

    def serve(self):
        while True:
            try:
                request = json.loads(self.connection.recv_bytes().decode("utf-8"))
                reply = self.perform(request["operation"], request["arguments"])
                with self.sending:
                    self.connection.send_bytes(reply.encode("utf-8"))
            except (EOFError, OSError):  # the host has hung up
                return


def leave():
    """End with what frameworks registered for the end, but without taking the interpreter apart:
    with a framework in it that takes half a second, and is where native libraries crash."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main():
    settings = json.loads(sys.argv.pop(1))
    for descriptor in (settings["connection"], settings["lifeline"]):
        os.set_inheritable(descriptor, False)
    watchdog = start_watchdog(settings["lifeline"], settings["connection"])
    faulthandler.enable()
    install_packages(settings["packages"])
    sys.path.extend(settings["search_path"])
    failures = importlib.import_module("interop.workers.failures")
    guest = Guest(Connection(settings["connection"]), failures.GuestFailure)
    guest.load(settings["module"])
    guest.serve()
    os.kill(watchdog, signal.SIGKILL)
    os.waitpid(watchdog, 0)
    leave()


if __name__ == "__main__":
    main()
