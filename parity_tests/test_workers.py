"""The link to a worker: what it carries, and how it ends, whatever the worker does."""

from __future__ import annotations

import gc
import glob
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from interop import errors
from interop.workers import Worker, read_tensors, write_tensors

GUEST = """
import ctypes, os, signal, subprocess, sys, time

def echo(**arguments):
    return {"echo": arguments, "python": list(sys.version_info[:2]), "pid": os.getpid()}

def path():
    return {"path": sys.path, "modules": sorted(m for m in sys.modules if m.startswith("interop"))}

def variables():
    return {"variables": dict(os.environ)}

def double(folder, out):
    from interop.workers.tensors import read_tensors, write_tensors
    return {"specs": write_tensors(out, {k: v * 2 for k, v in read_tensors(folder).items()})}

def count(to, progress):
    for i in range(to):
        progress(i / to, "step %d" % i)
    progress(None, "nearly")
    return {}

def noise():
    print("a line that looks like a reply: {}")
    os.write(1, b"\\xff\\xfe garbage \\x00 " * 100000)
    return {"fine": True}

def huge(size):
    return {"text": "x" * size}

def hold(size):
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    return {"held": len(block)}

def unserialisable():
    return {"set": {1, 2}}

def raising(kind):
    print("about to fail")
    if kind == "value":
        raise ValueError("the shape is wrong")
    if kind == "memory":
        raise MemoryError()
    if kind == "exit":
        sys.exit(3)
    from interop.workers.failures import GuestFailure
    raise GuestFailure(kind, "model.pt is broken", "fetch it again")

def typed():
    from interop.errors import InvalidModel
    raise InvalidModel("model.onnx is broken", hint="fetch it again")

def die(how):
    print("last words")
    if how == "abort":
        os.abort()
    if how == "segfault":
        ctypes.string_at(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(7)
    if how == "unlink":
        os.closerange(3, 256)
        time.sleep(60)

def hang(pids):
    child = subprocess.Popen([sys.executable, "-P", "-c", "import time; time.sleep(600)"])
    with open(pids + ".part", "w") as file:
        file.write("%d %d" % (os.getpid(), child.pid))
    os.rename(pids + ".part", pids)
    print("hanging")
    time.sleep(600)

def hang_hard(pids):
    with open(pids + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(pids + ".part", pids)
    ctypes.PyDLL(None).sleep(600)  # native code that never gives up the interpreter's lock

def nap(seconds):
    time.sleep(seconds)
    return {"slept": seconds}

OPERATIONS = {f.__name__: f for f in list(globals().values()) if callable(f)}
"""


def pythons() -> list[str]:
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = glob.glob(os.path.join(root, "versions", "3.*", "bin", "python"))
    return [sys.executable, *sorted(found)]


@pytest.fixture(name="guests")
def guests_folder(tmp_path: Path) -> Path:
    (tmp_path / "probe_guest.py").write_text(GUEST)
    return tmp_path


@pytest.fixture(name="worker")
def running_worker(guests: Path) -> Iterator[Worker]:
    with make(guests) as worker:
        yield worker


def make(guests: Path, module: str = "probe_guest", python: str = sys.executable) -> Worker:
    return Worker(python, module, label="probe", timeout=60, search_path=[os.fspath(guests)])


def alive(pid: int) -> bool:
    """Whether a process runs still; one that has ended but was not yet reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


def assert_gone(*pids: int) -> None:
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[p for p in pids if alive(p)]}"
        time.sleep(0.02)


def wait_for(path: Path) -> list[int]:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
    return [int(pid) for pid in path.read_text().split()]


def assert_group_gone(leader: int) -> None:
    """Neither a watchdog nor anything that the worker started is left."""
    command = ["ps", "-eo", "pid=,pgid="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (map(int, line.split()) for line in listing.splitlines())
    assert_gone(*(member for member, group in pairs if group == leader))


@pytest.mark.parametrize("python", pythons())
def test_every_python(python: str, guests: Path) -> None:
    arguments = {"text": "ä€\n", "number": 1.5, "none": None, "list": [1, {"a": True}]}
    with make(guests, python=python) as worker:
        reply = worker.call("echo", **arguments, folder=guests)
        pid = reply["pid"]
        assert reply["echo"] == {**arguments, "folder": str(guests)}
        assert 2**20 < worker.peak_memory < 2**30
        with pytest.raises(errors.InvalidModel, match=r"model\.pt is broken"):
            worker.call("raising", kind="InvalidModel")
        probe = [python, "-E", "-c", "import numpy"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            write_tensors(guests / "in", {"x": np.arange(6.0).reshape(2, 3)})
            worker.call("double", folder=guests / "in", out=guests / "out")
            doubled = read_tensors(guests / "out")["x"]
            np.testing.assert_array_equal(doubled, 2 * np.arange(6.0).reshape(2, 3))
    assert_gone(pid)
    assert_group_gone(pid)


def test_the_guest_sees_neither_our_folder_nor_our_variables(
    guests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("SECRET_TOKEN", "s")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with Worker(
        sys.executable,
        "probe_guest",
        label="probe",
        timeout=60,
        environment={"GIVEN": "yes"},
        search_path=[os.fspath(guests)],
    ) as worker:
        seen = worker.call("path")
        variables = worker.call("variables")["variables"]
    assert seen["path"][-1] == str(guests)
    assert not any(entry.endswith("workers") for entry in seen["path"])
    assert "interop.workers.host" not in seen["modules"]
    assert variables["OMP_NUM_THREADS"] == "1"
    assert variables["GIVEN"] == "yes"
    assert {"PYTHONPATH", "SECRET_TOKEN"}.isdisjoint(variables)


def test_progress(worker: Worker) -> None:
    seen: list[tuple[float | None, str]] = []
    worker.call("count", on_progress=lambda f, m: seen.append((f, m)), to=2)
    assert seen == [(0.0, "step 0"), (0.5, "step 1"), (None, "nearly")]


def test_garbage_on_stdout_is_no_message(guests: Path) -> None:
    lines: list[str] = []
    with Worker(
        sys.executable,
        "probe_guest",
        label="probe",
        timeout=60,
        log=lines.append,
        search_path=[os.fspath(guests)],
    ) as worker:
        assert worker.call("noise") == {"fine": True}
        assert worker.call("echo", a=1)["echo"] == {"a": 1}
    assert lines[0] == "a line that looks like a reply: {}"


def test_huge_messages(worker: Worker) -> None:
    size = 50_000_000
    assert len(worker.call("huge", size=size)["text"]) == size
    assert worker.call("echo", text="y" * size)["echo"]["text"] == "y" * size


def test_peak_memory_is_the_workers_own(guests: Path) -> None:
    ballast = np.ones(40_000_000)  # 320 MB in the host
    with make(guests) as worker:
        worker.call("nap", seconds=0)
        before = worker.peak_memory
        worker.call("hold", size=100_000_000)
    assert before < ballast.nbytes // 4
    assert 90_000_000 < worker.peak_memory - before < 120_000_000


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("value", "ValueError: the shape is wrong"),
        ("memory", "out of memory"),
        ("exit", r"called sys\.exit\(3\)"),
    ],
)
def test_an_exception_is_a_crash_and_the_worker_goes_on(
    worker: Worker, kind: str, message: str
) -> None:
    with pytest.raises(
        errors.WorkerCrashed, match=f"probe worker failed in raising: {message}"
    ) as e:
        worker.call("raising", kind=kind)
    assert "probe_guest.py" in e.value.detail
    assert 'guest.py", line' not in e.value.detail.replace("probe_guest.py", "")
    assert worker.call("echo", a=1)["echo"] == {"a": 1}


def test_typed_errors(worker: Worker) -> None:
    with pytest.raises(errors.UsageError) as usage:
        worker.call("raising", kind="UsageError")
    assert (usage.value.message, usage.value.hint) == ("model.pt is broken", "fetch it again")
    with pytest.raises(errors.InvalidModel) as invalid:
        worker.call("typed")
    assert (invalid.value.message, invalid.value.hint) == ("model.onnx is broken", "fetch it again")


def test_a_result_must_be_json(worker: Worker) -> None:
    with pytest.raises(errors.WorkerCrashed, match="set is not JSON serializable"):
        worker.call("unserialisable")
    with pytest.raises(errors.WorkerCrashed, match=r"no operation 'absent'; there are: .*echo"):
        worker.call("absent")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("abort", "was killed by SIGABRT in die"),
        ("segfault", "was killed by SIGSEGV in die"),
        ("kill", "was killed by SIGKILL in die"),
        ("exit", "exited with status 7 in die"),
        ("unlink", "broke its link to the host in die"),
    ],
)
def test_death(guests: Path, how: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interop.workers.host.GRACE", 0.5)
    with make(guests) as worker:
        pid = worker.call("echo")["pid"]
        with pytest.raises(errors.WorkerCrashed, match=message) as crash:
            worker.call("die", how=how)
        assert "last words" in crash.value.detail
        assert ("out-of-memory killer" in crash.value.hint) == (how == "kill")
        with pytest.raises(errors.WorkerCrashed, match="had ended before echo"):
            worker.call("echo")
    assert_gone(pid)
    assert_group_gone(pid)


@pytest.mark.parametrize("operation", ["hang", "hang_hard"])
def test_past_the_limit(guests: Path, operation: str) -> None:
    with make(guests) as worker:
        worker.call("echo")
        pending = worker.start(operation, pids=guests / "pids")
        pids = wait_for(guests / "pids")
        with pytest.raises(errors.WorkerTimedOut, match=f"did not finish {operation} within 0.1 s"):
            pending.result(timeout=0.1)
        assert_gone(*pids)
        assert_group_gone(pids[0])


def test_stopped_in_the_middle_of_a_message(guests: Path) -> None:
    """Frozen while it sends: the limit holds even then."""
    with make(guests) as worker:
        pid = worker.call("echo")["pid"]
        pending = worker.start("huge", size=300_000_000)
        time.sleep(0.3)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(errors.WorkerTimedOut):
            pending.result(timeout=0.5)
    assert_gone(pid)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import not_there", "could not import broken: ModuleNotFoundError: .*not_there"),
        ("1 +", "could not import broken: SyntaxError"),
        ("import sys; sys.exit(2)", r"could not import broken: called sys\.exit\(2\)"),
        ("x = 1", "could not import broken: AttributeError: .*OPERATIONS"),
        ("import os; os.abort()", "was killed by SIGABRT in echo"),
    ],
)
def test_import_failure(guests: Path, source: str, message: str) -> None:
    (guests / "broken.py").write_text(source)
    with make(guests, "broken") as worker, pytest.raises(errors.WorkerCrashed, match=message):
        worker.call("echo")


def test_no_such_interpreter(guests: Path) -> None:
    with pytest.raises(errors.EnvironmentUnavailable, match="cannot start /nowhere/python"):
        make(guests, python="/nowhere/python")


def test_two_at_the_same_time(guests: Path) -> None:
    with make(guests) as one, make(guests) as two:
        one.call("nap", seconds=0)
        two.call("nap", seconds=0)
        start = time.monotonic()
        pending = [one.start("nap", seconds=1), two.start("nap", seconds=1)]
        with pytest.raises(RuntimeError, match="still busy"):
            one.start("nap", seconds=1)
        assert [p.result() for p in pending] == [{"slept": 1}, {"slept": 1}]
        assert time.monotonic() - start < 1.8
        assert pending[0].result() == {"slept": 1}


HOST = """
import sys
from interop.workers import Worker
worker = Worker(
    sys.executable, "probe_guest", label="probe", timeout=600, search_path=[{folder!r}]
)
with worker:
    worker.call({operation!r}, pids={pids!r})
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("operation", ["hang", "hang_hard"])
def test_the_end_of_the_host_is_the_end_of_the_worker(
    guests: Path, end: signal.Signals, operation: str
) -> None:
    pids = guests / "pids"
    source = HOST.format(folder=str(guests), operation=operation, pids=str(pids))
    host = subprocess.Popen(
        [sys.executable, "-P", "-c", textwrap.dedent(source)], stderr=subprocess.PIPE
    )
    children = wait_for(pids)
    assert all(alive(pid) for pid in children)
    host.send_signal(end)
    host.communicate(timeout=30)
    assert host.returncode == -end
    assert_gone(*children)
    assert_group_gone(children[0])


def test_a_forgotten_worker_ends(guests: Path) -> None:
    worker = make(guests)
    pid = worker.call("echo")["pid"]
    assert alive(pid)
    del worker
    gc.collect()
    assert_gone(pid)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(2.5),
        np.zeros((0, 3), np.int64),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.array([1, 2], ">i4"),
        np.array([1.5, -2], ml_dtypes.bfloat16),
        np.array([[1, -2]], ml_dtypes.int4),
        np.array([0.5], ml_dtypes.float8_e4m3fn),
        np.array(["ä", ""], object),
        np.array([["a", "bc"]]),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_tensors_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    specs = write_tensors(tmp_path, {"a/b:0": array, "other": np.float32(1)})
    read = read_tensors(tmp_path)
    assert list(read) == [spec["name"] for spec in specs] == ["a/b:0", "other"]
    assert read["a/b:0"].shape == array.shape == tuple(specs[0]["shape"])
    assert read["a/b:0"].dtype.kind == ("O" if array.dtype.kind == "U" else array.dtype.kind)
    np.testing.assert_array_equal(read["a/b:0"].astype(array.dtype), array)


@pytest.mark.parametrize(
    "array", [np.array([{}], object), np.zeros(1, "M8[s]"), np.array(["x\0"], object)]
)
def test_tensors_that_cannot_cross(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises((TypeError, ValueError), match="cannot cross"):
        write_tensors(tmp_path, {"a": array})


def test_tensors_are_mapped_not_read(tmp_path: Path) -> None:
    write_tensors(tmp_path, {"a": np.zeros(1000)})
    first = read_tensors(tmp_path)["a"]
    first[0] = 1  # copy on write: the file keeps its zeros
    assert read_tensors(tmp_path)["a"][0] == 0
    base: object = first
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
