"""Runs in the Theano worker: small models of Theano's own operators, as variables and as functions."""

import os
import pickle

os.environ["THEANO_FLAGS"] = "cxx="  # in Python, as without a C compiler: nothing is compiled first

import numpy as np
from interop.converters.theano import guest  # first: says where Theano compiles
from interop.converters.theano.home import theano

import theano.tensor as T  # isort: skip
from theano.tensor.nnet import abstract_conv, bn
from theano.tensor.signal.pool import pool_2d

F = "float32"


def shared(*shape, **options):
    drawn = np.random.RandomState(sum(shape)).standard_normal(shape).astype(F)
    return theano.shared(drawn, "w{}".format("x".join(map(str, shape))), **options)


def given(name, *shape, dtype=F, low=-2, high=2):
    """An input with a test value, which says its shape."""
    variable = T.TensorType(dtype, [False] * len(shape))(name)
    drawn = np.random.RandomState(len(shape)).uniform(low, high, shape)
    variable.tag.test_value = drawn.astype(dtype)
    return variable


def scalars():
    """Functions of single numbers, where rounding and signs differ."""
    x, y = given("x", 3, 5), given("y", 3, 5)
    i, j = (
        given("i", 3, 5, dtype="int32", low=-9, high=9),
        given("j", 5, dtype="int64", low=1, high=5),
    )
    b = (x > y) ^ T.neq(i, 3)
    return [x, y, i, j], {
        "exact": T.stack([T.round(x * 2), T.round(x * 2, "half_away_from_zero"), T.trunc(x), T.sgn(y)]),
        "small": T.stack([T.expm1(x / 1000), T.log1p(x / 1000), T.expm1(x), T.log1p(x * x)]),
        "logs": T.stack([T.log2(abs(x) + 1), T.log10(abs(x) + 1), T.exp2(x), T.erfc(x), T.arctan2(x, y)]),
        "divided": T.stack([i // j, i % j, (-i) // j, T.switch(b, i, j)]),
        "floats": T.stack([x // y, x % y, x ** 2, T.clip(x, -1, y * 0 + 1), T.minimum(x, y)]),
        "mixed": i * x.astype("float64") + j,
        "truths": T.stack([b & (x < 1), ~b | T.ge(i, j), T.isnan(T.log(x)), T.isinf(x / (x * 0))]),
        "nnet": T.stack([T.nnet.sigmoid(x), T.nnet.softplus(x), T.nnet.relu(x, 0.1), T.nnet.elu(x)]),
    }  # fmt: skip


def arranged():
    """Parts of tensors, taken, set and put together; shapes that follow from shapes."""
    x, i = given("x", 3, 4, 6), given("i", 2, 2, dtype="int64", low=0, high=3)
    rows = given("rows", 2, dtype="int64", low=0, high=3)
    y = T.concatenate([x[:, 1:, ::2], x[:, :-1, 3:] * 2], axis=1)
    return [x, i, rows], {
        "cut": y[::-1, -1, : y.shape[2] - 1],
        "set": T.set_subtensor(x[1:, ::2, 0], 7.0),
        "added": T.inc_subtensor(x[rows], x[:2] * 0 + 1),
        "picked": x[i],
        "both": x[:, rows, i],
        "placed": T.set_subtensor(x[rows, :][:, :2], 0 * x[:2, :2] + 5),
        "flat": T.flatten(x, 2) + T.arange(x.shape[1] * x.shape[2]),
        "order": x.dimshuffle(2, "x", 0, 1).reshape((x.shape[2], -1)),
        "like": T.zeros_like(x) + T.alloc(np.float32(2), x.shape[0], 1, 1).dimshuffle(0, 1, 2),
        "eye": T.eye(x.shape[0]) + T.tri(3, 3, -1),
        "repeated": T.repeat(T.tile(x, (1, 2, 1)), 2, axis=1),
        "parts": T.split(x, [1, 3], 2, axis=1)[1],
    }


def reduced():
    """Along axes, sorted, multiplied."""
    x, m = given("x", 3, 4, 6), given("m", 3, 6, 2)
    z = x[0]
    return [x, m], {
        "sums": T.stack([x.sum(2), x.prod(2), x.mean(2), x.max(2), x.min(2), x.std(2)]),
        "where": T.stack([x.argmax(1), x.argmin(1)]),
        "anywhere": T.stack([x.argmax(), x.flatten().argmax()]),
        "truths": T.stack([(x > 1).any(0), (x > -1).all(0)]),
        "running": T.cumsum(x, 1),
        "sorted": T.sort(x, 1) + T.argsort(x, 1),
        "batched": T.batched_dot(x, m),
        "product": T.dot(z, m[0]) + T.dot(z[0], m[0]) + T.dot(x, m[0])[0],
        "tensordot": T.tensordot(x, m, [[0, 2], [0, 1]]),
        "soft": T.nnet.softmax(z) + T.nnet.logsoftmax(z),
    }


def windows():
    """Convolutions of all kinds of borders, transposed ones, pools, and normalization."""
    x = given("x", 2, 4, 9, 10)
    y = T.nnet.conv2d(x, shared(6, 4, 3, 2), border_mode="half", subsample=(1, 2))
    y = T.nnet.conv2d(
        y, shared(6, 1, 3, 3), border_mode=((1, 0), (2, 1)), filter_flip=False, num_groups=6
    )
    y = T.nnet.conv2d(y, shared(4, 6, 2, 2), border_mode="full", filter_dilation=(2, 1))
    shape = (None, 4, x.shape[2] * 3, x.shape[3] * 2)
    up = abstract_conv.conv2d_grad_wrt_inputs(
        x, shared(4, 4, 3, 3), (None, 4, 18, 21), border_mode=(1, 0), subsample=(2, 2)
    )
    wide = abstract_conv.conv2d_grad_wrt_inputs(
        x, shared(4, 2, 4, 3), shape, border_mode=(1, 1), subsample=(3, 2), filter_flip=False,
        num_groups=2,
    )  # fmt: skip
    statistics = [abs(shared(4)) + 0.5 for _ in range(4)]
    normal = bn.batch_normalization_test(x, *statistics, axes="spatial", epsilon=1e-3)
    return [x], {
        "y": y,
        "up": up,
        "wide": wide,
        "normal": normal,
        "largest": pool_2d(x, (3, 2), ignore_border=True, stride=(2, 1), pad=(1, 1)),
        "beyond": pool_2d(x, (4, 3), ignore_border=False, stride=(3, 2)),
        "mean": pool_2d(
            x, (3, 3), ignore_border=True, stride=(1, 2), pad=(1, 1), mode="average_exc_pad"
        ),
        "all": pool_2d(x[0], (3, 3), ignore_border=True, pad=(1, 1), mode="average_inc_pad"),
        "sum": pool_2d(x[0, 0], (2, 3), ignore_border=True, mode="sum"),
    }


def recurrent():
    """A loop with states, sequences, weights, and results that nobody feeds back; from the end."""
    x, h = given("x", 5, 2, 3), given("h", 2, 4)
    w, u = shared(3, 4), shared(4, 4)

    def step(now, before, w, u):
        state = T.tanh(T.dot(now, w) + T.dot(before, u))
        return state, state.sum(1)

    (states, sums), _ = theano.scan(step, x, [h, None], [w, u])
    (back, _), _ = theano.scan(step, x, [h, None], [w, u], go_backwards=True)
    powers, _ = theano.scan(lambda before: before * 2, outputs_info=h[0], n_steps=4)
    return [x, h], {"states": states, "sums": sums, "last": back[-1], "powers": powers}


def fused():
    """A graph as Theano optimised it: fused operators, and products with their sums."""
    x, h = given("x", 3, 4, 5, 6), given("h", 3, 4)
    y = T.nnet.relu(x + shared(4).dimshuffle("x", 0, "x", "x"))
    z = T.dot(y.mean((2, 3)) * h, shared(4, 2)) * 2 + shared(2)
    results = [T.nnet.softmax(z), T.dot(h[0], shared(4, 4)) + h[1]]
    function = theano.function(
        [x, h], results, mode=theano.compile.get_default_mode().excluding("inplace")
    )
    graph = function.maker.fgraph
    known = dict(zip(graph.inputs, (one.variable for one in function.maker.inputs)))
    kinds = {type(getattr(n.op, "scalar_op", n.op)).__name__ for n in graph.apply_nodes}
    assert {"Composite", "CGemv", "Dot22Scalar", "SoftmaxWithBias"} <= kinds, kinds
    soft, total = theano.clone(list(graph.outputs), known)
    return [x, h], {"soft": soft, "sum": total}


def counted():
    """A compiled function, which changes a shared variable as it runs."""
    x, count = given("x", 3), theano.shared(np.float32(2), "count")
    return theano.function([x], {"y": x * count}, updates=[(count, count + 1)])


def drawn():
    """Random numbers, which have no ONNX form here."""
    from theano.tensor.shared_randomstreams import RandomStreams

    x = given("x", 3)
    return [x], {"y": x + RandomStreams(0).normal((3,))}


def unsized():
    """An input of which nothing says how large it is."""
    x = T.fmatrix("x")
    return [x], {"y": x * 2}


def number():
    return 3


def examples(name):
    """The test values of a model's inputs go where `save_inputs` says."""
    inputs, _ = globals()[name]()
    return {v.name: v.tag.test_value for v in inputs}


def save_inputs(name, folder):
    from interop.workers.tensors import write_tensors

    write_tensors(folder, examples(name))
    return {}


def save(name, path):
    with open(path, "wb") as file:
        pickle.dump(globals()[name](), file)
    return {}


OPERATIONS = dict(guest.OPERATIONS, save=save, save_inputs=save_inputs)
