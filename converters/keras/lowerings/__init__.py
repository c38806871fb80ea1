"""ONNX operators in Keras's terms, by subject."""
