"""Operators for the float64 evaluation: those that ONNX's own reference evaluates slowly (Python
loops), in float32 inside, or not to the letter of the specification. The rest it does well.

To add one: a class named as the operator, an `OpRun` with `_run`, and a row here.
"""

from __future__ import annotations

from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.control import Loop, Scan
from interop.parity.truth.operators.convolution import Conv, ConvTranspose
from interop.parity.truth.operators.elementwise import Erf, Gelu, HardSwish, Mish, Sigmoid, Softplus
from interop.parity.truth.operators.normalization import (
    LRN,
    BatchNormalization,
    GroupNormalization,
    MeanVarianceNormalization,
)
from interop.parity.truth.operators.pooling import (
    AveragePool,
    GlobalLpPool,
    GlobalMaxPool,
    LpPool,
    MaxPool,
)
from interop.parity.truth.operators.recurrent import GRU, LSTM, RNN
from interop.parity.truth.operators.sampling import AffineGrid, GridSample

OPERATORS: tuple[type[OpRun], ...] = (
    AffineGrid,
    AveragePool,
    BatchNormalization,
    Conv,
    ConvTranspose,
    Erf,
    GRU,
    Gelu,
    GlobalLpPool,
    GlobalMaxPool,
    GridSample,
    GroupNormalization,
    HardSwish,
    LRN,
    LSTM,
    Loop,
    LpPool,
    MaxPool,
    MeanVarianceNormalization,
    Mish,
    RNN,
    Scan,
    Sigmoid,
    Softplus,
)
