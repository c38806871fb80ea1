"""PyTorch: modules by callable, .pt2 programs and (with trust) pickled modules; out through torch.onnx."""
