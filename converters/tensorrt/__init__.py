"""TensorRT as a backend, and all that it shares with TensorRT-RTX, whose Python interface is the same.

guest.py     the worker's operations, by the `tensorrt` package
worker.py    those operations, for whichever of the two packages it is given
network.py   an ONNX file parsed, refused by node, or built into an engine
execution.py an engine loaded and run
memory.py    buffers on the device, the stream, and its events
"""
