"""Half of the floor: import torch, build the zoo's model, export it. Run by whole_command.py."""

import importlib
import sys

import torch

target, definition, shape, path = sys.argv[1:]
sys.path.insert(0, target)
module, _, name = definition.partition(":")
model = getattr(importlib.import_module(module), name)()
image = torch.randn([2, *map(int, shape.split(","))])
batch = torch.export.Dim("batch")
program = torch.onnx.export(
    model, (image,), dynamo=True, dynamic_shapes=({0: batch},), verbose=False
)
program.save(path)
