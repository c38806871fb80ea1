"""Tensors on disk, as they cross between processes: a folder of .npy files and `tensors.json`.

Python 3.6 syntax; needs NumPy alone, and ml_dtypes where a tensor is of one of its types.
"""

import json
import os

import numpy as np

INDEX = "tensors.json"


def write_tensors(folder, tensors):
    # type: (str | os.PathLike[str], dict[str, np.ndarray]) -> list[dict[str, object]]
    """Write named arrays into `folder` (made if missing); any shape, any dtype but void/objects.

    Returns one {"name", "file", "dtype", "shape"} for each, in order, and writes the same list to
    `tensors.json`. Types that are not NumPy's own (bfloat16, float8, int4) are stored as unsigned
    integers of the same width under their name; text, as fixed-width unicode under "string".
    """
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    specs = []
    for index, (name, value) in enumerate(tensors.items()):
        array = np.asarray(value, order="C")
        dtype, stored = _stored(name, array)
        file = f"{index:04d}.npy"  # a tensor's name may hold any character
        np.save(os.path.join(folder, file), stored, allow_pickle=False)
        specs.append({"name": name, "file": file, "dtype": dtype, "shape": list(array.shape)})
    with open(os.path.join(folder, INDEX), "w", encoding="utf-8") as index_file:
        json.dump(specs, index_file, indent=1)
    return specs


def read_tensors(folder):
    # type: (str | os.PathLike[str]) -> dict[str, np.ndarray]
    """The arrays of a folder in the order written: memory-mapped, copy-on-write (text is read)."""
    folder = os.fspath(folder)
    with open(os.path.join(folder, INDEX), encoding="utf-8") as index_file:
        specs = json.load(index_file)
    return {spec["name"]: _load(folder, spec) for spec in specs}


def _stored(name, array):
    """(name of the dtype, array as .npy can hold it)"""
    if array.dtype.kind in "OUS":
        return "string", _text(name, array)
    if array.dtype.isbuiltin == 2:  # registered by an extension
        return array.dtype.name, array.view(f"u{array.dtype.itemsize}")
    if array.dtype.kind not in "biufc":
        raise TypeError(f"tensor {name!r}: dtype {array.dtype} cannot cross")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array.dtype.name, array


def _text(name, array):
    items = [item.decode("utf-8") if isinstance(item, bytes) else item for item in array.flat]
    if not all(isinstance(item, str) for item in items):
        raise TypeError(f"tensor {name!r}: objects that are not text cannot cross")
    if any(item.endswith("\0") for item in items):
        raise ValueError(f"tensor {name!r}: text that ends in NUL cannot cross")
    return np.array(items, dtype=str).reshape(array.shape)


def _load(folder, spec):
    path = os.path.join(folder, spec["file"])
    if spec["dtype"] == "string":
        return np.load(path, allow_pickle=False).astype(object)
    array = np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
    if array.dtype.name == spec["dtype"]:
        return array
    import ml_dtypes

    return array.view(getattr(ml_dtypes, spec["dtype"]))
