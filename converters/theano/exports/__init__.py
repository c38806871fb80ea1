"""How each Theano operator is written as ONNX. Python 3.6."""

from interop.converters.theano import home  # noqa: F401 - says where Theano compiles; before its import
