"""SavedModel → ONNX, through tf2onnx, whose word is not taken for it: what it wrote is checked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx

from interop.workers.failures import GuestFailure

#: The newest opset that tf2onnx 1.17 writes; the canonical form raises it afterwards.
_OPSET = 18
_SIGNATURE = "serving_default"


def saved_model_in(reference: str) -> Path:
    """The SavedModel's folder: `reference` itself, or the `saved_model` inside a folder of ours."""
    folder = Path(reference)
    for candidate in (folder, folder / "saved_model"):
        if (candidate / "saved_model.pb").is_file():
            return candidate
    raise GuestFailure(
        "InvalidModel",
        f"{reference} holds no SavedModel",
        hint="Name a folder with a saved_model.pb in it, as tf.saved_model.save writes.",
    )


def export(saved_model: Path, path: Path, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Write `path`, with the signature's own names; says how many nodes it took.

    In a process of its own, as tf2onnx's loader turns eager execution off in the one it runs in.
    """
    command = [
        sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(saved_model),
        "--signature_def", _SIGNATURE, "--opset", str(_OPSET), "--output", str(path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not path.is_file():
        raise GuestFailure(
            "InvalidModel",
            f"tf2onnx could not export this SavedModel: {_reason(done.stderr)}",
        )
    check(path, inputs, outputs)
    nodes = onnx.load(str(path), load_external_data=False).graph.node
    return {"nodes": len(nodes), "transposes": sum(node.op_type == "Transpose" for node in nodes)}


def check(path: Path, inputs: list[str], outputs: list[str]) -> None:
    """Raise GuestFailure where the file is not sound ONNX, or its inputs or outputs are others."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:
        raise GuestFailure(
            "InvalidModel", f"tf2onnx wrote an ONNX model that is not valid: {_first(str(error))}"
        ) from error
    for role, wanted, found in (
        ("inputs", inputs, [value.name for value in graph.input]),
        ("outputs", outputs, [value.name for value in graph.output]),
    ):
        if sorted(wanted) != sorted(found):
            raise GuestFailure(
                "InvalidModel",
                f"tf2onnx wrote other {role} than the SavedModel has: "
                f"{json.dumps(found)} for {json.dumps(wanted)}",
            )


def _reason(stderr: str) -> str:
    """The last line: Python prints the exception there."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
