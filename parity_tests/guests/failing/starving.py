"""A backend that the kernel ends for its memory, while it is timed."""

import os
import signal

from interop.converters.onnx.reference import OPERATIONS as SOUND


def timed(inputs, runs, warmup):
    os.kill(os.getpid(), signal.SIGKILL)


OPERATIONS = dict(SOUND, time=timed)
