"""Runs in the Keras worker: files as Keras 2 wrote them, written by Keras 3 and changed by hand."""

import json

import h5py
import keras
import numpy as np
from interop.converters.keras import guest

from interop.workers.tensors import write_tensors


def _windows():
    x = keras.Input((8, 8, 3), name="image")
    y = keras.layers.SeparableConv2D(4, 3, padding="same", name="block_one")(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    y = keras.layers.DepthwiseConv2D(3, activation="relu", name="deep")(y)
    y = keras.layers.Conv2DTranspose(2, 2, strides=2, name="wide")(y)
    y = keras.layers.Dense(3, name="made")(keras.layers.Flatten(name="flat")(y))
    return keras.Model(x, y)


def _lstm():
    layer = keras.layers.LSTM(3, recurrent_activation="hard_sigmoid", name="layer")
    return keras.Sequential([keras.Input((5, 2), name="x"), layer])


def _gru():
    layer = keras.layers.GRU(3, reset_after=False, name="layer")
    return keras.Sequential([keras.Input((5, 2), name="x"), layer])


def _lambda():
    double = keras.layers.Lambda(lambda x: x * 2.0, output_shape=(4,), name="double")
    return keras.Sequential([keras.Input((4,), name="x"), double])


_MODELS = {"windows": _windows, "lstm": _lstm, "gru": _gru, "lambda": _lambda}

#: What Keras 2 wrote, too.
_OLD = {
    "BatchNormalization": {"fused": None, "renorm": False},
    "Conv2DTranspose": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "GRU": {"time_major": False, "reset_after": None},
    "LSTM": {"time_major": False},
    "SeparableConv2D": {"groups": 1},
}


def save(name, path, old=False, weights=None):
    """Write one of the models with weights drawn by seed; `weights` is a folder that gets them.

    old: as Keras 2.2 wrote it, with slashes in names, and without what it did not have.
    """
    model = _MODELS[name]()
    rng = np.random.default_rng(3)
    model.set_weights([np.abs(rng.standard_normal(w.shape)) / 2 for w in model.get_weights()])
    if path.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)
    if weights is not None:
        arrays = {f"w{i}": array for i, array in enumerate(model.get_weights())}
        write_tensors(weights, arrays)
    if old:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            for layer in config["config"]["layers"]:
                layer["config"].update(_OLD.get(layer["class_name"], {}))
                if layer["class_name"] == "GRU":
                    del layer["config"]["reset_after"]
            text = json.dumps(config).replace('"block_one"', '"block/one"')
            file.attrs["model_config"] = text
            file.attrs["keras_version"] = "2.2.4"
    return {}


OPERATIONS = {**guest.OPERATIONS, "save": save}
