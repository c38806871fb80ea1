"""Names of results."""

import mxnet as mx


def named(x, name):
    """x under a name of its own, by which a loaded symbol can be asked for it."""
    return mx.sym.identity(x.as_nd_ndarray(), name=name).as_np_ndarray()
