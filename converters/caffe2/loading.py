"""A model reference → Caffe2's two nets. Python 3.6."""

import importlib
import os

from caffe2.proto import caffe2_pb2
from google.protobuf.message import DecodeError

from interop.workers.failures import GuestFailure

_NEEDED = "Let it return (init_net, predict_net), as NetDefs, core.Nets or ModelHelper's."


def load_reference(reference):
    """(init, predict) of a folder or a predict_net.pb with its init_net.pb beside it, or of
    `package.module:callable`.

    Fails as InvalidModel where the files are not complete, as UsageError where the reference leads
    nowhere.
    """
    if os.path.isdir(reference):
        return load_files(_predict_in(reference))
    if os.path.exists(reference):
        return load_files(reference)
    return _called(reference)


def _predict_in(folder):
    path = os.path.join(folder, "predict_net.pb")
    if not os.path.isfile(path):
        raise GuestFailure(
            "InvalidModel",
            "{} holds no predict_net.pb".format(folder),
            hint="Name the file itself; its init_net.pb has to lie beside it.",
        )
    return path


def init_of(path):
    """Where the weights of the net in `path` lie."""
    folder, name = os.path.split(path)
    return os.path.join(folder, name.replace("predict", "init"))


def load_files(path):
    """Raises GuestFailure (InvalidModel) where either of the files is missing, or is no NetDef."""
    init = init_of(path)
    if init == path:
        raise GuestFailure(
            "InvalidModel",
            "the name of {} does not say which net it is".format(path),
            hint="Name it …predict_net.pb, and that of its weights …init_net.pb.",
        )
    if not os.path.isfile(init):
        raise GuestFailure(
            "InvalidModel",
            "{} has no weights beside it: there is no {}".format(path, os.path.basename(init)),
            hint="Put it into the same folder.",
        )
    nets = _read(init), _read(path)
    if not nets[1].op:
        raise GuestFailure("InvalidModel", "{} holds no operators".format(path))
    return nets


def _read(path):
    net = caffe2_pb2.NetDef()
    try:
        with open(path, "rb") as file:
            net.ParseFromString(file.read())
    except DecodeError as error:
        raise GuestFailure("InvalidModel", "{} is no NetDef: {}".format(path, error)) from error
    return net


def _called(reference):
    module_name, _, attribute = reference.partition(":")
    try:
        found = importlib.import_module(module_name)
    except ImportError as error:
        raise GuestFailure(
            "UsageError",
            "'{}' cannot be imported: {}".format(reference, error),
            hint="The module must lie in the working directory or be installed where Caffe2 is.",
        ) from error
    if not hasattr(found, attribute):
        raise GuestFailure("UsageError", "'{}' has no '{}'".format(module_name, attribute))
    made = getattr(found, attribute)()
    if hasattr(made, "param_init_net"):  # ModelHelper
        made = made.param_init_net, made.net
    if not (isinstance(made, tuple) and len(made) == 2):
        raise GuestFailure(
            "UsageError",
            "'{}' gave a {}, not two nets".format(reference, type(made).__name__),
            hint=_NEEDED,
        )
    return tuple(one.Proto() if hasattr(one, "Proto") else one for one in made)
