"""One function an ONNX operator, by subject."""
