"""The zoo: architectures defined once in each framework, on one shared set of weights.

`models/<architecture>/weights.py` draws the weights by seed (NumPy only, under torch's names);
`in_torch.py`, `in_keras.py`, `in_jax.py` and `in_mxnet.py` build the network natively and load them.
Images are NCHW in torch and MXNet and NHWC in Keras and JAX, as is usual in each; all else has the
same names and shapes in all.

Importing this module imports no framework.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from interop.errors import UsageError

_CHANNELS_LAST = ("keras", "jax")


def images_last(framework: str) -> bool:
    """Whether images have their channels last in the definitions of that framework."""
    return framework in _CHANNELS_LAST


@dataclass(frozen=True)
class Input:
    """Words in `shape` are dynamic dimensions; integers are drawn from [0, below).

    Images have their channels before their height and width.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    below: int | None = None


@dataclass(frozen=True)
class Architecture:
    """`definitions`: framework → "module:function", which returns the network with its weights.

    `sizes` are the usual sizes of its dynamic dimensions, apart from "batch".
    """

    name: str
    title: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    definitions: Mapping[str, str]
    sizes: Mapping[str, int] = field(default_factory=dict)

    def inputs_in(self, framework: str) -> tuple[Input, ...]:
        """The inputs of its definition in `framework`: images as is usual there."""
        if not images_last(framework):
            return self.inputs
        return tuple(
            replace(one, shape=(*one.shape[:1], *one.shape[2:], one.shape[1]))
            if len(one.shape) == 4
            else one
            for one in self.inputs
        )


def _in(folder: str, function: str, *also: str) -> dict[str, str]:
    return {
        framework: f"interop.models.{folder}.in_{framework}:{function}"
        for framework in ("torch", "keras", "jax", "mxnet", *also)
    }


def _image(channels: int, side: int) -> Input:
    return Input("image", "float32", ("batch", channels, side, side))


_TOKENS = ("batch", "sequence")

ZOO: Mapping[str, Architecture] = {
    entry.name: entry
    for entry in (
        Architecture(
            "resnet18",
            "ResNet-18, image classifier",
            (_image(3, 224),),
            ("logits",),
            _in("resnet", "resnet18", "cntk", "caffe"),
        ),
        Architecture(
            "resnet50",
            "ResNet-50, image classifier",
            (_image(3, 224),),
            ("logits",),
            _in("resnet", "resnet50", "cntk", "caffe"),
        ),
        Architecture(
            "mobilenet_v2",
            "MobileNetV2, image classifier of depthwise convolutions",
            (_image(3, 224),),
            ("logits",),
            _in("mobilenet_v2", "mobilenet_v2", "cntk", "caffe"),
        ),
        Architecture(
            "unet",
            "U-Net, image segmentation",
            (_image(3, 128),),
            ("mask",),
            _in("unet", "unet", "caffe"),
        ),
        Architecture(
            "vit",
            "ViT-Tiny/16, vision transformer",
            (_image(3, 224),),
            ("logits",),
            _in("vit", "vit"),
        ),
        Architecture(
            "bert",
            "BERT-like encoder, 4 layers",
            (
                Input("input_ids", "int64", _TOKENS, below=2000),
                Input("token_type_ids", "int64", _TOKENS, below=2),
                Input("attention_mask", "int64", _TOKENS, below=2),
            ),
            ("last_hidden_state", "pooled"),
            _in("bert", "bert"),
            {"sequence": 32},
        ),
        Architecture(
            "gpt",
            "GPT-like decoder, 4 layers, causal",
            (Input("input_ids", "int64", _TOKENS, below=1000),),
            ("logits",),
            _in("gpt", "gpt"),
            {"sequence": 32},
        ),
        Architecture(
            "lstm_classifier",
            "Text classifier, two bidirectional LSTM layers",
            (Input("input_ids", "int64", _TOKENS, below=1000),),
            ("logits",),
            _in("lstm_classifier", "lstm_classifier"),
            {"sequence": 32},
        ),
        Architecture(
            "keyword_spotter",
            "Keyword spotter, convolutions and a bidirectional GRU over a spectrogram",
            (Input("spectrogram", "float32", ("batch", 1, 98, 40)),),
            ("logits",),
            _in("keyword_spotter", "keyword_spotter"),
        ),
        Architecture(
            "dlrm",
            "DLRM-like recommender, eight embedding tables and pairwise products",
            (
                Input("dense", "float32", ("batch", 13)),
                Input("categories", "int64", ("batch", 8), below=100),
            ),
            ("probability",),
            _in("dlrm", "dlrm"),
        ),
        Architecture(
            "dcgan",
            "DCGAN generator, transposed convolutions",
            (Input("latent", "float32", ("batch", 100)),),
            ("image",),
            _in("dcgan", "dcgan", "caffe"),
        ),
    )
}

#: Other names for entries of the zoo.
ALIASES: Mapping[str, str] = {
    "resnet": "resnet50",
    "mobilenet": "mobilenet_v2",
    "lstm": "lstm_classifier",
    "crnn": "keyword_spotter",
}


def find(name: str) -> Architecture:
    """The entry called `name`, or by an alias. Raises UsageError that suggests the nearest."""
    found = ZOO.get(ALIASES.get(name, name))
    if found is not None:
        return found
    near = difflib.get_close_matches(name.lower(), [*ALIASES, *ZOO], n=2)
    raise UsageError(
        f"'{name}' is no model of the zoo, no file and no package.module:callable",
        hint=(f"Did you mean {' or '.join(near)}? " if near else "")
        + "`interop models` lists the zoo.",
    )
