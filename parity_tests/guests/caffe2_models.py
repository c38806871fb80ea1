"""Runs in the Caffe2 worker: small nets of Caffe2's own operators."""

import os

import numpy as np
from caffe2.python import brew, core, model_helper
from interop.converters.caffe2 import guest

F = "float32"


class Nets:
    """Two nets being written; weights are drawn."""

    def __init__(self, *inputs):
        self.init, self.net = core.Net("init"), core.Net("predict")
        self.net.AddExternalInput(*inputs)
        self._count = 0

    def drawn(self, *shape):
        self._count += 1
        values = np.random.RandomState(self._count).standard_normal(shape).astype(F)
        name = "w{}".format(self._count)
        self.init.GivenTensorFill([], name, shape=shape, values=values.reshape(-1).tolist())
        self.net.AddExternalInput(name)
        return name

    def done(self, **results):
        for name, blob in results.items():
            self.net.AddExternalOutput(self.net.Copy([blob], name))
        return self.init, self.net


def windows():
    """Convolutions and pools in all the ways in which their arguments are written; by channel."""
    n = Nets("x")
    net = n.net
    y = net.Conv(
        ["x", n.drawn(6, 4, 3, 2), n.drawn(6)],
        kernel_h=3,
        kernel_w=2,
        stride_h=1,
        stride_w=2,
        pad_t=1,
        pad_l=0,
        pad_b=0,
        pad_r=1,
    )
    y = net.Conv(
        [y, n.drawn(6, 2, 3, 3)], kernels=[3, 3], pads=[2, 1, 2, 1], dilations=[2, 1], group=3
    )
    y = net.ConvTranspose([y, n.drawn(6, 4, 3, 3), n.drawn(4)], kernel=3, stride=2, pad=1, adj=1)
    z = net.AveragePool("x", kernel=3, stride=2, pad=1)
    inside = net.AveragePool(
        "x", kernels=[2, 3], strides=[1, 1], pads=[1, 1, 0, 1], count_include_pad=1
    )
    w = net.MaxPool(net.PadImage("x", pads=[1, 2, 0, 1], mode="reflect"), kernel=3, stride=2)
    v = net.LRN("x", 2, size=3, alpha=0.1, beta=0.75, bias=2.0)[0]
    u = net.InstanceNorm(["x", n.drawn(4), n.drawn(4)], epsilon=1e-3)
    t = net.PRelu([net.ResizeNearest("x", height_scale=2.0, width_scale=3.0), n.drawn(4)])
    s = net.ChannelShuffle("x", kernel=1, group=2)
    whole = net.Add([net.AveragePool("x", global_pooling=1), net.MaxPool("x", global_pooling=1)])
    return n.done(y=y, z=z, inside=inside, w=w, v=v, u=u, t=t, s=s, whole=whole)


def arranged():
    """Parts of blobs and their order; blobs that are written again."""
    n = Nets("x", "i")
    net = n.net
    y = net.Transpose("x", axes=[0, 2, 1])
    net.Relu([y], [y])
    parts = net.Split("x", 2, axis=2)
    joined = net.Concat([parts[1], parts[0]], 2, axis=1)[0]
    cut = net.Slice("x", starts=[0, 1, 0], ends=[-1, -2, -1])
    stacked = net.Concat([cut, cut], 2, axis=1, add_axis=1)[0]
    flat = net.Flatten(net.Reshape("x", 2, shape=[0, -1, 2])[0], axis=2)
    picked = net.Gather(["x", "i"], axis=1)
    tiled = net.Tile(net.Squeeze(net.ExpandDims("x", dims=[1]), dims=[1]), tiles=2, axis=1)
    top = net.TopK("x", 2, k=2)[0]
    filled = net.Add(["x", net.ConstantFill("x", value=2.0)])
    return n.done(
        y=y,
        joined=joined,
        stacked=stacked,
        flat=flat,
        picked=picked,
        tiled=tiled,
        top=top,
        filled=filled,
    )


def computed():
    """Products, reductions, softmax over several axes, broadcasting of old and of now."""
    n = Nets("x", "i")
    net = n.net
    layer = net.FC(["x", n.drawn(3, 6), n.drawn(3)], axis=2)
    wide = net.FCTransposed(["x", n.drawn(24, 3), n.drawn(3)])
    product = net.BatchMatMul(["x", "x"], trans_b=1)
    old = net.Add(["x", n.drawn(4)], broadcast=1, axis=1)
    now = net.Div(["x", n.drawn(4, 1)])
    soft = net.Add([net.Softmax("x", axis=1), net.Softmax("x", axis=2)])
    normal = net.LayerNorm(
        ["x", n.drawn(6), n.drawn(6)], 3, axis=2, epsilon=1e-3, elementwise_affine=True
    )[0]
    sums = net.Concat(
        [net.ReduceMean("x", axes=[1], keepdims=0), net.ReduceL2("x", axes=[1], keepdims=0)],
        2,
        axis=1,
    )[0]
    curves = net.Sum(
        [
            net.Swish("x"),
            net.Softplus("x"),
            net.Clip("x", min=-0.5),
            net.Selu("x"),
            net.Elu("x", alpha=0.5),
            net.LeakyRelu("x", alpha=0.2),
        ]
    )
    compared = net.And([net.GT(["x", now]), net.NE(["x", old])])
    chosen = net.Where([compared, "x", net.Cast(net.Cast("x", to=10), to=1)])
    where = net.ArgMax("x", axis=1, keepdims=0)
    given = net.Add([where, net.GivenTensorInt64Fill([], 1, shape=[6], values=list(range(6)))])
    return n.done(
        given=given,
        layer=layer,
        wide=wide,
        product=product,
        old=old,
        now=now,
        soft=soft,
        normal=normal,
        sums=sums,
        curves=curves,
        chosen=chosen,
        where=where,
    )


def helper():
    """A ModelHelper, as Caffe2's own tutorials have it."""
    model = model_helper.ModelHelper(name="helper")
    h = brew.fc(model, brew.relu(model, brew.fc(model, "x", "a", 6, 5), "b"), "c", 5, 3)
    brew.softmax(model, h, "y")
    return model


def boxes():
    """What has no ONNX form here."""
    n = Nets("x", "rois")
    return n.done(y=n.net.RoIAlign(["x", "rois"], pooled_h=2, pooled_w=2))


def number():
    return 3


def save(name, folder):
    """The nets' files."""
    os.makedirs(folder, exist_ok=True)
    for net, file in zip(globals()[name](), ("init_net.pb", "predict_net.pb")):
        with open(os.path.join(folder, file), "wb") as opened:
            opened.write(net.Proto().SerializeToString())
    return {}


OPERATIONS = dict(guest.OPERATIONS, save=save)
