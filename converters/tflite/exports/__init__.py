"""TFLite's builtin operators as ONNX: converters by subject, and the table of them."""
