"""The recommender in Caffe2."""

from interop.models.caffe2_layers import Layers
from interop.models.dlrm.weights import TABLES, draw


def dlrm():
    layers = Layers(draw(), ["dense", "categories"])
    net, x = layers.net, "dense"
    for index in range(3):
        x = net.Relu(layers.linear("bottom.{}".format(index), x))
    columns = net.Split("categories", TABLES, axis=1)
    parts = [net.ExpandDims(x, dims=[1])]
    for index, column in enumerate(columns):  # each [batch, 1]
        parts.append(net.Gather([layers.take("tables.{}.weight".format(index)), column]))
    stacked = net.Concat(parts, 2, axis=1)[0]
    products = net.BatchMatMul([stacked, stacked], trans_b=1)
    # Each pair once: row by row, what stands before the diagonal.
    rows = []
    for index in range(1, TABLES + 1):
        row = net.Slice(products, starts=[0, index, 0], ends=[-1, index + 1, -1])
        row = net.Slice(row, starts=[0, 0, 0], ends=[-1, -1, index])
        rows.append(net.Squeeze(row, dims=[1]))
    y = net.Concat([x] + rows, 2, axis=1)[0]
    for index in range(2):
        y = net.Relu(layers.linear("top.{}".format(index), y))
    return layers.done({"probability": net.Sigmoid(layers.linear("top.2", y))})
