"""The guest side of a worker (Python 3.6 syntax, standard library only).

Started by path, so that nothing of the host's own installation is on the guest's path. It makes the
packages `interop`, `interop.converters` and `interop.models` importable without running the host's
`interop/__init__.py`, imports one guest module, and serves its `OPERATIONS` one call at a time.
"""

import importlib
import json
import os
import resource
import signal
import sys
import threading
import traceback
import types
from multiprocessing.connection import Connection


def _packages(folders):
    # type: (dict) -> None
    for name, paths in folders.items():
        package = types.ModuleType(name)
        package.__path__ = list(paths)
        sys.modules[name] = package
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)


def _die_with_host(lifeline):
    # type: (int) -> None
    """The host holds the other end of this pipe: when it is gone, so are we and our children."""
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _peak_memory():
    # type: () -> int
    """Bytes. macOS counts in bytes, Linux in kibibytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _failure(error):
    # type: (BaseException) -> dict
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if type(error).__name__ == "GuestFailure":
        return {"kind": error.kind, "message": error.message, "hint": error.hint, "trace": trace}
    return {"kind": type(error).__name__, "message": str(error), "trace": trace, "unexpected": True}


def _serve(connection, module_name):
    # type: (Connection, str) -> None
    def send(message):
        connection.send_bytes(json.dumps(message).encode("utf-8"))

    try:
        operations = importlib.import_module(module_name).OPERATIONS
        broken = None
    except Exception as error:  # noqa: BLE001 (told to the host at its first call)
        broken = _failure(error)
        broken["importing"] = True
    while True:
        try:
            request = json.loads(connection.recv_bytes().decode("utf-8"))
        except EOFError:
            return
        if broken is not None:
            send({"error": broken})
            continue
        try:
            result = operations[request["operation"]](**request["arguments"])
            answer = {"result": result, "peak_memory": _peak_memory()}
            json.dumps(answer)
        except Exception as error:  # noqa: BLE001 (told to the host)
            answer = {"error": _failure(error), "peak_memory": _peak_memory()}
        send(answer)


def main():
    # type: () -> None
    setup = json.loads(sys.argv[1])
    threading.Thread(target=_die_with_host, args=(setup["lifeline"],), daemon=True).start()
    sys.path[:0] = setup["search_path"]
    _packages(setup["packages"])
    _serve(Connection(setup["connection"]), setup["module"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # frameworks' own exit handlers can hang


if __name__ == "__main__":
    main()
