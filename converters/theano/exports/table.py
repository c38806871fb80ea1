"""The operators of Theano that are written as ONNX: class → converter. Python 3.6."""

from interop.converters.theano.exports import arrangement, indexing, loops, reduction, windows
from interop.converters.theano.exports import elementwise as each
from theano import ifelse, scalar
from theano.compile import ops
from theano.scan_module import scan_op
from theano.tensor import basic, blas, elemwise, extra_ops, opt, subtensor
from theano.tensor.nnet import abstract_conv, bn, corr, corr3d, nnet
from theano.tensor.signal import pool
from theano.tensor.sort import ArgSortOp, SortOp
from theano.tensor.type_other import MakeSlice

EXPORTS = {
    ArgSortOp: reduction.arg_sort,
    MakeSlice: indexing.make_slice,
    SortOp: reduction.sort,
    abstract_conv.AbstractConv: windows.conv,
    abstract_conv.AbstractConv_gradInputs: windows.conv_grad_inputs,
    basic.ARange: arrangement.arange,
    basic.Alloc: arrangement.alloc,
    basic.AllocEmpty: arrangement.alloc_empty,
    basic.Argmax: reduction.argmax,
    basic.Dot: reduction.dot,
    basic.Eye: arrangement.eye,
    basic.Flatten: arrangement.flatten,
    basic.Join: arrangement.join,
    basic.MaxAndArgmax: reduction.max_and_argmax,
    basic.Mean: reduction.mean,
    basic.Nonzero: reduction.non_zero,
    basic.Reshape: arrangement.reshape,
    basic.ScalarFromTensor: arrangement.same,
    basic.Split: arrangement.split,
    basic.TensorFromScalar: arrangement.same,
    basic.Tile: arrangement.tile,
    basic.Tri: arrangement.tri,
    blas.BatchedDot: reduction.batched_dot,
    blas.Dot22: reduction.dot,
    blas.Dot22Scalar: reduction.dot22_scalar,
    blas.Gemm: reduction.gemm,
    blas.Gemv: reduction.gemv,
    blas.Ger: reduction.ger,
    bn.AbstractBatchNormInference: windows.batch_norm_inference,
    corr.CorrMM: windows.conv,
    corr.CorrMM_gradInputs: windows.conv_grad_inputs,
    corr3d.Corr3dMM: windows.conv,
    elemwise.CAReduce: reduction.reduction,
    elemwise.DimShuffle: arrangement.dim_shuffle,
    elemwise.Elemwise: each.elemwise,
    extra_ops.CpuContiguous: arrangement.same,
    extra_ops.CumOp: reduction.cumulative,
    extra_ops.RepeatOp: arrangement.repeat,
    ifelse.IfElse: arrangement.if_else,
    nnet.LogSoftmax: reduction.log_softmax,
    nnet.Softmax: reduction.softmax,
    nnet.SoftmaxWithBias: reduction.softmax_with_bias,
    ops.DeepCopyOp: arrangement.same,
    ops.Rebroadcast: arrangement.same,
    ops.Shape: arrangement.shape,
    ops.Shape_i: arrangement.shape_i,
    ops.SpecifyShape: arrangement.same,
    ops.ViewOp: arrangement.same,
    opt.Assert: arrangement.same,
    opt.MakeVector: arrangement.make_vector,
    pool.Pool: windows.pool,
    scalar.ScalarOp: each.scalar_node,
    scan_op.Scan: loops.scan,
    subtensor.AdvancedIncSubtensor: indexing.advanced_inc_subtensor,
    subtensor.AdvancedIncSubtensor1: indexing.advanced_inc_subtensor1,
    subtensor.AdvancedSubtensor: indexing.advanced_subtensor,
    subtensor.AdvancedSubtensor1: indexing.advanced_subtensor1,
    subtensor.IncSubtensor: indexing.inc_subtensor,
    subtensor.Subtensor: indexing.subtensor,
}
