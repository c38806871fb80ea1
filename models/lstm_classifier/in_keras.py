"""The text classifier in Keras."""

from __future__ import annotations

import keras
from interop.models.loading import KerasWeights
from interop.models.lstm_classifier.weights import CLASSES, HIDDEN, LAYERS, WIDTH, WORDS, draw
from keras import layers


def lstm_classifier() -> keras.Model:
    w = KerasWeights(draw())
    ids = keras.Input((None,), dtype="int64", name="input_ids")
    words = layers.Embedding(WORDS, WIDTH)
    x = words(ids)
    w.embedding(words, "words")
    for layer in range(LAYERS):
        both = layers.Bidirectional(layers.LSTM(HIDDEN, return_sequences=True))
        x = both(x)
        w.lstm(both.forward_layer, "lstm", f"_l{layer}")
        w.lstm(both.backward_layer, "lstm", f"_l{layer}_reverse")
    head = layers.Dense(CLASSES)
    logits = head(layers.GlobalAveragePooling1D()(x))
    w.dense(head, "head")
    return w.done(keras.Model({"input_ids": ids}, {"logits": logits}))
