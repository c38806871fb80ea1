"""The keyword spotter in Keras, spectrograms [batch, frames, bands, 1]."""

from __future__ import annotations

import keras
from interop.models.keyword_spotter.weights import BANDS, CHANNELS, FRAMES, HIDDEN, KEYWORDS, draw
from interop.models.loading import KerasWeights
from keras import layers


def keyword_spotter() -> keras.Model:
    w = KerasWeights(draw())
    spectrogram = keras.Input((FRAMES, BANDS, 1), name="spectrogram")
    x = spectrogram
    for index, (filters, kernel, stride) in enumerate(
        ((CHANNELS, 5, 2), (2 * CHANNELS, 3, (1, 2))), start=1
    ):
        conv = layers.Conv2D(filters, kernel, stride, use_bias=False)
        norm = layers.BatchNormalization(epsilon=1e-5)
        x = layers.ReLU()(norm(conv(layers.ZeroPadding2D(kernel // 2)(x))))
        w.conv(conv, f"conv{index}")
        w.batch_norm(norm, f"norm{index}")
    x = layers.Permute((1, 3, 2))(x)  # channels before bands, as the weights of the GRU expect
    x = layers.Reshape((-1, 2 * CHANNELS * BANDS // 4))(x)
    both = layers.Bidirectional(layers.GRU(HIDDEN, return_sequences=True, reset_after=True))
    x = both(x)
    w.gru(both.forward_layer, "gru", "_l0")
    w.gru(both.backward_layer, "gru", "_l0_reverse")
    head = layers.Dense(KEYWORDS)
    logits = head(layers.GlobalAveragePooling1D()(x))
    w.dense(head, "head")
    return w.done(keras.Model(spectrogram, {"logits": logits}))
