"""Faults of normalisations: epsilon, statistics, scale."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Array, Graph
from scorecard.mutators.mutator import Mutator, always

BATCH = ("BatchNormalization",)
ALL = (
    "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
    "RMSNormalization", "SkipLayerNormalization",
)  # fmt: skip

MEAN, VARIANCE, SCALE = 3, 4, 1  # inputs of BatchNormalization


def _epsilon(graph: Graph, node: NodeProto) -> float:
    return float(graph.attribute(node, "epsilon", 1e-5))


def keras_epsilon(graph: Graph, node: NodeProto) -> None:
    graph.set(node, epsilon=1e-3 if _epsilon(graph, node) < 5e-4 else 1e-5)


def smaller_epsilon(graph: Graph, node: NodeProto) -> None:
    graph.set(node, epsilon=_epsilon(graph, node) * 0.1)


def constant_statistics(graph: Graph, node: NodeProto) -> bool:
    return all(graph.weights(node, i) is not None for i in (SCALE, MEAN, VARIANCE))


def _statistics(graph: Graph, node: NodeProto) -> tuple[Array, Array]:
    mean, variance = graph.value(node, MEAN), graph.value(node, VARIANCE)
    assert mean is not None
    assert variance is not None
    return mean.astype(np.float64), variance.astype(np.float64)


def epsilon_outside_the_root(graph: Graph, node: NodeProto) -> None:
    _, variance = _statistics(graph, node)
    epsilon = _epsilon(graph, node)
    scale = graph.value(node, SCALE) * np.sqrt(variance + epsilon) / (np.sqrt(variance) + epsilon)
    graph.put(node, SCALE, scale)


def exchange_mean_and_variance(graph: Graph, node: NodeProto) -> None:
    mean, variance = _statistics(graph, node)
    graph.put(node, MEAN, variance)
    graph.put(node, VARIANCE, np.abs(mean))


def momentum_exchanged(graph: Graph, node: NodeProto) -> None:
    """The statistics of a layer that still holds a tenth of what it began with (0 and 1)."""
    mean, variance = _statistics(graph, node)
    graph.put(node, MEAN, 0.9 * mean)
    graph.put(node, VARIANCE, 0.9 * variance + 0.1)


def deviation_for_variance(graph: Graph, node: NodeProto) -> None:
    graph.put(node, VARIANCE, np.sqrt(_statistics(graph, node)[1]))


def unbiased_variance(graph: Graph, node: NodeProto) -> None:
    """n / (n - 1) of it, for a batch of 32 images of 32 by 32."""
    size = 32**3
    graph.put(node, VARIANCE, _statistics(graph, node)[1] * size / (size - 1))


def fix_gamma(graph: Graph, node: NodeProto) -> None:
    graph.put(node, SCALE, np.ones_like(graph.value(node, SCALE)))


TABLE = (
    Mutator(
        "epsilon of another framework", "1e-3 for 1e-5, the default elsewhere",
        "qqwweee/keras-yolo3#451", ALL, always, keras_epsilon,
    ),
    Mutator(
        "epsilon a tenth", "1e-6 for 1e-5",
        "huggingface/transformers#532", ALL, always, smaller_epsilon,
    ),
    Mutator(
        "epsilon outside the root", "added to the deviation, not to the variance",
        "torch/nn#609", BATCH, constant_statistics, epsilon_outside_the_root,
    ),
    Mutator(
        "mean and variance exchanged", "the two statistics are read in the other order",
        "", BATCH, constant_statistics, exchange_mean_and_variance,
    ),
    Mutator(
        "momentum exchanged", "statistics gathered with 1 - momentum",
        "NVIDIA-AI-IOT/torch2trt#243", BATCH, constant_statistics, momentum_exchanged,
    ),
    Mutator(
        "deviation for variance", "what is stored is taken for its square root",
        "apache/mxnet#9216", BATCH, constant_statistics, deviation_for_variance,
    ),
    Mutator(
        "unbiased variance", "n - 1 for n",
        "pytorch/pytorch#19916", BATCH, constant_statistics, unbiased_variance,
    ),
    Mutator(
        "scale of one", "gamma is taken to be fixed",
        "apache/mxnet#9624", BATCH, constant_statistics, fix_gamma,
    ),
)  # fmt: skip
