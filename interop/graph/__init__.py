"""The canonical ONNX form, and the passes over it."""
