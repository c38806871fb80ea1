"""An ONNX file parsed into a network, and built into an engine on disk.

`trt` is the package: tensorrt or tensorrt_rtx. Networks are strongly typed: what is computed in is
what the model says, and a model in float16 comes as such. TF32 alone is a flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interop.errors import InteropError, InvalidModel, UnsupportedOperator, UsageError

#: Of the parser's codes: nodes of a sound model that it has nothing for.
_REFUSALS = ("UNSUPPORTED_", "INVALID_NODE")

#: The lowest, most usual and highest sizes of each input, or, where the network takes sizes from it,
#: the values: {"shapes": [...], "values": [...]}.
Profile = Mapping[str, Mapping[str, list[list[int]]]]


def make_log(trt: Any) -> Any:
    """A logger that prints what it is told, and keeps errors in `errors`."""

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if int(severity) <= int(trt.ILogger.Severity.WARNING):  # the graver, the lower
                print(f"{severity.name} {message}")
            if int(severity) <= int(trt.ILogger.Severity.ERROR):
                self.errors.append(message.strip())

    return Log()


def build_engine(
    trt: Any, title: str, log: Any, model: str, path: str, precision: str, profile: Profile
) -> dict[str, Any]:
    """Parse the .onnx file `model`, build an engine for the sizes of `profile`, and write it to `path`.

    precision: "tf32" lets float32 products round their operands to TF32; any other leaves the types
    as the model has them. Returns how many layers the network has, and the engine's bytes.

    Raises InvalidModel where the file cannot be read; UnsupportedOperator naming every node that the
    parser refuses, or where no engine comes of a network that it took; UsageError where `profile`
    lacks an input whose sizes are open.
    """
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)  # it holds the weights until the engine is there
    if not parser.parse_from_file(model):
        raise _refusal(
            title, Path(model).name, [parser.get_error(i) for i in range(parser.num_errors)]
        )
    config = builder.create_builder_config()
    change = config.set_flag if precision == "tf32" else config.clear_flag
    change(trt.BuilderFlag.TF32)
    _set_profile(builder, config, network, profile)
    layers = network.num_layers  # building may take the network apart
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise UnsupportedOperator(
            f"{title} parses {Path(model).name}, but builds no engine of it",
            hint="Its detail is the builder's own; `onnxruntime:cuda` may take the model.",
            detail="\n".join(log.errors),
        )
    Path(path).write_bytes(memoryview(engine))
    return {"layers": layers, "bytes": engine.nbytes}


def _refusal(title: str, model: str, errors: list[Any]) -> InteropError:
    told = [error for error in errors if error.code().name.startswith(_REFUSALS)]
    detail = "\n".join(map(_said, errors))
    if not told:
        return InvalidModel(
            f"{title} cannot parse {model}", hint="Check it with onnx.checker.", detail=detail
        )
    nodes = ", ".join(f"{error.node_name()!r} ({error.node_operator()})" for error in told)
    return UnsupportedOperator(
        f"{title} refuses {len(told)} node{'s' if len(told) > 1 else ''} of {model}: {nodes}",
        hint="Write that part with other operators, or run the model on onnxruntime:cuda.",
        detail=detail,
    )


def _said(error: Any) -> str:
    """The parser's own words. "false" is the condition of one whose check always fails."""
    words = " ".join(line.strip() for line in error.desc().splitlines() if line.strip())
    why = "" if words == "false" else f": {words}"
    return f"{error.node_name()!r} ({error.node_operator()}): {error.code().name} in {error.func()}{why}"


def _set_profile(builder: Any, config: Any, network: Any, profile: Profile) -> None:
    made = builder.create_optimization_profile()
    needed = False
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        if -1 not in tuple(tensor.shape) and not tensor.is_shape_tensor:
            continue
        needed = True
        if tensor.name not in profile:
            raise UsageError(
                f"an engine needs to know which sizes input {tensor.name!r} comes in",
                hint="Give inputs with it: sizes are taken from them.",
            )
        if tensor.is_shape_tensor:
            made.set_shape_input(tensor.name, *profile[tensor.name]["values"])
        else:
            made.set_shape(tensor.name, *profile[tensor.name]["shapes"])
    if needed:
        config.add_optimization_profile(made)
