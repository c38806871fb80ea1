"""Turns of contenders, and what is read off the machine meanwhile: energy, other work, threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from interop.backends.artifacts import Built
from interop.bench import machine, threads
from interop.bench.device import device_memory
from interop.bench.energy import Meter, Meters, find_meters
from interop.bench.machine import CpuTime, Machine, complaints, share_of_others, spread
from interop.bench.measure import Contender, Effort, Measured, measure
from interop.errors import UsageError, WorkerCrashed

NO_METERS = Meters((), ())


class Fake:
    """A runner whose runs take what `seconds` says, on a clock that they move; it says what it did."""

    def __init__(self, name, seconds, world, dies_at=None):
        self.name, self.world, self.dies_at = name, world, dies_at
        self.peak_memory, self.pid = 1 << 20, os.getpid()
        self.seconds = seconds

    def load_built(self, artifact):
        self.world.clock += 0.5
        self.world.log.append((self.name, "load"))

    def time(self, inputs, runs, warmup=1, *, resident=False):
        self.world.calls += 1
        if self.dies_at is not None and self.world.calls >= self.dies_at:
            raise WorkerCrashed(f"{self.name} died")
        taken = [self.seconds() for _ in range(warmup + runs)]
        self.world.clock += sum(taken)
        self.world.log.append((self.name, "time"))
        return taken[warmup:]

    def __enter__(self):
        self.world.open += 1
        return self

    def __exit__(self, *_):
        self.world.open -= 1


class World:
    def __init__(self):
        self.clock, self.calls, self.open, self.log = 0.0, 0, 0, []

    def contender(self, name, seconds, **options):
        rng = np.random.default_rng(len(name))
        return Contender(
            lambda: Fake(name, lambda: seconds * rng.lognormal(0, 0.03), self, **options),
            Built(Path("model"), None),
        )

    def measure(self, contenders, **options):
        effort = Effort(processes=3, seconds=0.3)
        return measure(contenders, "in", effort, NO_METERS, now=lambda: self.clock, **options)


def test_every_contender_has_fresh_processes_that_take_turns() -> None:
    world = World()
    found = world.measure({n: world.contender(n, 1e-3) for n in ("a", "bb", "ccc")})
    assert world.open == 0
    for name, one in found.items():
        assert isinstance(one, Measured)
        assert (one.times.processes, one.times.blocks) == (3, 10)
        assert all(len(block) == 10 for process in one.times.seconds for block in process)
        assert world.log.count((name, "load")) == 3
        assert [round(cold.load, 6) for cold in one.cold] == [0.5] * 3
        assert all(warm.settled for warm in one.warm)
    turns = [name for name, what in world.log if what == "time"][-30:]
    orders = {tuple(turns[i : i + 3]) for i in range(0, 30, 3)}
    assert all(sorted(order) == ["a", "bb", "ccc"] for order in orders)
    assert len(orders) > 2


def test_slow_runs_get_fewer_blocks_but_two_of_each_process() -> None:
    world = World()
    found = world.measure(
        {"slow": world.contender("slow", 4.0), "fast": world.contender("fast", 1e-3)}
    )
    assert {name: one.times.blocks for name, one in found.items()} == {"slow": 2, "fast": 2}
    assert all(len(block) == 1 for process in found["slow"].times.seconds for block in process)


@pytest.mark.parametrize("dies_at", [1, 2, 30, 80])
def test_a_contender_that_dies_costs_only_its_own_row(dies_at: int) -> None:
    world = World()
    found = world.measure(
        {
            "good": world.contender("good", 1e-3),
            "bad": world.contender("bad", 1e-3, dies_at=dies_at),
        }
    )
    assert str(found["bad"]) == "bad died"
    assert isinstance(found["good"], Measured)
    assert (found["good"].times.processes, found["good"].times.blocks) == (3, 10)
    assert world.open == 0


def test_whatever_ends_it_closes_every_process() -> None:
    world = World()

    def interrupted() -> float:
        if world.calls > 20:
            raise KeyboardInterrupt
        return 1e-3

    contenders = {"good": world.contender("good", 1e-3)}
    contenders["stop"] = Contender(lambda: Fake("stop", interrupted, world), Built(Path("m"), None))
    with pytest.raises(KeyboardInterrupt):
        world.measure(contenders)
    assert world.open == 0


def test_energy_is_counted_for_each_run() -> None:
    world, joules = World(), {"package": 0.0}

    def read() -> float:
        return joules["package"]

    def seconds() -> float:
        joules["package"] += 0.25
        return 1e-3

    found = measure(
        {"a": Contender(lambda: Fake("a", seconds, world), Built(Path("m"), None))},
        "in", Effort(2, 0.2), Meters((Meter("package", read),), ()), now=lambda: world.clock,
    )  # fmt: skip
    assert found["a"].joules == {"package": pytest.approx(0.25)}


def test_rapl_is_read_as_linux_has_it(tmp_path: Path) -> None:
    """By its documentation: energy_uj counts microjoules and starts again at max_energy_range_uj."""
    zone = tmp_path / "intel-rapl:0"
    (tmp_path / "intel-rapl:0:0").mkdir()
    zone.mkdir()
    for name, text in [
        ("name", "package-0"),
        ("energy_uj", "9000000"),
        ("max_energy_range_uj", "10000000"),
    ]:
        (zone / name).write_text(text + "\n")
    meters = find_meters(tmp_path)
    before = meters.read()
    (zone / "energy_uj").write_text("2000000\n")
    assert before == {"package-0": 9.0}
    assert meters.used(before, meters.read()) == {"package-0": pytest.approx(3.0)}
    absent = find_meters(tmp_path / "nothing")
    assert any("not reported here" in why for why in absent.absent)


def test_what_a_process_holds_on_all_cards_is_added_up(tmp_path, monkeypatch) -> None:
    """From what nvidia-smi prints: pid, MiB; a card that does not tell says so in words."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device_memory(7) is None
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '7, 300\\n77, 1000\\n7, 12\\n8, [N/A]\\n'\n")
    tool.chmod(0o755)
    assert [device_memory(pid) for pid in (7, 77, 8, 9)] == [312 << 20, 1000 << 20, None, None]


QUIET = Machine("a processor", 4, (0, 1, 2, 3), "performance", 0.1, 1 << 30, "Linux")


def test_a_noisy_machine_is_told() -> None:
    steady = [1.0] * 20
    assert complaints(QUIET, steady, 0.02) == []
    noisy = Machine("a processor", 4, (0, 1, 2, 3), "powersave", 3.5, 1 << 30, "Linux")
    said = " ".join(complaints(noisy, [1.0] * 15 + [1.5] * 5, 0.4))
    for word in ("load average was 3.5", "used 40%", "varied by 50%", "governor is powersave"):
        assert word in said
    unknown = Machine("a processor", 1, (0,), None, None, 1, "macOS")
    assert complaints(unknown, steady, None) == []


def test_the_share_of_others_leaves_our_own_time_out() -> None:
    before, after = CpuTime(100.0, 40.0, 5.0), CpuTime(120.0, 52.0, 13.0)
    assert share_of_others(before, after) == pytest.approx(0.2)
    assert share_of_others(None, after) is None
    counted = machine.cpu_time()
    assert counted is not None
    assert 0 < counted.busy <= counted.total
    assert machine.process_seconds(os.getpid()) == pytest.approx(sum(os.times()[:2]), abs=0.5)


def test_the_calibration_loop_is_the_same_work_each_time() -> None:
    beats = machine.calibrate(20)
    assert len(beats) == 20
    assert min(beats) > 0
    assert spread([1.0] * 10) == 0.0
    assert spread([1.0] * 8 + [2.0] * 2) == pytest.approx(1.0)


def test_threads_get_a_core_each_while_there_are_cores(tmp_path, monkeypatch) -> None:
    for cpu in range(4):  # two cores of two threads each, as Linux numbers them
        place = tmp_path / f"cpu{cpu}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    monkeypatch.setattr(machine, "_CPUS", tmp_path)
    monkeypatch.setattr(threads, "allowed_cpus", lambda: (0, 1, 2, 3))
    assert [threads.chosen_cpus(count) for count in (1, 2, 3, 4)] == [
        (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="5 threads are more than the 4 processors"):
        threads.chosen_cpus(5)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no processes")
def test_what_is_started_meanwhile_is_confined_and_we_are_not() -> None:
    ours = os.sched_getaffinity(0)
    ask = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
    with threads.confined((min(ours),)):
        done = subprocess.run(ask, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [min(ours)]
    assert os.sched_getaffinity(0) == ours
