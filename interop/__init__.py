"""Carry a model from the framework it was born in to any other, by way of ONNX, with proof."""
