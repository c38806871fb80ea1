"""OpenCV's dnn module as a backend: reads ONNX, and runs it on the processor."""
