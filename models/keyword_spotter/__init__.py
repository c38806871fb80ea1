"""A keyword spotter: two convolutions over a spectrogram, a bidirectional GRU, a linear layer."""
