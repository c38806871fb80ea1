"""Runs in the TFLite worker: small models that TensorFlow's own converter writes as `.tflite`."""

import flatbuffers
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from interop.converters.tflite import guest
from tensorflow.compiler.tf2xla.ops import gen_xla_ops as xla

from interop.workers.tensors import read_tensors, write_tensors

nn = tf.nn
_RNG = np.random.default_rng(5)


def weights(*shape):
    return tf.constant(_RNG.standard_normal(shape).astype(np.float32) / 2)


IMAGE, ROWS, WHOLE = ("float32", (2, 9, 8, 4)), ("float32", (3, 4)), ("int32", (3, 4))
IDS, FLAGS = ("int32", (3,)), ("bool", (3, 4))

#: Name → (function, kinds of its arguments). Each is there for the operators that its name says.
CASES = {
    "ABS": (tf.abs, [ROWS]),
    "ADD": (lambda a, b: nn.relu6(a + b[:1]), [ROWS, ROWS]),
    "ADD_N": (lambda a, b: tf.add_n([a, b, a]), [ROWS, ROWS]),
    "ARG_MAX": (lambda a: tf.argmax(a, 1), [ROWS]),
    "ARG_MIN": (lambda a: tf.argmin(a, 0, output_type=tf.int32), [ROWS]),
    "AVERAGE_POOL_2D": (lambda x: nn.avg_pool2d(x, 3, 2, "SAME"), [IMAGE]),
    "BATCH_MATMUL": (lambda a, b: tf.matmul(a[None], b[None], transpose_b=True), [ROWS, ROWS]),
    "BATCH_TO_SPACE_ND": (lambda x: tf.batch_to_space(tf.tile(x, [2, 1, 1, 1]), [2, 2], [[1, 0], [0, 1]]), [IMAGE]),
    "BITWISE_XOR": (tf.bitwise.bitwise_xor, [WHOLE, WHOLE]),
    "BROADCAST_ARGS": (lambda a, b: tf.broadcast_dynamic_shape(tf.shape(a), tf.shape(b)[1:]), [ROWS, ROWS]),
    "BROADCAST_TO": (lambda x: tf.broadcast_to(x[:, None], [3, 2, 4]), [ROWS]),
    "CAST": (lambda x: tf.cast(x * 9, tf.int32), [ROWS]),
    "CEIL": (tf.math.ceil, [ROWS]),
    "CONCATENATION": (lambda x: tf.concat([nn.max_pool2d(x, 2, 1, "SAME"), x], 3), [IMAGE]),
    "CONV_2D": (lambda x: nn.relu(nn.conv2d(x, weights(3, 2, 4, 5), [2, 1], "SAME", dilations=[1, 1])), [IMAGE]),
    "CONV_2D dilated": (lambda x: nn.conv2d(x, weights(3, 3, 4, 5), 1, "SAME", dilations=[2, 2]), [IMAGE]),
    "CONV_2D grouped": (lambda x: nn.conv2d(x, weights(3, 3, 2, 6), 1, "VALID"), [IMAGE]),
    "CONV_3D": (lambda x: nn.conv3d(x[..., None], weights(3, 2, 2, 1, 2), [1, 2, 1, 1, 1], "SAME"), [IMAGE]),
    "COS": (tf.cos, [ROWS]),
    "CUMSUM": (lambda x: tf.cumsum(x, 1, exclusive=True, reverse=True), [ROWS]),
    "DEPTHWISE_CONV_2D": (lambda x: nn.depthwise_conv2d(x, weights(3, 3, 4, 2), [1, 2, 2, 1], "SAME"), [IMAGE]),
    "DEPTH_TO_SPACE": (lambda x: nn.depth_to_space(x, 2), [IMAGE]),
    "DIV": (lambda a, b: a / (tf.abs(b) + 1), [ROWS, ROWS]),
    "DYNAMIC_UPDATE_SLICE": (lambda a, i: xla.xla_dynamic_update_slice(a, a[:2, 1:3] * 3.0, i[:2]), [ROWS, IDS]),
    "ELU": (nn.elu, [ROWS]),
    "EQUAL": (lambda a: tf.equal(a, 1), [WHOLE]),
    "EXP": (tf.exp, [ROWS]),
    "EXPAND_DIMS": (lambda x: tf.expand_dims(x, -1) * 1.5, [ROWS]),
    "FILL": (lambda x: tf.fill(tf.shape(x), x[0, 0]), [ROWS]),
    "FLOOR": (tf.floor, [ROWS]),
    "FLOOR_DIV": (lambda a, b: tf.math.floordiv(a - 3, b + 2), [WHOLE, WHOLE]),
    "FLOOR_DIV real": (lambda a, b: tf.math.floordiv(a, tf.abs(b) + 0.1), [ROWS, ROWS]),
    "FLOOR_MOD": (lambda a, b: tf.math.floormod(a - 3, b + 2), [WHOLE, WHOLE]),
    "FLOOR_MOD real": (lambda a, b: tf.math.floormod(a, b), [ROWS, ROWS]),
    "FULLY_CONNECTED": (lambda x: nn.relu(tf.matmul(x, weights(4, 5)) + weights(5)), [ROWS]),
    "GATHER": (lambda x, i: tf.gather(x, i, axis=1), [ROWS, IDS]),
    "GATHER batched": (lambda x, i: tf.gather(x, i[:, None], axis=1, batch_dims=1), [ROWS, IDS]),
    "GATHER_ND": (lambda x, i: tf.gather_nd(x, tf.stack([i, i], 1)), [ROWS, IDS]),
    "GELU": (lambda x: nn.gelu(x, approximate=True), [ROWS]),
    "GREATER": (lambda a, b: a > b, [ROWS, ROWS]),
    "GREATER_EQUAL": (lambda a, b: a >= b, [WHOLE, WHOLE]),
    "HARD_SWISH": (lambda x: x * nn.relu6(x + 3.0) * (1.0 / 6.0), [ROWS]),
    "IF": (lambda x: tf.cond(x[0, 0] > 0, lambda: x * 2.0, lambda: tf.exp(x)), [ROWS]),
    "L2_NORMALIZATION": (lambda x: nn.l2_normalize(x, -1, epsilon=1e-12), [ROWS]),
    "LEAKY_RELU": (lambda x: nn.leaky_relu(x, 0.3), [ROWS]),
    "LESS": (lambda a, b: a < b, [ROWS, ROWS]),
    "LESS_EQUAL": (lambda a, b: a <= b, [WHOLE, WHOLE]),
    "LOCAL_RESPONSE_NORMALIZATION": (lambda x: nn.lrn(x, 1, 1.5, 0.3, 0.7), [IMAGE]),
    "LOG": (lambda x: tf.math.log(tf.abs(x) + 0.1), [ROWS]),
    "LOGICAL_AND": (tf.logical_and, [FLAGS, FLAGS]),
    "LOGICAL_NOT": (tf.logical_not, [FLAGS]),
    "LOGICAL_OR": (tf.logical_or, [FLAGS, FLAGS]),
    "LOGISTIC": (tf.sigmoid, [ROWS]),
    "LOG_SOFTMAX": (nn.log_softmax, [ROWS]),
    "MAXIMUM": (tf.maximum, [ROWS, ROWS]),
    "MAX_POOL_2D": (lambda x: nn.max_pool2d(x, [3, 2], [2, 1], "SAME"), [IMAGE]),
    "MEAN": (lambda x: tf.reduce_mean(nn.max_pool2d(x, 2, 1, "VALID"), [1, 2]), [IMAGE]),
    "MEAN of some": (lambda x: tf.reduce_mean(nn.max_pool2d(x, 2, 1, "VALID"), [1]), [IMAGE]),
    "MINIMUM": (tf.minimum, [WHOLE, WHOLE]),
    "MIRROR_PAD": (lambda x: tf.pad(x, [[0, 0], [2, 1], [1, 1], [0, 0]], "REFLECT"), [IMAGE]),
    "MIRROR_PAD symmetric": (lambda x: tf.pad(x, [[0, 0], [2, 1], [1, 3], [0, 0]], "SYMMETRIC"), [IMAGE]),
    "MUL": (lambda a, b: a * b, [ROWS, ROWS]),
    "NEG": (tf.negative, [ROWS]),
    "NOT_EQUAL": (tf.not_equal, [WHOLE, WHOLE]),
    "ONE_HOT": (lambda i: tf.one_hot(i - 1, 3, 2.0, -1.0), [IDS]),
    "PACK": (lambda a, b: tf.stack([a, b], 1), [ROWS, ROWS]),
    "PAD": (lambda x: tf.pad(nn.relu(nn.max_pool2d(x, 2, 1, "SAME")), [[0, 0], [1, 2], [0, 3], [2, 0]]), [IMAGE]),
    "PADV2": (lambda x: tf.pad(x, [[1, 2], [0, 3]], constant_values=7.0), [ROWS]),
    "POW": (lambda a, b: tf.pow(tf.abs(a) + 0.1, b), [ROWS, ROWS]),
    "PRELU": (lambda x: nn.relu(x) + -weights(1, 1, 4) * nn.relu(-x), [IMAGE]),
    "RANGE": (lambda i: tf.range(i[0], i[0] + 7, 2), [IDS]),
    "REDUCE_ALL": (lambda x: tf.reduce_all(x, 1), [FLAGS]),
    "REDUCE_ANY": (lambda x: tf.reduce_any(x, 0, keepdims=True), [FLAGS]),
    "REDUCE_MAX": (lambda x: tf.reduce_max(x, [-1, 1], keepdims=True), [IMAGE]),
    "REDUCE_MIN": (lambda x: tf.reduce_min(x, 2), [IMAGE]),
    "REDUCE_PROD": (lambda x: tf.reduce_prod(x, 1), [ROWS]),
    "RELU": (nn.relu, [ROWS]),
    "RELU_0_TO_1": (lambda x: tf.maximum(0.0, tf.minimum(x, 1.0)), [ROWS]),
    "RELU6": (lambda x: nn.relu6(tf.exp(x * 2)), [ROWS]),
    "RELU_N1_TO_1": (lambda x: tf.maximum(-1.0, tf.minimum(x, 1.0)), [ROWS]),
    "RESHAPE": (lambda x: tf.reshape(x, [2, -1, 8]) * 2.0, [IMAGE]),
    "RESIZE_BILINEAR": (lambda x: tf.image.resize(x, [13, 5]), [IMAGE]),
    "RESIZE_BILINEAR aligned": (lambda x: tf.compat.v1.image.resize_bilinear(x, [17, 3], align_corners=True), [IMAGE]),
    "RESIZE_BILINEAR old": (lambda x: tf.compat.v1.image.resize_bilinear(x, [13, 5]), [IMAGE]),
    "RESIZE_NEAREST_NEIGHBOR": (lambda x: tf.image.resize(x, [13, 5], "nearest"), [IMAGE]),
    "RESIZE_NEAREST_NEIGHBOR old": (lambda x: tf.compat.v1.image.resize_nearest_neighbor(x, [13, 5]), [IMAGE]),
    "RESIZE_NEAREST_NEIGHBOR aligned": (lambda x: tf.compat.v1.image.resize_nearest_neighbor(x, [13, 5], align_corners=True), [IMAGE]),
    "REVERSE_SEQUENCE": (lambda x, i: tf.reverse_sequence(x, i + 1, seq_axis=1, batch_axis=0), [ROWS, IDS]),
    "REVERSE_V2": (lambda x: tf.reverse(x, [2]), [IMAGE]),
    "ROUND": (lambda x: tf.round(x * 4) / 4, [ROWS]),
    "RSQRT": (lambda x: tf.math.rsqrt(tf.abs(x) + 0.1), [ROWS]),
    "SCATTER_ND": (lambda x, i: tf.scatter_nd(i[:, None], x, [5, 4]), [ROWS, IDS]),
    "SEGMENT_SUM": (lambda x: tf.math.segment_sum(x, tf.constant([0, 1, 1])), [ROWS]),
    "SELECT": (lambda f, a, b: tf.compat.v1.where(f[:, 0], a, b), [FLAGS, ROWS, ROWS]),
    "SELECT_V2": (lambda f, a, b: tf.where(f, a, b[:1]), [FLAGS, ROWS, ROWS]),
    "SHAPE": (lambda x: tf.cast(tf.shape(x)[0], tf.float32) * x, [ROWS]),
    "SIGN": (tf.sign, [ROWS]),
    "SIN": (tf.sin, [ROWS]),
    "SLICE": (lambda x: tf.slice(nn.max_pool2d(x, 2, 1, "SAME"), [0, 2, 1, 1], [-1, 4, -1, 2]), [IMAGE]),
    "SOFTMAX": (lambda x: nn.softmax(x * 3), [ROWS]),
    "SPACE_TO_BATCH_ND": (lambda x: tf.space_to_batch(x, [2, 2], [[0, 1], [1, 1]]), [IMAGE]),
    "SPACE_TO_DEPTH": (lambda x: nn.space_to_depth(x[:, :8], 2), [IMAGE]),
    "SPARSE_TO_DENSE": (lambda i, x: tf.compat.v1.sparse_to_dense(i[:1], [4], x[0, :1], -1.0), [IDS, ROWS]),
    "SPLIT": (lambda x: [p + 1.0 for p in tf.split(x, 2, 3)], [IMAGE]),
    "SPLIT_V": (lambda x: [p + 1.0 for p in tf.split(x, [1, 3], 1)], [ROWS]),
    "SQRT": (lambda x: tf.sqrt(tf.abs(x)), [ROWS]),
    "SQUARE": (tf.square, [ROWS]),
    "SQUARED_DIFFERENCE": (tf.math.squared_difference, [ROWS, ROWS]),
    "SQUEEZE": (tf.squeeze, [("float32", (3, 1, 4))]),
    "STRIDED_SLICE": (lambda x: x[:, 1:-1:2, ::-1, 1:] * 2.0, [IMAGE]),
    "STRIDED_SLICE of all kinds": (lambda x: x[0, ..., None, -1] + x[1, :, tf.newaxis, :, 2][..., None][..., 0], [IMAGE]),
    "STRIDED_SLICE computed": (lambda x, i: x[i[0] : i[0] + 2, i[0]], [ROWS, IDS]),
    "SUB": (lambda a, b: a - b, [ROWS, ROWS]),
    "SUM": (lambda x: tf.reduce_sum(x, [1, 2]), [IMAGE]),
    "TANH": (tf.tanh, [ROWS]),
    "TILE": (lambda x: tf.tile(x, [2, 3]), [ROWS]),
    "TOPK_V2": (lambda x: tuple(nn.top_k(x, 2)), [ROWS]),
    "TRANSPOSE": (lambda x: tf.transpose(x, [2, 0, 3, 1]), [IMAGE]),
    "TRANSPOSE to ONNX's order": (lambda x: tf.transpose(x, [0, 3, 1, 2]) * 2.0, [IMAGE]),
    "TRANSPOSE_CONV": (lambda x: nn.conv2d_transpose(x, weights(3, 3, 5, 4), [2, 18, 16, 5], 2, "SAME"), [IMAGE]),
    "TRANSPOSE_CONV wide": (lambda x: nn.conv2d_transpose(x, weights(2, 3, 5, 4), [2, 18, 17, 5], 2, "VALID"), [IMAGE]),
    "UNIQUE": (lambda x: tuple(tf.unique(tf.round(tf.reshape(x, [-1])))), [ROWS]),
    "UNPACK": (lambda x: [p * 2.0 for p in tf.unstack(x, axis=1)], [ROWS]),
    "UNSORTED_SEGMENT_SUM": (lambda x, i: tf.math.unsorted_segment_sum(x, i, 4), [ROWS, IDS]),
    "WHERE": (tf.where, [FLAGS]),
    "WHILE": (lambda x: tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) + x), [0, x])[1], [ROWS]),
    "WHILE that asks": (lambda x: tf.while_loop(lambda y: tf.reduce_sum(y) < 9, lambda y: (y * y + 1,), [x])[0], [ROWS]),
    "ZEROS_LIKE": (tf.zeros_like, [ROWS]),
}  # fmt: skip


#: Whose first sizes are open; else the converter works out what these operators give.
OPEN = ("BROADCAST_ARGS", "EXPAND_DIMS", "FILL", "SHAPE", "SQUEEZE", "ZEROS_LIKE")


def write_cases(folder):
    """Write every case that the converter takes to folder/<name>.tflite.

    Returns name → the operators of its file, or a message where there is none.
    """
    found = {}
    for name, (function, kinds) in CASES.items():
        path = f"{folder}/{name}.tflite"
        try:
            shapes = [(None, *s[1:]) if name in OPEN else s for _, s in kinds]
            _write(path, function, [(k, s) for (k, _), s in zip(kinds, shapes, strict=True)])
            found[name] = guest._operators(path)
        except Exception as error:  # noqa: BLE001 - told to the test, which knows none of them
            found[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return {"found": found}


def arguments(name):
    """Arrays for a case, by the names of its inputs."""
    rng = np.random.default_rng(1)
    arrays = {}
    kinds = BY_HAND[name][0] if name in BY_HAND else CASES[name][1]
    for number, (dtype, shape) in enumerate(kinds):
        drawn = rng.standard_normal(shape) if dtype == "float32" else rng.integers(0, 3, shape)
        arrays[f"x{number}"] = (drawn > 0 if dtype == "bool" else drawn).astype(dtype)
    return arrays


def write_arguments(name, folder):
    write_tensors(folder, arguments(name))
    return {}


def _write(path, function, kinds):
    specs = [tf.TensorSpec(shape, dtype, name=f"x{i}") for i, (dtype, shape) in enumerate(kinds)]
    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    _convert([traced], tf.Module(), path)


def _convert(functions, module, path, **options):
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    for name, value in options.items():
        setattr(converter, name, value)
    with open(path, "wb") as file:
        file.write(converter.convert())


class Network(tf.Module):
    """Of windows, sums, a mean and a product, for quantizing; its batch is open."""

    def __init__(self):
        rng = np.random.default_rng(7)
        shapes = ((3, 3, 3, 8), (3, 3, 8, 1), (1, 1, 8, 16), (16, 5))
        self.held = [tf.Variable(rng.standard_normal(s).astype(np.float32) / 2) for s in shapes]

    @tf.function(input_signature=[tf.TensorSpec([None, 12, 12, 3], name="x")])
    def whole(self, x):
        first, deep, wide, matrix = self.held
        x = nn.relu(nn.conv2d(x, first, 2, "SAME"))
        y = nn.relu6(nn.depthwise_conv2d(x, deep, [1, 1, 1, 1], "SAME") + x)
        y = nn.avg_pool2d(tf.concat([y, x], 3)[..., :8], 2, 2, "VALID")
        y = tf.reduce_mean(nn.conv2d(y, wide, 1, "VALID"), [1, 2])
        return {"y": nn.softmax(tf.matmul(y, matrix))}

    @tf.function(input_signature=[tf.TensorSpec([None, 12, 12, 3], name="x")])
    def part(self, x):
        return {"z": tf.reduce_max(nn.conv2d(x, self.held[0], 1, "SAME"), [1, 2])}


def write_network(path, kind):
    """kind: "float16", "dynamic" (weights of 8 bits), "int8" (all), "signatures" (two of them)."""
    network = Network()
    module_path = path + ".saved"
    signatures = {"whole": network.whole, "part": network.part}
    chosen = ["whole", "part"] if kind == "signatures" else ["whole"]
    tf.saved_model.save(network, module_path, signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(module_path, signature_keys=chosen)
    if kind != "signatures":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        rng = np.random.default_rng(2)
        shape = (2, 12, 12, 3)
        converter.representative_dataset = lambda: (
            {"x": rng.standard_normal(shape).astype(np.float32)} for _ in range(8)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with open(path, "wb") as file:
        file.write(converter.convert())
    return {"operators": guest._operators(path)}


#: Operators that TensorFlow's converter does not write of itself. Name → (kinds of the inputs that are
#: data, constants and variable states behind them, kind of the result, options).
BY_HAND = {
    "EMBEDDING_LOOKUP": ([IDS], [weights(5, 4)], ("float32", (3, 4)), {}),
    "FAKE_QUANT": ([ROWS], [], ROWS, {"min": -1.0, "max": 1.5, "numBits": 4}),
    "L2_POOL_2D": (
        [IMAGE], [], ("float32", (2, 5, 4, 4)),
        {"padding": 0, "strideW": 2, "strideH": 2, "filterWidth": 3, "filterHeight": 2},
    ),
    "RANK": ([IMAGE], [], ("int32", ()), {}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        [("float32", (2, 7, 3))],
        [*(weights(6, 3) for _ in range(4)), *(weights(6, 6) for _ in range(4)), *[None] * 3,
         *(weights(6) for _ in range(4)), *[None] * 2, (2, 6), (2, 6), *[None] * 4],
        ("float32", (2, 7, 6)), {"fusedActivationFunction": 4},
    ),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (
        [("float32", (2, 7, 3))], [weights(6, 3), weights(6, 6), weights(6), (2, 6)],
        ("float32", (2, 7, 6)), {"fusedActivationFunction": 1},
    ),
}  # fmt: skip


def write_by_hand(folder):
    """Write a file of one operator for each of BY_HAND; returns name → the operators of its file."""
    for name, spec in BY_HAND.items():
        _save(_single(name, *spec), f"{folder}/{name}.tflite")
    return {"found": {name: guest._operators(f"{folder}/{name}.tflite") for name in BY_HAND}}


def _single(name, kinds, others, result, options):
    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []

    def tensor(name, dtype, shape, value=None, state=False):
        made = schema.TensorT()
        made.name, made.shape = name, np.array(shape, np.int32)
        made.type = getattr(schema.TensorType, dtype.upper())
        made.hasRank, made.isVariable = True, state
        if value is not None:
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(value.numpy().tobytes(), np.uint8)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    given = [tensor(f"x{i}", *kind) for i, kind in enumerate(kinds)]
    behind = []
    for i, other in enumerate(others):
        if isinstance(other, tuple):
            behind.append(tensor(f"state{i}", "float32", other, state=True))
        else:
            behind.append(-1 if other is None else tensor(f"w{i}", "float32", other.shape, other))
    made = tensor("y", *result)
    operator.inputs = np.array([*given, *behind], np.int32)
    operator.outputs = np.array([made], np.int32)
    kind = _OPTIONS.get(name)
    if kind is not None:
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = getattr(schema, f"{kind}T")()
        vars(operator.builtinOptions).update(options)
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, name)
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    graph.inputs, graph.outputs = np.array(given, np.int32), np.array([made], np.int32)
    model.operatorCodes, graph.operators, model.subgraphs = [code], [operator], [graph]
    return model


_OPTIONS = {
    "FAKE_QUANT": "FakeQuantOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "RANK": "RankOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}


def _save(model, path):
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    with open(path, "wb") as file:
        file.write(bytes(builder.Output()))


def write_counter(path):
    """It remembers the sum of what it was given, in a variable that starts at 5."""

    class Counter(tf.Module):
        def __init__(self):
            self.total = tf.Variable(tf.fill([4], 5.0), name="total")

        @tf.function(input_signature=[tf.TensorSpec([4], name="x")])
        def call(self, x):
            self.total.assign(self.total.read_value() + x)
            return {"y": self.total.read_value() * 2.0}

    counter = Counter()
    tf.saved_model.save(counter, path + ".saved", signatures={"serving_default": counter.call})
    converter = tf.lite.TFLiteConverter.from_saved_model(path + ".saved")
    converter.experimental_enable_resource_variables = True
    with open(path, "wb") as file:
        file.write(converter.convert())
    return {"operators": guest._operators(path)}


def rename_operators(path, names):
    """Make operators of the file into custom ones. names: builtin number → name."""
    with open(path, "rb") as file:
        model = schema.ModelT.InitFromPackedBuf(file.read(), 0)
    for code in model.operatorCodes:
        number = str(max(code.builtinCode, code.deprecatedBuiltinCode))
        if number in names:
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
            code.customCode = names[number].encode()
    _save(model, path)
    return {}


def run_as_it_is(path, inputs, outputs):
    """The file in its own interpreter, called once for each folder of `inputs`, without a reset."""
    runner = Interpreter(model_path=path).get_signature_runner()
    for source, target in zip(inputs, outputs, strict=True):
        feeds = {name: np.asarray(array) for name, array in read_tensors(source).items()}
        write_tensors(target, runner(**feeds))
    return {}


OPERATIONS = {
    **guest.OPERATIONS,
    "rename_operators": rename_operators,
    "run_as_it_is": run_as_it_is,
    "write_arguments": write_arguments,
    "write_by_hand": write_by_hand,
    "write_cases": write_cases,
    "write_counter": write_counter,
    "write_network": write_network,
}
