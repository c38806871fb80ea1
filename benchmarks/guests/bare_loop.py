"""ONNX Runtime's guest, and beside it the loop that anybody would write, in one process."""

import os
import time

import onnxruntime as ort
from interop.converters.onnxruntime import guest

from interop.workers.tensors import read_tensors

_state = {}


def bare_load(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ["INTEROP_THREADS"])
    _state["session"] = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return {}


def bare(inputs, runs, warmup):
    """Seconds a run of a loop that reads the clock before and after all of them."""
    session, feeds = _state["session"], {n: a.copy() for n, a in read_tensors(inputs).items()}
    for _ in range(warmup):
        session.run(None, feeds)
    start = time.perf_counter()
    for _ in range(runs):
        session.run(None, feeds)
    return {"seconds": (time.perf_counter() - start) / runs}


OPERATIONS = {**guest.OPERATIONS, "bare_load": bare_load, "bare": bare}
