"""ONNX Runtime with its OpenVINO provider: a build of its own, which cannot stand beside the other."""
