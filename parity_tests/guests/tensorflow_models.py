"""Runs in the TensorFlow worker: small models saved in the ways that TensorFlow has had."""

import tensorflow as tf
from tensorflow.python.framework import convert_to_constants


class Two(tf.Module):
    """One weight, and functions that do different things with it."""

    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(tf.reshape(tf.range(6.0), [2, 3]), name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def times(self, x):
        return {"y": tf.matmul(x, self.weight)}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def back(self, x):
        return {"y": tf.matmul(x, self.weight, transpose_b=True)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def beyond(self, x):
        return {"y": tf.math.igamma(tf.abs(x) + 1.0, tf.abs(x))}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 4], tf.int64, name="a"),
            tf.TensorSpec([None, 4], tf.int64, name="b"),
        ]
    )
    def whole_numbers(self, a, b):
        """What float32 gets wrong, and division towards zero."""
        large = a + 2**40
        return {
            "less": tf.less(large, large + b),
            "remainder": tf.math.floormod(a - 7, 5),
            "quotient": tf.math.floordiv(a - 7, 5),
            "chosen": tf.where(tf.less(a, 1), large, b),
        }


def save(path, functions):
    """A SavedModel with `functions`: signature → method of `Two`."""
    model = Two()
    signatures = {name: getattr(model, method) for name, method in functions.items()}
    tf.saved_model.save(model, path, signatures=signatures)
    return {}


def freeze(path):
    """`Two.times` as a frozen graph."""
    model = Two()  # held here: its functions do not
    function = model.times.get_concrete_function()
    frozen = convert_to_constants.convert_variables_to_constants_v2(function)
    with open(path, "wb") as file:
        file.write(frozen.graph.as_graph_def().SerializeToString())
    return {}


def save_version_1(path):
    """A graph, a session and a signature, as before TensorFlow 2."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="in")
        weight = tf.compat.v1.get_variable(
            "weight", initializer=tf.constant([[1.0, 2.0], [3.0, 4.0]]), use_resource=False
        )
        y = tf.nn.relu(tf.matmul(x, weight))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(session, path, {"x": x}, {"y": y})
    return {}


OPERATIONS = {"save": save, "freeze": freeze, "save_version_1": save_version_1}
