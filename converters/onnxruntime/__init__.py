"""ONNX Runtime as a backend, of the version that is asked for."""
