"""Values of a model as they cross to a worker: tensors, lists of them, and nothing (None).

Python 3.6 syntax. A list is written as its tensors; `values.json` says what belongs together.
"""

import json
import os

from interop.workers.tensors import read_tensors, write_tensors

INDEX = "values.json"


def write_values(folder, values):
    """Write a dict of arrays, lists of arrays, and None into `folder`."""
    tensors, forms = {}, {}
    for name, value in values.items():
        if isinstance(value, (list, tuple)):
            forms[name] = len(value)
            tensors.update((f"{name}[{i}]", entry) for i, entry in enumerate(value))
        elif value is None:
            forms[name] = None
        else:
            forms[name] = "tensor"
            tensors[name] = value
    write_tensors(folder, tensors)
    with open(os.path.join(str(folder), INDEX), "w") as file:
        json.dump(forms, file)


def read_values(folder):
    """What `write_values` wrote, in its order."""
    tensors = read_tensors(folder)
    with open(os.path.join(str(folder), INDEX)) as file:
        forms = json.load(file)
    values = {}
    for name, form in forms.items():
        if isinstance(form, int):
            values[name] = [tensors[f"{name}[{i}]"] for i in range(form)]
        else:
            values[name] = None if form is None else tensors[name]
    return values


def each(function, value):
    """`function` of every tensor in a value."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [function(entry) for entry in value]
    return function(value)
