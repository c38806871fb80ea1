"""Fourier transforms on ONNX's pairs of real numbers, [..., 1] or [..., 2]."""

import torch


def to_complex(x):
    """The complex (or real) numbers that the last axis holds; half precision has no transforms."""
    x = x.to(torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x
    return torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x[..., 0]


def dft(x, length, axis, inverse, onesided):
    """ONNX's DFT along one axis."""
    z, axis = to_complex(x), axis % x.ndim
    if inverse and onesided:
        return torch.fft.irfft(z, length, axis).unsqueeze(-1).to(x.dtype)
    if onesided:
        result = torch.fft.rfft(z, length, axis)
    else:
        result = (torch.fft.ifft if inverse else torch.fft.fft)(z, length, axis)
    return torch.view_as_real(result).to(x.dtype)


def stft(signal, step, window, length, onesided):
    """ONNX's STFT: [batch, samples, 1 or 2] → [batch, frames, bins, 2]."""
    length = length if length is not None else window.shape[0]
    z = to_complex(signal).unfold(1, length, step)
    z = z if window is None else z * window
    onesided = onesided and not z.is_complex()
    return torch.view_as_real((torch.fft.rfft if onesided else torch.fft.fft)(z)).to(signal.dtype)
