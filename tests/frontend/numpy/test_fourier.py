"""`numpy.fft`, traced and interpreted, compared with NumPy; and differentiated."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.harness import check

_RNG = np.random.default_rng(2)


def reals(*shape):
    return _RNG.standard_normal(shape)


def numbers(*shape):
    return reals(*shape) + 1j * reals(*shape)


@pytest.mark.parametrize("n", [1, 2, 5, 12, 17, 24, 34])
def test_sizes(n):
    """One product, mixed radices, and prime factors."""
    check(lambda z: (np.fft.fft(z), np.fft.ifft(z), np.fft.irfft(z, n)), numbers(n), tolerance=1e-10)
    check(lambda x: (np.fft.fft(x), np.fft.rfft(x), np.fft.ihfft(x)), reals(n), tolerance=1e-10)


def test_large_primes():
    z = numbers(67)
    np.testing.assert_allclose(da.jit(lambda z: np.fft.fft(z))(z), np.fft.fft(z), rtol=1e-11)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_options(norm):
    def one(z):
        return (
            np.fft.fft(z, norm=norm),
            np.fft.ifft(z, 7, norm=norm),
            np.fft.fft(z, 3, axis=0, norm=norm),
            np.fft.irfft(z, norm=norm),
            np.fft.hfft(z, norm=norm),
        )

    check(one, numbers(4, 5), tolerance=1e-10)
    check(lambda z: (np.fft.fft2(z, norm=norm), np.fft.irfft2(z, norm=norm)), numbers(3, 4), tolerance=1e-10)


def test_several_axes():
    def several(z):
        return (
            np.fft.ifftn(z),
            np.fft.fftn(z, axes=(0,)),
            np.fft.fftn(z, s=(3, 6), axes=(0, 1)),
            np.fft.irfftn(z, s=(4, 7), axes=(0, 1)),
            np.fft.fftshift(z),
            np.fft.ifftshift(z, axes=1),
        )

    check(several, numbers(4, 5), tolerance=1e-10)
    check(lambda x: (np.fft.rfft2(x), np.fft.rfftn(x), np.fft.fftfreq(4)[:, None] * x), reals(4, 5))


def test_precision_and_integers():
    check(lambda z: np.fft.fft(z), numbers(5).astype(np.complex64))
    check(lambda x: np.fft.rfft(x), reals(20).astype(np.float32), tolerance=1e-4)
    check(lambda n: np.fft.fft(n), np.arange(6))


@pytest.mark.parametrize(("n", "level"), [(6, "loop"), (18, "linalg"), (18, "tape")])
def test_derivatives(n, level):
    def f(z):
        power = np.sum(np.abs(np.fft.fft(z)) ** 2 * np.arange(z.size))
        return power + np.sum(np.fft.irfft(np.fft.rfft(z.real)) ** 3)

    z, direction = numbers(n), numbers(n)
    expected = (f(z + 1e-6 * direction) - f(z - 1e-6 * direction)) / 2e-6
    gradient = da.grad(f, level=level)(z)
    np.testing.assert_allclose(np.sum(np.real(gradient * direction)), expected, rtol=1e-6)
    np.testing.assert_allclose(da.jvp(f, (z,), (direction,), level=level)[1], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: np.fft.fft(z, norm="other"),
        lambda z: np.fft.fft(z, 0),
        lambda z: np.fft.fft(z, axis=3),
        lambda z: np.fft.fft(z[0]),
        lambda z: np.fft.rfft(z),
    ],
)
def test_errors(function):
    with pytest.raises(CompileError):
        da.jit(function)(numbers(3))
