"""The last step of the way people do it today: compare a SavedModel with ONNX Runtime, by hand."""

import sys

import numpy as np
import onnxruntime
import tensorflow as tf

onnx_path, saved_model = sys.argv[1:]
image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
[expected] = onnxruntime.InferenceSession(onnx_path).run(None, {"image": image})
function = tf.saved_model.load(saved_model).signatures["serving_default"]
[argument] = function.structured_input_signature[1].values()
given = image if argument.shape[1] == 3 else image.transpose(0, 2, 3, 1)
name = next(iter(function.structured_input_signature[1]))
[got] = function(**{name: tf.constant(given)}).values()
print("allclose" if np.allclose(expected, got.numpy(), rtol=1e-3, atol=1e-5) else "different")
