"""Which of the user's environment variables a child process is given: an allow-list.

What is not listed (PYTHONPATH, PYTHONSTARTUP, VIRTUAL_ENV, LD_PRELOAD, secrets) stays outside.
"""

from __future__ import annotations

from collections.abc import Mapping

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NAMES = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TMP",
        "TEMP",
        "TZ",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "NO_COLOR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "CXX",  # what torch.compile compiles with
        *_PROXIES,
        *(name.lower() for name in _PROXIES),
    ]
)
_PREFIXES = (
    "LC_",
    "XDG_",
    "SSL_",
    "INTEROP_",
    # threads and accelerators
    "OMP_",
    "MKL_",
    "KMP_",
    "OPENBLAS_",
    "CUDA_",
    "CUDNN_",
    "NVIDIA_",
    "NCCL_",
    # the frameworks' own
    "TF_",
    "XLA_",
    "KERAS_",
    "TORCH",
    "PYTORCH_",
    "ORT_",
    "MXNET_",
    "JAX_",
    "THEANO_",
    "HF_",
)


def child_variables(
    host: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The variables for a child: those of `host` that are on the list, with `extra` on top.

    A child without any locale gets UTF-8, which Python 3.6 does not choose by itself.
    """
    kept = {k: v for k, v in host.items() if k in _NAMES or k.startswith(_PREFIXES)}
    if not any(name in kept for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        kept["LC_CTYPE"] = "C.UTF-8"
    return {**kept, **(extra or {})}
