"""Makes one environment. Runs as a worker on the Python that the environment is for (3.6 up), so
that whatever happens to the host, pip and all that pip has started end with it."""

import json
import os
import re
import subprocess
import sys

from interop.workers.failures import GuestFailure

SHOWN_LINES = 15

DISK = "the disk is full: make room, or set INTEROP_CACHE_DIR to a folder on another"
NETWORK = "check the network, and pip's index, proxy and certificates (`pip config list`)"
ABSENT = "this Python or platform may have no such version, or pip cannot reach its package index: "

# (what pip's output says, hint); the first that matches counts
HINTS = (
    ("No space left on device|Errno 28", DISK),
    ("Name or service not known|name resolution|NewConnectionError|Connection refused", NETWORK),
    ("ConnectTimeout|ReadTimeout|Network is unreachable|ProxyError|SSLError", NETWORK),
    ("ResolutionImpossible|conflicting dependencies", "this version cannot stand beside the rest"),
    ("No matching distribution found|Could not find a version", ABSENT + NETWORK),
)


def run(command, on_line=None):
    """Run to the end, repeating the output as it comes; (exit status, its last 500 lines)."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines = []
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace").rstrip()
        print(line)
        lines = [*lines[-499:], line]
        if on_line is not None:
            on_line(line)
    return process.wait(), "\n".join(lines)


def last_lines(output):
    return "\n".join(output.splitlines()[-SHOWN_LINES:])


def advise(output, otherwise="the lines below are pip's own"):
    for pattern, hint in HINTS:
        if re.search(pattern, output):
            return hint
    return otherwise


def make_venv(folder, python):
    """pip is put in by a step of our own: `venv` itself would hide why that failed."""
    status, output = run([sys.executable, "-E", "-m", "venv", "--without-pip", folder])
    if not status:
        status, output = run([python, "-E", "-m", "ensurepip", "--default-pip"])
    if status:
        apart = "its venv or ensurepip does not work: install them (on Debian and Ubuntu: "
        apart += "python3-venv), or use another Python"
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"{sys.executable} cannot make a virtual environment",
            advise(output, apart),
            last_lines(output),
        )


def install(python, requirements, label, progress):
    """pip install, under the user's own pip configuration; progress from its output."""
    seen = []

    def on_line(line):
        word, _, rest = line.strip().partition(" ")
        if word in ("Collecting", "Downloading", "Processing"):
            if word != "Downloading":
                seen.append(rest)
            # A guess while pip resolves what the requirements themselves need.
            fraction = 0.05 + 0.6 * min(len(seen) / (len(requirements) + 1), 1.0)
            progress(fraction, word.lower() + " " + os.path.basename(rest))
        elif line.startswith("Installing collected packages"):
            progress(0.7, f"installing {len(line.split(','))} packages")

    flags = ["--no-input", "--disable-pip-version-check", "--no-compile", "--progress-bar", "off"]
    flags += ["--no-warn-script-location"]
    command = [python, "-E", "-u", "-m", "pip", "install"]
    status, output = run(command + flags + requirements, on_line)
    if status:
        version = ".".join(map(str, sys.version_info[:3]))
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"cannot install {label} for Python {version}: pip ended with status {status}",
            advise(output),
            last_lines(output),
        )


def verify(python, modules, label):
    imports = "; ".join("import " + module for module in modules)
    status, output = run([python, "-E", "-c", imports])
    if status:
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"{label} was installed, but cannot be imported (status {status})",
            "this machine may lack a library or processor feature that it needs",
            last_lines(output),
        )


def complete(python, script, label):
    """Run the recipe's own last step."""
    status, output = run([python, "-E", script])
    if status:
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"{label} was installed, but its last step failed (status {status})",
            "the lines below say what it lacked",
            last_lines(output),
        )


def installed(python):
    """{distribution: version}, by pip, since Pythons before 3.8 have no importlib.metadata."""
    command = [python, "-E", "-m", "pip", "--disable-pip-version-check", "list"]
    listing = subprocess.check_output([*command, "--format", "json"])
    return {row["name"]: row["version"] for row in json.loads(listing.decode("utf-8"))}


def size_of(folder):
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )


def build(folder, requirements, modules, label, finish, progress):
    """Make `folder` a virtual environment with `requirements` in it, and import `modules` there.

    finish: a script that its Python runs before that, or None.

    Returns {"packages": {name: version}, "bytes": size}. Raises EnvironmentUnavailable.
    """
    python = os.path.join(folder, "bin", "python")
    progress(0.0, "making a virtual environment")
    make_venv(folder, python)
    install(python, requirements, label, progress)
    if finish is not None:
        progress(0.85, "finishing " + label)
        complete(python, finish, label)
    progress(0.9, "importing " + label)
    verify(python, modules, label)
    result = {"packages": installed(python), "bytes": size_of(folder)}
    progress(1.0, "done")
    return result


OPERATIONS = {"build": build}
