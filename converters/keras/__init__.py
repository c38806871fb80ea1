"""Keras 3 as a target: a functional model of stock layers, saved as `.keras`, for every backend."""
