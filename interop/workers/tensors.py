"""Tensors between processes: folders of .npy files, read as memory maps (Python 3.6 syntax).

A folder holds one file a tensor and `tensors.json`, which gives names, dtypes and shapes in order.
Dtypes that NumPy has only through ml_dtypes (bfloat16, float8…) are stored as unsigned integers.
"""

import json
import os

import numpy as np


def write_tensors(folder, tensors):
    # type: (object, dict) -> list
    """Write `tensors` (name → array of any shape) into `folder`, which is made; returns the index."""
    folder = str(folder)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    index = []
    for position, (name, value) in enumerate(tensors.items()):
        array = np.asarray(value)
        file = "%d.npy" % position
        stored = array
        if array.dtype.kind == "V":
            stored = array.view("u%d" % array.dtype.itemsize)
        elif array.dtype.kind in "OUS":
            raise TypeError("tensor '%s' holds %s, which cannot cross" % (name, array.dtype))
        np.save(os.path.join(folder, file), stored, allow_pickle=False)
        index.append(
            {"name": name, "file": file, "dtype": array.dtype.name, "shape": list(array.shape)}
        )
    with open(os.path.join(folder, "tensors.json"), "w") as out:
        json.dump(index, out)
    return index


def read_tensors(folder):
    # type: (object) -> dict
    """The tensors in `folder`, name → read-only memory-mapped array, in the order written."""
    folder = str(folder)
    with open(os.path.join(folder, "tensors.json")) as file:
        index = json.load(file)
    tensors = {}
    for entry in index:
        path = os.path.join(folder, entry["file"])
        # An empty file cannot be mapped, and a scalar would lose its shape.
        mappable = entry["shape"] and 0 not in entry["shape"]
        array = np.load(path, mmap_mode="r" if mappable else None, allow_pickle=False)
        if array.dtype.name != entry["dtype"]:
            import ml_dtypes

            array = array.view(np.dtype(getattr(ml_dtypes, entry["dtype"])))
        tensors[entry["name"]] = array
    return tensors
