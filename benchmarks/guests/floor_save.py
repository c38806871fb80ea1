"""The other half of the floor: import TensorFlow, build a written model, save it."""

import sys

sys.path.insert(0, sys.argv[1])
import model
import tensorflow as tf

loaded = model.load()
function = loaded.__call__.get_concrete_function()
tf.saved_model.save(loaded, sys.argv[2], signatures={"serving_default": function})
