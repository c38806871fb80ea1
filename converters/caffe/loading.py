"""A model reference → a network in memory, with its weights."""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Callable, Optional

import caffe
from google.protobuf import text_format
from interop.converters.caffe.files import (
    blob_shape,
    pair,
    read_network,
    read_weights,
    said_by_caffe,
)

from interop.workers.failures import GuestFailure


class CaffeGaveUp(Exception):
    """Caffe ended the process; the text is what it said last."""


def load_reference(reference: str) -> Any:
    """`package.module:callable` that returns a caffe.Net, or a network's file or folder."""
    module_name, colon, attribute = reference.rpartition(":")
    if not colon or "/" in reference:
        return load_files(Path(reference))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' cannot be imported: {error}",
            hint="The module must lie in the working directory, and run on Python 3.9.",
        ) from error
    if not hasattr(module, attribute):
        raise GuestFailure("UsageError", f"'{module_name}' has no '{attribute}'")
    net = getattr(module, attribute)()
    if not isinstance(net, caffe.Net):
        raise GuestFailure(
            "UsageError", f"'{reference}' gave a {type(net).__name__}, not a caffe.Net"
        )
    return net


def load_files(path: Path) -> Any:
    """The network of those files, in TEST, with its weights.

    Raises GuestFailure: InvalidModel for what is missing, broken, or does not fit together, naming
    every layer without its weights (Caffe itself would leave those as they were filled, at random);
    UnsupportedOperator as `files.read_network`.
    """
    network, weights = pair(path)
    net = make(network)
    if net.params:
        _check_weights(net, network, weights)
        net.copy_from(str(weights))
    return net


def make(network: Path) -> Any:
    """The network of a prototxt, its weights as its fillers leave them. Raises GuestFailure."""
    described = read_network(network)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.prototxt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text_format.MessageToString(described))
        try:
            attempt(lambda: bool(caffe.Net(path, caffe.TEST)))
        except CaffeGaveUp as error:
            raise GuestFailure(
                "InvalidModel", f"Caffe refuses {network}{_where(path)}: {error}",
                hint="Its layers do not fit together, or have parameters that Caffe does not take.",
            ) from error  # fmt: skip
        return caffe.Net(path, caffe.TEST)


def _check_weights(net: Any, network: Path, path: Optional[Path]) -> None:
    if path is None:
        raise GuestFailure(
            "InvalidModel",
            "there is no .caffemodel beside {}, and these layers have weights: {}".format(
                network, ", ".join(net.params)
            ),
            hint="Caffe keeps a network in two files; put both into one folder.",
        )
    stored = read_weights(path)
    given = {layer.name: layer.blobs for layer in [*stored.layer, *stored.layers] if layer.blobs}
    names = list(net._layer_names)
    twice = sorted({name for name in net.params if names.count(name) > 1})
    if twice:
        raise GuestFailure(
            "InvalidModel",
            "{} has several layers called {}".format(network, ", ".join(twice)),
            hint="Weights are found by the names of layers: each must be its own.",
        )
    without = [name for name in net.params if name not in given]
    if without:
        raise GuestFailure(
            "InvalidModel",
            "{} has no weights for: {}".format(path, ", ".join(without)),
            hint="The two files must be of one network, with the same names of layers.",
        )
    wrong = []
    for name, blobs in net.params.items():
        wanted = [tuple(blob.shape) for blob in blobs]
        found = [blob_shape(blob, len(shape)) for blob, shape in zip(given[name], wanted)]
        if len(given[name]) != len(wanted) or found != wanted:
            wrong.append(f"{name} (it wants {wanted}, and there is {found})")
    if wrong:
        raise GuestFailure(
            "InvalidModel",
            "{} has weights of another shape for: {}".format(path, ", ".join(wrong)),
            hint="The two files must be of one network.",
        )


def attempt(action: Callable[[], Any]) -> Any:
    """What `action` gives (of JSON types), from a copy of this process: Caffe may end that one.

    Raises CaffeGaveUp with its last words.
    """
    with tempfile.TemporaryFile("w+") as words, tempfile.TemporaryFile("w+") as answer:
        child = os.fork()
        if not child:
            os.dup2(words.fileno(), 2)
            try:
                json.dump(action(), answer)
                answer.flush()
                os._exit(0)
            except BaseException:  # noqa: BLE001 - whatever it is, this copy must not go on
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        words.seek(0)
        answer.seek(0)
        if status:
            raise CaffeGaveUp(said_by_caffe(words.read()))
        return json.load(answer)


def _where(network: str) -> str:
    """The layer at which Caffe gave up, which only its full log says."""
    code = "import caffe, sys; caffe.Net(sys.argv[1], caffe.TEST)"
    variables = {**os.environ, "GLOG_minloglevel": "0", "GLOG_logtostderr": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, network],
        env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    found = re.findall(r"\] Creating Layer (.+)$", done.stdout.decode(), flags=re.MULTILINE)
    return f" at layer '{found[-1]}'" if found else ""
