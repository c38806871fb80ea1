"""ONNX Runtime's guest, and beside it the loop that anybody would write: one process, one session."""

import time

from interop.converters.onnxruntime import guest

from interop.workers.tensors import read_tensors


def bare(inputs, runs, warmup):
    """Seconds a run of a loop that reads the clock before and after all of them."""
    session, feeds = guest._session(), {n: a.copy() for n, a in read_tensors(inputs).items()}
    for _ in range(warmup):
        session.run(None, feeds)
    start = time.perf_counter()
    for _ in range(runs):
        session.run(None, feeds)
    return {"seconds": (time.perf_counter() - start) / runs}


OPERATIONS = {**guest.OPERATIONS, "bare": bare}
