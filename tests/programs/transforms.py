"""Fourier transforms, in real arithmetic."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program


@program(normal(16), normal(16, seed=1))
def stockham_fft(re, im):
    """Radix 2, from one pair of buffers to another, so that nothing is reordered at the end."""
    n = re.shape[0]
    half, stride = n // 2, 1
    while half >= 1:
        angle = -np.pi * np.arange(half)[:, np.newaxis] / half
        c, s = np.cos(angle), np.sin(angle)
        a, b = re.reshape(2, half, stride), im.reshape(2, half, stride)
        new_re, new_im = np.empty((half, 2, stride)), np.empty((half, 2, stride))
        new_re[:, 0], new_im[:, 0] = a[0] + a[1], b[0] + b[1]
        d, e = a[0] - a[1], b[0] - b[1]
        new_re[:, 1], new_im[:, 1] = c * d - s * e, s * d + c * e
        re, im = new_re.reshape(n), new_im.reshape(n)
        half //= 2
        stride *= 2
    return re, im


@program(normal(6))
def discrete_fourier_transform(x):
    n = len(x)
    k = np.arange(n)
    angle = 2 * np.pi * np.outer(k, k) / n
    return np.cos(angle) @ x, -np.sin(angle) @ x
