"""TensorRT-RTX as a backend: it parses and builds without any GPU, and runs on one."""
