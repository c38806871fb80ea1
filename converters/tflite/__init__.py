"""TFLite as a target: TensorFlow's source → SavedModel → `.tflite`, run by LiteRT's interpreter."""
