"""ONNX Runtime with its CUDA and TensorRT providers: a build of its own, made only where a GPU is."""
