"""The text classifier in Theano: a loop over time for each direction."""

import theano
import theano.tensor as T
from interop.models.lstm_classifier.weights import HIDDEN, LAYERS, draw
from interop.models.theano_layers import Layers


def _lstm(layers, x, end, backwards):
    """All states of one direction of torch's LSTM over x, [time, batch, width]."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w, r, b, c = (layers.take("lstm.{}_{}".format(name, end)) for name in names)

    def step(gates, h, cell, r):
        gates = gates + T.dot(h, r.T)
        i, f, g, o = [gates[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(4)]
        sigmoid = T.nnet.sigmoid
        cell = sigmoid(f) * cell + sigmoid(i) * T.tanh(g)
        return sigmoid(o) * T.tanh(cell), cell

    start = T.zeros((x.shape[1], HIDDEN), "float32")
    (states, _), _ = theano.scan(
        step, [T.dot(x, w.T) + (b + c)], [start, start], [r], go_backwards=backwards
    )
    return states[::-1] if backwards else states


def lstm_classifier():
    layers = Layers(draw())
    words = T.matrix("input_ids", "int64")
    x = layers.take("words.weight")[words].dimshuffle(1, 0, 2)
    for layer in range(LAYERS):
        ends = ["l{}".format(layer), "l{}_reverse".format(layer)]
        both = [_lstm(layers, x, end, bool(k)) for k, end in enumerate(ends)]
        x = T.concatenate(both, axis=2)
    return layers.done([words], {"logits": layers.linear("head", x.mean(0))})
