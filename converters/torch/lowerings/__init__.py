"""ONNX operators as torch expressions, by subject."""
