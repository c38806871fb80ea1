"""Models in JAX, as a user's own module would hold them."""

import jax.numpy as jnp
import numpy as np


def classifier():
    """A flax module and example inputs; its Dropout must not drop anything."""
    from flax import nnx

    class Classifier(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(8, 16, rngs=rngs)
            self.norm = nnx.LayerNorm(16, rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)
            self.second = nnx.Linear(16, 3, rngs=rngs)

        def __call__(self, x):
            hidden = self.drop(nnx.gelu(self.norm(self.first(x))))
            return {"scores": self.second(hidden), "mean": x.mean(axis=1)}

    return Classifier(nnx.Rngs(0)), (np.zeros((2, 8), np.float32),)


def reader():
    """A bidirectional recurrent network over sequences of any length."""
    from flax import nnx

    class Reader(nnx.Module):
        def __init__(self, rngs):
            layers = [nnx.RNN(nnx.OptimizedLSTMCell(4, 6, rngs=rngs), rngs=rngs) for _ in range(2)]
            self.both = nnx.Bidirectional(*layers, rngs=rngs)

        def __call__(self, x):
            zeros = jnp.zeros((x.shape[0], 6))
            return self.both(x, initial_carry=((zeros, zeros), (zeros, zeros))).mean(1)

    return Reader(nnx.Rngs(0))


def chosen(x, ids):
    """A plain function, of 64-bit indices."""
    return jnp.take(x, ids, axis=1) + 1
