"""A backend whose native code has a fault."""

import os
import signal

from interop.converters.onnx.reference import OPERATIONS as SOUND


def run(inputs, outputs):
    print("about to touch what is not there")
    os.kill(os.getpid(), signal.SIGSEGV)


OPERATIONS = dict(SOUND, run=run)
