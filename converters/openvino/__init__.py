"""OpenVINO as a backend: reads ONNX, and runs it on the processor."""
