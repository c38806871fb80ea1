"""The readable source beside an artifact, imported where it is. Guest side: Python 3.6."""

import importlib.util
import os
import sys


def import_source(folder):
    """The module `model` in `folder`; leaves no `__pycache__` beside what the user is given."""
    spec = importlib.util.spec_from_file_location("model", os.path.join(str(folder), "model.py"))
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
