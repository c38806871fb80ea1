"""Imports Theano with its compiled code kept where it belongs. Python 3.6.

Theano compiles C as it goes, by default into the user's home. Here what was compiled stays in the
environment, for all its workers and as long as it lasts; where the interpreter is no environment, or
not ours to write to, in a folder that goes with the process. `base_compiledir` in THEANO_FLAGS has
the last word.
"""

import atexit
import glob
import importlib
import os
import shutil
import sys
import sysconfig
import tempfile


def _folder():
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        return os.path.join(sys.prefix, "theano-compiled")
    made = tempfile.mkdtemp(prefix="theano-compiled-")
    atexit.register(shutil.rmtree, made, True)
    return made


def _blas():
    """Flags that link the BLAS which SciPy's wheel brings; none where there is none."""
    found = glob.glob(
        os.path.join(sysconfig.get_paths()["platlib"], "scipy.libs", "*openblas*.so*")
    )
    if not found:
        return []
    importlib.import_module("scipy.linalg")  # loads it, so that what is linked to it finds it
    folder, name = os.path.split(found[0])
    return [f"blas.ldflags=-L{folder} -l:{name}"]


def _settings():
    """Theano's flags: the user's, and ours where the user says nothing of the matter."""
    given = os.environ.get("THEANO_FLAGS", "")
    flags = [given] if given else []
    if "base_compiledir" not in given:
        # Workers that compile at the same time take turns; to look every second is enough.
        flags += [f"base_compiledir={_folder()}", "compile.wait=1"]
    if "blas.ldflags" not in given:
        flags += _blas()
    return ",".join(flags)


os.environ["THEANO_FLAGS"] = _settings()

import theano  # noqa: E402


def default_mode():
    """Theano's own mode. Without a C compiler: with its slow convolutions in Python let through, and
    without fused operators, which in Python take ~ of a truth value for that of a number."""
    mode = theano.compile.get_default_mode()
    return mode if theano.config.cxx else mode.excluding("AbstractConvCheck", "fusion")
