"""Where JAX runs: the processor, or CUDA's device, in float32 or with products in TF32."""

from __future__ import annotations

import os

import jax

from interop.workers.failures import GuestFailure

#: JAX leaves it to XLA in what an unmarked product of float32 is computed on CUDA: TF32. These keep its
#: libraries, and the kernels that it writes itself, from that.
_EXACT = {"NVIDIA_TF32_OVERRIDE": "0"}
_EXACT_XLA = "--xla_gpu_enable_triton_gemm=false"


def settle(device: str, precision: str) -> None:
    """Make ready to compute on `device` ("cpu", "cuda") in `precision` ("fp32", "tf32"). To be called
    before anything is computed: JAX settles on its devices then.

    Memory of a device is taken as it is needed. Fails as EnvironmentUnavailable where this JAX has no
    such device.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if device == "cuda" and precision == "fp32":
        os.environ.update(_EXACT)
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_EXACT_XLA}".strip()
    jax.config.update("jax_platforms", "cpu" if device == "cpu" else f"{device},cpu")
    try:
        jax.devices(device)
    except RuntimeError as error:
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"jax {jax.__version__} finds no {device} device",
            hint="Install jax[cuda13], and name its interpreter by INTEROP_ENVIRONMENT_JAX.",
            detail=str(error),
        ) from error
