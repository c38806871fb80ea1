"""A text classifier: embedding, two bidirectional LSTM layers, mean over time."""
