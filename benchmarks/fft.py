"""A power spectrum by the fast Fourier transform, radix 2, in place, as loops over scalars. JAX, PyTorch and
NumPy call their transforms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 1024


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return *rng.standard_normal((2, n)), rng.uniform(size=n)


def loss(re, im, w):
    """The spectrum's elements, with weights."""
    n = len(re)
    re, im = re.copy(), im.copy()
    angle = -2 * np.pi / n * np.arange(n // 2)
    c, s = np.cos(angle), np.sin(angle)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            re[i], re[j] = re[j], re[i]
            im[i], im[j] = im[j], im[i]
    half = 1
    while half < n:
        stride = n // (2 * half)
        for start in range(0, n, 2 * half):
            for k in range(half):
                a, b = start + k, start + k + half
                x = c[k * stride] * re[b] - s[k * stride] * im[b]
                y = s[k * stride] * re[b] + c[k * stride] * im[b]
                re[b], im[b] = re[a] - x, im[a] - y
                re[a], im[a] = re[a] + x, im[a] + y
        half *= 2
    return np.sum(w * (re * re + im * im))


def numpy(re, im, w) -> Any:
    """The adjoint by hand."""
    z = np.fft.fft(re + 1j * im)
    d = len(re) * np.fft.ifft(2 * w * z)
    return np.sum(w * (z.real**2 + z.imag**2)), d.real, d.imag


def c(re: np.ndarray, im: np.ndarray, w: np.ndarray) -> Adjoint:
    library, n, work = build.library("fft"), len(re), np.empty(3 * len(re))
    outputs = [np.empty_like(re), np.empty_like(im)]
    primal = library.bind("fft_primal", re, im, w, n, work)
    return Adjoint(primal, library.bind("fft_gradient", re, im, w, n, *outputs, work), outputs)


def _jax(jax):
    jnp = jax.numpy

    def loss(re, im, w):
        z = jnp.fft.fft(jax.lax.complex(re, im))
        return jnp.sum(w * (z.real**2 + z.imag**2))

    return loss


def _torch(torch):
    def loss(re, im, w):
        z = torch.fft.fft(torch.complex(re, im))
        return (w * (z.real**2 + z.imag**2)).sum()

    return loss


PROBLEM = Problem("fft", loss, (0, 1), c, _jax, _torch, numpy, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} elements", partial(arguments, SIZE))
