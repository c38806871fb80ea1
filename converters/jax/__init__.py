"""JAX: readable functions of parameters and inputs, and serialised jax.export artifacts."""
