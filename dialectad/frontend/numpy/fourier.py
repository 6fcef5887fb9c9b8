"""`numpy.fft`: discrete Fourier transforms, as products with matrices of roots of unity.

A transform of n = p q points is one of p points for each of q columns, multiplied by roots of unity (the
*twiddle factors*), and one of q points for each row: the mixed-radix algorithm. A prime factor takes a
product with its whole matrix; where that is large, Bluestein's algorithm makes it a convolution, which
takes transforms of a power of two. All of it is linear in the parts, and that is how it is differentiated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import complexes
from dialectad.frontend.complexes import Complex, is_complex, paired, parts
from dialectad.frontend.numpy import complex_functions
from dialectad.frontend.numpy.creation import constant_array
from dialectad.frontend.numpy.support import array, concrete_int, implements, normalize_axis
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error

_DIRECT = 16
"""Transforms of up to so many points are one product."""

_LARGEST_PRIME = 64
"""Larger prime factors are left to Bluestein's algorithm."""


# --- one axis ----------------------------------------------------------------------------------


@functools.cache
def _roots(n: int, sign: int) -> np.ndarray[Any, Any]:
    """exp(sign 2 pi i k / n), with the angles reduced so that the symmetric ones are exact."""
    k = np.arange(n)
    return np.exp(sign * 2j * np.pi * k / n)


def _matrix(n: int, sign: int) -> np.ndarray[Any, Any]:
    k = np.arange(n)
    return _roots(n, sign)[np.outer(k, k) % n]


def _factor(n: int) -> int:
    """A factor of n for the first stage: as large as goes in one product, or the least prime one."""
    for p in range(min(_DIRECT, n // 2), 1, -1):
        if n % p == 0:
            return p
    return next((p for p in range(_DIRECT + 1, int(n**0.5) + 1) if n % p == 0), n)


def _constant(x: np.ndarray[Any, Any], like: Any) -> Any:
    """Known complex numbers in the precision of `like`."""
    dtype = np.float32 if like.dtype in (np.float32, np.complex64) else np.float64
    return Complex(*(Array.fresh(constant_array(part.astype(dtype))) for part in (x.real, x.imag)))


def _transform(z: Any, sign: int) -> Any:
    """The transform of the rows of a matrix, real or complex."""
    rows, n = z.shape
    if n <= 1:
        return z
    p = _factor(n)
    if n <= _DIRECT or (p == n and n <= _LARGEST_PRIME):
        return z @ _constant(_matrix(n, sign), z)
    if p == n:
        return _bluestein(z, sign)
    q = n // p
    # n = q i + j for i < p, j < q; the result's k = p l + m for m < p, l < q
    columns = np.reshape(np.swapaxes(np.reshape(z, (rows, p, q)), 1, 2), (rows * q, p))
    inner = np.reshape(_transform(columns, sign), (rows, q, p))
    turned = inner * _constant(_roots(n, sign)[np.outer(np.arange(q), np.arange(p)) % n], z)
    outer = _transform(np.reshape(np.swapaxes(turned, 1, 2), (rows * p, q)), sign)
    return np.reshape(np.swapaxes(np.reshape(outer, (rows, p, q)), 1, 2), (rows, n))


def _bluestein(z: Any, sign: int) -> Any:
    """jk = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with a chirp."""
    _, n = z.shape
    size = 1 << (2 * n - 2).bit_length()
    k = np.arange(n)
    chirp = np.exp(sign * 1j * np.pi * (k * k % (2 * n)) / n)
    kernel = np.zeros(size, complex)
    kernel[:n] = chirp.conj()
    kernel[size - n + 1 :] = chirp[:0:-1].conj()
    around = np.pad(z * _constant(chirp, z), ((0, 0), (0, size - n)))
    product = _transform(around, -1) * _constant(np.fft.fft(kernel) / size, z)
    return _transform(product, 1)[:, :n] * _constant(chirp, z)


# --- many axes ---------------------------------------------------------------------------------


def _along(z: Any, axis: int, function: Callable[[Any], Any]) -> Any:
    """`function`, which transforms rows, along an axis."""
    moved = np.moveaxis(z, axis, -1)
    *rest, n = moved.shape
    count = int(np.prod(rest))
    found = function(np.reshape(moved, (count, n)))
    return np.moveaxis(np.reshape(found, (*rest, found.shape[-1])), -1, axis)


def _resized(z: Any, n: int, axis: int) -> Any:
    """Cut off, or filled up with zeros, to n elements along an axis."""
    size = z.shape[axis]
    if n <= size:
        return z[(*[slice(None)] * axis, slice(0, n))]
    return np.pad(z, [(0, n - size) if d == axis else (0, 0) for d in range(z.ndim)])


def _operand(a: Any) -> Any:
    """An array of floats or complex numbers, of known shape."""
    z: Any = a if is_complex(a) else array(a)
    z = complexes.lifted(z) if is_complex(z) and not isinstance(z, Complex) else z
    if not z.ndim:
        raise error("tuple index out of range: a Fourier transform of a number", kind=ShapeError)
    if not all(isinstance(n, int) for n in z.shape):
        raise error(
            "a Fourier transform needs shapes that are known while the function is compiled",
            hint="transform an array of fixed size, filled up with zeros",
        )
    return z if z.dtype.kind in "fc" else z.astype(np.float64)


def _length(n: Any, otherwise: int) -> int:
    found = otherwise if n is None else concrete_int(n, "the number of points")
    if found < 1:
        raise error(f"Invalid number of FFT data points ({found}) specified.", kind=ShapeError)
    return found


def _scale(n: int, norm: Any, *, inverse: bool) -> float:
    """The factor of a transform."""
    match norm:
        case None | "backward":
            return 1 / n if inverse else 1.0
        case "ortho":
            return 1 / n**0.5
        case "forward":
            return 1.0 if inverse else 1 / n
        case _:
            message = f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".'
            raise error(message, kind=ShapeError)


def _scaled(z: Any, factor: float) -> Any:
    return z if factor == 1 else z * factor


def _as_complex(z: Any) -> Any:
    return z if isinstance(z, Complex) else paired(z, np.zeros_like(z))


def _full(a: Any, n: Any, axis: Any, norm: Any, sign: int) -> Any:
    z = _operand(a)
    d = normalize_axis(axis, z.ndim)
    size = _length(n, z.shape[d])
    found = _along(_resized(z, size, d), d, lambda rows: _as_complex(_transform(rows, sign)))
    return _scaled(found, _scale(size, norm, inverse=sign > 0))


def fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    """numpy.fft.fft"""
    return _full(a, n, axis, norm, -1)


def ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    """numpy.fft.ifft"""
    return _full(a, n, axis, norm, 1)


def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    """numpy.fft.rfft: the first half, of which the other one is the conjugate"""
    z = _operand(a)
    if is_complex(z):
        raise error("numpy.fft.rfft takes real numbers", hint="use numpy.fft.fft", kind=UnsupportedTypeError)
    d = normalize_axis(axis, z.ndim)
    size = _length(n, z.shape[d])
    return _full(z, size, d, norm, -1)[(*[slice(None)] * d, slice(0, size // 2 + 1))]


def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    """numpy.fft.irfft: of the imaginary parts that the real result leaves no room for, nothing is used"""
    z = _as_complex(_operand(a))
    d = normalize_axis(axis, z.ndim)
    size = _length(n, 2 * (z.shape[d] - 1))
    factor = _scale(size, norm, inverse=True)

    def of(rows: Any) -> Any:
        half = _resized(rows, size // 2 + 1, 1)
        re, im = parts(half)
        own = np.arange(size // 2 + 1)
        weight = np.where((own == 0) | (2 * own == size), 1.0, 2.0).astype(re.dtype)
        angle = np.outer(own, np.arange(size)) % size
        if size <= _DIRECT:
            roots: Any = _roots(size, 1)[angle]
            return (re * weight) @ roots.real.astype(re.dtype) - (im * weight) @ roots.imag.astype(re.dtype)
        inside = ((own != 0) & (2 * own != size)).astype(re.dtype)
        back = slice(size - size // 2 - 1, 0, -1)
        whole = np.concatenate([re, re[:, back]], axis=1)
        kept = paired(whole, np.concatenate([im * inside, -(im * inside)[:, back]], axis=1))
        return _transform(kept, 1).real

    return _scaled(_along(z, d, of), factor)


def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    """numpy.fft.hfft"""
    size = _length(n, 2 * (np.shape(a)[axis] - 1))
    return irfft(np.conjugate(a), size, axis, _SWAPPED.get(norm, norm))


def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    """numpy.fft.ihfft"""
    return np.conjugate(rfft(a, n, axis, _SWAPPED.get(norm, norm)))


_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward"}


def _axes(z: Any, s: Any, axes: Any) -> tuple[list[Any], list[int]]:
    """The numbers of points and the axes of a transform over several."""
    if axes is None:
        axes = range(z.ndim) if s is None else range(z.ndim - len(s), z.ndim)
    found = [normalize_axis(d, z.ndim) for d in axes]
    lengths = [None] * len(found) if s is None else list(s)
    if len(lengths) != len(found):
        raise error("Shape and axes have different lengths.", kind=ShapeError)
    return [z.shape[d] if n == -1 else n for n, d in zip(lengths, found, strict=True)], found


def _over(one: Callable[..., Any], default: tuple[int, ...] | None) -> Callable[..., Any]:
    """A transform over several axes, the last one first."""

    def several(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Any:
        z = _operand(a)
        lengths, found = _axes(z, s, axes)
        for n, d in zip(reversed(lengths), reversed(found), strict=True):
            z = one(z, n, d, norm)
        return z

    return several


def _real_over(default: tuple[int, ...] | None) -> Callable[..., Any]:
    def several(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Any:
        z = _operand(a)
        lengths, found = _axes(z, s, axes)
        z = rfft(z, lengths[-1], found[-1], norm)
        for n, d in zip(reversed(lengths[:-1]), reversed(found[:-1]), strict=True):
            z = fft(z, n, d, norm)
        return z

    return several


def _real_back_over(default: tuple[int, ...] | None) -> Callable[..., Any]:
    def several(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Any:
        z = _operand(a)
        lengths, found = _axes(z, s, axes)
        for n, d in zip(lengths[:-1], found[:-1], strict=True):
            z = ifft(z, n, d, norm)
        return irfft(z, None if s is None else lengths[-1], found[-1], norm)

    return several


def fftshift(x: Any, axes: Any = None) -> Any:
    """numpy.fft.fftshift"""
    return _shifted(x, axes, lambda n: n // 2)


def ifftshift(x: Any, axes: Any = None) -> Any:
    """numpy.fft.ifftshift"""
    return _shifted(x, axes, lambda n: -(n // 2))


def _shifted(x: Any, axes: Any, by: Callable[[int], int]) -> Any:
    z: Any = x if is_complex(x) else array(x)
    found: Sequence[int] = range(z.ndim) if axes is None else [axes] if isinstance(axes, int) else list(axes)
    return np.roll(z, tuple(by(z.shape[d]) for d in found), tuple(found))


TRANSFORMS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.fft.fft: fft,
    np.fft.ifft: ifft,
    np.fft.rfft: rfft,
    np.fft.irfft: irfft,
    np.fft.hfft: hfft,
    np.fft.ihfft: ihfft,
    np.fft.fftn: _over(fft, None),
    np.fft.ifftn: _over(ifft, None),
    np.fft.fft2: _over(fft, (-2, -1)),
    np.fft.ifft2: _over(ifft, (-2, -1)),
    np.fft.rfftn: _real_over(None),
    np.fft.rfft2: _real_over((-2, -1)),
    np.fft.irfftn: _real_back_over(None),
    np.fft.irfft2: _real_back_over((-2, -1)),
    np.fft.fftshift: fftshift,
    np.fft.ifftshift: ifftshift,
}
for _function, _implementation in TRANSFORMS.items():
    implements(_function)(_implementation)
    complex_functions.FORMULAS[_function] = _implementation
