"""Runs in the TensorFlow worker: a .tflite file on one input, by TensorFlow's own interpreter."""

import tensorflow as tf

from interop.workers.tensors import read_tensors, write_tensors


def run_file(path, inputs, outputs):
    """`inputs` holds one tensor; the interpreter is resized to its shape."""
    [array] = read_tensors(inputs).values()
    interpreter = tf.lite.Interpreter(model_path=path)
    [given] = interpreter.get_input_details()
    interpreter.resize_tensor_input(given["index"], array.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], array)
    interpreter.invoke()
    details = interpreter.get_output_details()
    write_tensors(outputs, {d["name"]: interpreter.get_tensor(d["index"]) for d in details})
    return {}


OPERATIONS = {"run_file": run_file}
