"""Puts libmpi.so.12 and libmpi_cxx.so.1 beside CNTK's libraries; run once, in a new environment.

CNTK 2.7 is linked against Open MPI 1.10, which today's systems no longer carry, and uses it only
to train on several machines. What stands in for it here is a world of one process, made of exactly
the symbols that CNTK's libraries ask for. An Open MPI 1.10 that the system has is left to serve.
"""

import ctypes
import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

LIBRARIES = ("libmpi.so.12", "libmpi_cxx.so.1")

#: Functions that answer with more than success, through the pointer in their last argument.
ANSWERS = {
    "MPI_Comm_size": "int f(void *c, int *size) { *size = 1; return 0; }",
    "MPI_Comm_rank": "int f(void *c, int *rank) { *rank = 0; return 0; }",
    "MPI_Initialized": "int f(int *flag) { *flag = 0; return 0; }",
    "MPI_Finalized": "int f(int *flag) { *flag = 0; return 0; }",
    "MPI_Get_processor_name": "int f(char *name, int *n) { *name = 0; *n = 0; return 0; }",
    "MPI_Error_string": "int f(int e, char *text, int *n) { *text = 0; *n = 0; return 0; }",
}


def main():
    if all(map(is_there, LIBRARIES)):
        return
    folder = os.path.join(sysconfig.get_paths()["purelib"], "cntk", "libs")
    tools = [shutil.which("cc") or shutil.which("gcc"), shutil.which("nm")]
    if not all(tools):
        sys.exit("CNTK needs a C compiler and nm: on Debian and Ubuntu, apt install gcc binutils")
    compiler, nm = tools
    wanted = set()
    for library in glob.glob(os.path.join(folder, "*Cntk*.so")):
        listing = subprocess.check_output([nm, "-D", "--undefined-only", library])
        names = (line.split()[-1] for line in listing.decode("utf-8").splitlines())
        wanted.update(name for name in names if re.match(r"MPI_|ompi_|_Z\w*3MPI|_ZN\w*3MPI", name))
    with tempfile.TemporaryDirectory() as scratch:
        source = os.path.join(scratch, "mpi.c")
        with open(source, "w") as file:
            file.write("\n".join(map(definition, sorted(wanted))) + "\n")
        for library, code in zip(LIBRARIES, (source, "/dev/null")):
            command = [compiler, "-shared", "-fPIC", "-w", "-o", os.path.join(folder, library)]
            subprocess.check_call(command + ["-Wl,-soname," + library, "-x", "c", code])


def is_there(library):
    """Whether the system's linker finds it."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def definition(name):
    """C for one symbol: Open MPI's constants and C++ tables are data, all else are functions."""
    if name.startswith(("ompi_mpi_", "_ZTV", "_ZTI")):
        return "char {}[4096];".format(name)
    return ANSWERS.get(name, "int f() { return 0; }").replace(" f(", " {}(".format(name))


if __name__ == "__main__":
    main()
