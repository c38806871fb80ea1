"""Functions that take the place of TensorFlow's of the same name where TFLite needs others."""
