"""Apache TVM as a backend: compiles ONNX for the processor, for each set of sizes."""
