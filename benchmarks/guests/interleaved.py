"""Contenders timed in turns; for the guests that measure latency."""

import gc
import random
import time

import numpy as np


def take_turns(contenders, rounds, missing):
    """`contenders`: name → call without arguments that returns arrays, waiting for them.

    Single calls in random order within each round, after warm-up. Returns seconds by contender, how
    far each is from "native" relative to its largest output, and why those that are missing are.
    """
    outputs = {}
    for name in list(contenders):
        try:
            outputs[name] = [contenders[name]() for _ in range(5)][-1]
        except Exception as error:
            if name in ("native", "interop"):
                raise
            del contenders[name]
            missing[name] = reason(error)
    seconds = {name: [] for name in contenders}
    order = random.Random(0)
    gc.disable()
    for _ in range(rounds):
        for name in order.sample(sorted(contenders), len(contenders)):
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
    gc.enable()
    difference = {name: far(made, outputs["native"]) for name, made in outputs.items()}
    return {"seconds": seconds, "difference": difference, "missing": missing}


def reason(error):
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"


def far(made, wanted):
    """Largest difference of any output, relative to the largest number of it; images in any layout."""
    worst = 0.0
    for a, b in zip(made, wanted, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if a.shape != b.shape:
            a = (
                a.transpose(0, 2, 3, 1)
                if b.shape == a.transpose(0, 2, 3, 1).shape
                else a.transpose(0, 3, 1, 2)
            )
        worst = max(worst, float(np.abs(a - b).max() / np.abs(b).max()))
    return worst


def channels_last(arrays):
    """The feeds of a definition that has its images NHWC."""
    return [np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if a.ndim == 4 else a for a in arrays]
