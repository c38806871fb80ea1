"""The layers that are written as ONNX: type → converter(graph, layer, *bottoms)."""

from collections.abc import Mapping

from interop.converters.caffe.exports import (
    arrangement,
    detection,
    normalizing,
    recurrent,
    ssd,
    windows,
)
from interop.converters.caffe.exports import elementwise as each
from interop.converters.caffe.exports.common import Export, same

EXPORTS: Mapping[str, Export] = {
    "AbsVal": each.each("Abs"),
    "ArgMax": normalizing.arg_max,
    "BNLL": each.each("Softplus"),
    "BatchNorm": normalizing.batch_norm,
    "BatchReindex": arrangement.batch_reindex,
    "Bias": each.bias,
    "Concat": arrangement.concat,
    "Convolution": windows.convolution,
    "Crop": arrangement.crop,
    "Deconvolution": windows.deconvolution,
    "DetectionOutput": detection.detection_output,
    "Dropout": same,
    "DummyData": each.dummy_data,
    "ELU": each.elu,
    "Eltwise": each.eltwise,
    "Embed": each.embed,
    "Exp": each.exp,
    "Flatten": arrangement.reshape,
    "Im2col": windows.im2col,
    "InnerProduct": normalizing.inner_product,
    "LRN": normalizing.lrn,
    "LSTM": recurrent.lstm,
    "Log": each.log,
    "MVN": normalizing.mvn,
    "Normalize": ssd.normalize,
    "PReLU": each.prelu,
    "Parameter": each.parameter,
    "Permute": arrangement.permute,
    "Pooling": windows.pooling,
    "Power": each.power,
    "PriorBox": ssd.prior_box,
    "RNN": recurrent.rnn,
    "ReLU": each.relu,
    "Reduction": normalizing.reduction,
    "Reshape": arrangement.reshape,
    "SPP": windows.spp,
    "Scale": each.scale,
    "Sigmoid": each.each("Sigmoid"),
    "Silence": arrangement.silence,
    "Slice": arrangement.slice_,
    "Softmax": normalizing.softmax,
    "Split": same,
    "Swish": each.swish,
    "TanH": each.each("Tanh"),
    "Threshold": each.threshold,
    "Tile": arrangement.tile,
}

#: Why others cannot be, where more can be said than that nobody wrote it.
WHY: Mapping[str, str] = {
    "Python": "it runs code of its own, which is neither executed nor translated",
    **dict.fromkeys(
        ["Data", "HDF5Data", "ImageData", "MemoryData", "WindowData"],
        "it reads data by itself; a network to be used (deploy.prototxt) has an Input layer instead",
    ),
    **dict.fromkeys(
        [
            "Accuracy", "ContrastiveLoss", "CtcLoss", "EuclideanLoss", "HDF5Output", "HingeLoss",
            "InfogainLoss", "LabelsequenceAccuracy", "MultinomialLogisticLoss",
            "SigmoidCrossEntropyLoss", "SoftmaxWithLoss",
        ],
        "it is for training; a network to be used (deploy.prototxt) ends before it",
    ),
}  # fmt: skip
