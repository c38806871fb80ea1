"""ONNX operators as TensorFlow expressions, by subject."""
