"""How the definitions take the shared weights: every one used exactly once, or it is an error."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from interop.models.drawing import Weights


def into_torch(module: Any, weights: Weights) -> Any:
    """Load `weights` strictly into a torch module (batch counters apart); returns it in eval mode."""
    import torch

    state = {name: torch.from_numpy(array) for name, array in weights.items()}
    missing, unexpected = module.load_state_dict(state, strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")] + unexpected
    if wrong:
        raise KeyError(f"weights and torch definition do not match: {wrong}")
    return module.eval()


def into_mxnet(block: Any, weights: Weights) -> Any:
    """Set the parameters of a gluon block, whose attributes are named as torch's; returns it."""
    import mxnet as mx

    unused = set(weights)
    seen: set[int] = set()
    for path, parameter in block._collect_params_with_prefix().items():
        if id(parameter) in seen:  # shared by two blocks
            continue
        seen.add(id(parameter))
        name = _from_gluon(path)
        unused.discard(name)
        parameter.initialize()
        parameter.set_data(mx.nd.array(weights[name]))
    if unused:
        raise KeyError(f"weights that the MXNet definition does not use: {sorted(unused)}")
    return block


def into_flax(module: Any, weights: Weights) -> Any:
    """Set the variables of a flax (nnx) module, its attributes named as torch's; returns it in eval
    mode."""
    import jax.numpy as jnp
    from flax import nnx

    unused, values = set(weights), {}
    flat = list(nnx.to_flat_state(nnx.state(module, nnx.Any(nnx.Param, nnx.BatchStat))))
    paths = {path for path, _ in flat}
    for path, variable in flat:
        array: Any = 0.0
        for name in _from_flax(path, paths):
            unused.discard(name)
            array = array + weights[name]
        if path[-1] == "kernel":  # [out, in, …] → […, in, out]
            array = np.moveaxis(array, (0, 1), (-1, -2))
        if array.shape != variable.shape:
            raise KeyError(f"{path} is {variable.shape}, and its weight is {array.shape}")
        values[path] = variable.replace(jnp.asarray(array, jnp.float32))
    if unused:
        raise KeyError(f"weights that the flax definition does not use: {sorted(unused)}")
    nnx.update(module, nnx.from_flat_state(values))
    module.eval()
    return module


def _from_flax(path: tuple[Any, ...], paths: set[tuple[Any, ...]]) -> list[str]:
    """torch's names: a layer of a recurrent one is a pair of cells, and an LSTM's one bias is the sum
    of torch's two."""
    *owner, last = path
    last = _FLAX.get(last, last)
    where = ".".join(map(str, owner))
    cell = re.fullmatch(r"(.+)\.(\d+)\.(forward|backward)_rnn\.cell\.dense_([ih])", where)
    if not cell:
        return [f"{where}.{last}" if where else last]
    layer, index, direction, kind = cell.groups()
    end = f"l{index}{'_reverse' if direction == 'backward' else ''}"
    both = last == "bias" and (*owner[:-1], "dense_i", "bias") not in paths
    return [f"{layer}.{last}_{k}h_{end}" for k in ("ih" if both else kind)]


#: flax's names for what torch calls otherwise.
_FLAX = {"kernel": "weight", "scale": "weight", "embedding": "weight", "mean": "running_mean",
         "var": "running_var"}  # fmt: skip


def _from_gluon(path: str) -> str:
    """torch's name: gamma and beta are weight and bias; layer k of a recurrent one is a cell."""
    cell = re.fullmatch(r"(.+)\._unfused\.(\d+)\.(?:([lr])_cell\.)?([ih])2h_(weight|bias)", path)
    if cell:
        layer, index, side, kind, part = cell.groups()
        return f"{layer}.{part}_{kind}h_l{index}{'_reverse' if side == 'r' else ''}"
    owner, _, last = path.rpartition(".")
    last = {"gamma": "weight", "beta": "bias"}.get(last, last)
    return f"{owner}.{last}" if owner else last


class KerasWeights:
    """Sets the weights of Keras layers from torch's names and layouts, and counts what is used."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._unused = set(weights)

    def take(self, name: str) -> np.ndarray:
        self._unused.discard(name)
        return self._weights[name]

    def has(self, name: str) -> bool:
        return name in self._weights

    def conv(self, layer: Any, name: str) -> None:
        """[out, in, h, w] → [h, w, in, out]."""
        self._set(layer, [self.take(f"{name}.weight").transpose(2, 3, 1, 0)], name)

    def depthwise(self, layer: Any, name: str) -> None:
        """[channels, 1, h, w] → [h, w, channels, 1]."""
        self._set(layer, [self.take(f"{name}.weight").transpose(2, 3, 0, 1)], name)

    def conv_transpose(self, layer: Any, name: str) -> None:
        """[in, out, h, w] → [h, w, out, in]."""
        self._set(layer, [self.take(f"{name}.weight").transpose(2, 3, 1, 0)], name)

    def dense(self, layer: Any, name: str) -> None:
        """[out, in] → [in, out]."""
        self._set(layer, [self.take(f"{name}.weight").T], name)

    def batch_norm(self, layer: Any, name: str) -> None:
        parts = ("weight", "bias", "running_mean", "running_var")
        layer.set_weights([self.take(f"{name}.{part}") for part in parts])

    def layer_norm(self, layer: Any, name: str) -> None:
        layer.set_weights([self.take(f"{name}.weight"), self.take(f"{name}.bias")])

    def embedding(self, layer: Any, name: str) -> None:
        layer.set_weights([self.take(f"{name}.weight")])

    def lstm(self, layer: Any, name: str, end: str) -> None:
        """Both orders are i, f, g, o; Keras has one bias, the sum of torch's two."""
        layer.set_weights(
            [
                self.take(f"{name}.weight_ih{end}").T,
                self.take(f"{name}.weight_hh{end}").T,
                self.take(f"{name}.bias_ih{end}") + self.take(f"{name}.bias_hh{end}"),
            ]
        )

    def gru(self, layer: Any, name: str, end: str) -> None:
        """torch's r, z, n → Keras's z, r, h, with reset_after and its two biases."""

        def reordered(array: np.ndarray) -> np.ndarray:
            r, z, n = np.split(array, 3, axis=0)
            return np.concatenate([z, r, n], axis=0)

        layer.set_weights(
            [
                reordered(self.take(f"{name}.weight_ih{end}")).T,
                reordered(self.take(f"{name}.weight_hh{end}")).T,
                np.stack(
                    [reordered(self.take(f"{name}.bias_{kind}{end}")) for kind in ("ih", "hh")]
                ),
            ]
        )

    def done(self, model: Any) -> Any:
        """The model, if every weight was used."""
        if self._unused:
            raise KeyError(
                f"weights that the Keras definition does not use: {sorted(self._unused)}"
            )
        return model

    def _set(self, layer: Any, kernel: list[np.ndarray], name: str) -> None:
        bias = [self.take(f"{name}.bias")] if self.has(f"{name}.bias") else []
        layer.set_weights(kernel + bias)
