"""StableHLO, as jax.export has it → ONNX: one function an operation, in a table."""
