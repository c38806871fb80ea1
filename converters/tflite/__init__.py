"""TFLite: TensorFlow's source → SavedModel → `.tflite`, which LiteRT runs; and such files → ONNX."""
