"""Derivatives of complex numbers at every level: finite differences by parts, and JAX's convention."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da

_RNG = np.random.default_rng(11)


def numbers(*shape):
    return _RNG.standard_normal(shape) + 1j * _RNG.standard_normal(shape)


Z, W, M = numbers(3), numbers(3), numbers(3, 3)
LEVELS = ("linalg", "loop", "llvm", "tape")


def formulas(z, w):
    one = [np.exp(z), np.log(z), np.sqrt(z), np.sin(z), np.cos(z), np.tan(z), np.sinh(z), np.cosh(z)]
    two = [
        np.tanh(z),
        np.square(z),
        1 / z,
        np.reciprocal(z),
        np.log2(z),
        np.expm1(z),
        np.log1p(z),
        np.sign(z),
    ]
    three = [z * w, z / w, z**w, w**z, z**3, z**-1, z**0.5, z**2.5, np.conj(z), -z, z - w.real, 2j * z]
    four = [np.abs(z) + 0j, np.angle(z) * 1j, z.real + 1j * z.imag**2, np.where(w.real > 0, z, 1j)]
    return np.stack([*one, *two, *three, *four])


def reductions(z, w):
    m = np.outer(z, w) + M
    return np.concatenate(
        [
            *(m @ z, z @ m, np.prod(m, axis=0), np.cumsum(z), np.cumprod(m, axis=1)[0], np.diag(m @ m)),
            *(np.array([np.vdot(z, w), z.sum(), z.mean(), z.var(), m.std(), np.prod(z), np.linalg.norm(z)]),),
            *(np.einsum("ij,j,i->i", m, z, w.conj()), np.convolve(z, w), np.tril(m)[2], np.roll(z, 1)[::-1]),
        ]
    )


def few(z, w):
    root = np.sqrt(z) / w
    return np.array([np.prod(root), np.abs(np.exp(z)[0]) + 1j, (M @ z)[1], np.conj(z[2] ** 3)])


@pytest.mark.parametrize(
    ("function", "level"),
    [(formulas, "tape"), (reductions, "tape"), *((few, level) for level in ("linalg", "loop", "llvm"))],
)
def test_by_parts(function, level):
    directions = numbers(3), numbers(3)
    above, below = (
        function(*(x + s * d for x, d in zip((Z, W), directions, strict=True))) for s in (1e-6, -1e-6)
    )
    out, tangent = da.jvp(function, (Z, W), directions, level=level)
    np.testing.assert_allclose(out, function(Z, W), rtol=1e-11)
    np.testing.assert_allclose(tangent, (above - below) / 2e-6, rtol=1e-6, atol=1e-7)
    cotangent = numbers(*out.shape)
    pulled = da.vjp(function, Z, W, level=level)[1](cotangent)
    found = sum(np.sum(p * d) for p, d in zip(pulled, directions, strict=True))
    np.testing.assert_allclose(np.real(found), np.real(np.sum(cotangent * tangent)), rtol=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_the_convention(level):
    """A gradient is df/dx - i df/dy; a holomorphic function's cotangent is multiplied by its derivative."""
    (gradient,) = da.grad(lambda z: np.sum(z.real**2 * 3 + z.imag * 5), (0,), level=level)(Z)
    np.testing.assert_allclose(gradient, 6 * Z.real - 5j)
    (pulled,) = da.vjp(np.square, Z, level=level)[1](W)
    np.testing.assert_allclose(pulled, W * 2 * Z)
    (pulled,) = da.vjp(lambda x: np.exp(1j * x), Z.real, level=level)[1](W)
    np.testing.assert_allclose(pulled, np.real(W * 1j * np.exp(1j * Z.real)))
    tree, scale = {"a": 1 + 2j, "b": [np.complex64(2 - 1j), 3.0]}, np.float32(2.0)
    value, (by_tree, by_scale) = da.value_and_grad(
        lambda t, s: abs(t["a"] * s + t["b"][0]) ** 2 + t["b"][1], (0, 1), level=level
    )(tree, scale)
    assert value == 28.0
    assert by_tree == {"a": 16 - 12j, "b": [8 - 6j, 1.0]}
    assert [type(x) for x in (by_tree["a"], by_tree["b"][0], by_scale)] == [complex, np.complex64, np.float32]


@pytest.mark.parametrize("level", ["linalg", "tape"])
def test_nested(level):
    def f(z):
        return np.sum(np.abs(z) ** 4) + np.real(np.prod(z) * 1j)

    direction = numbers(3)
    slope = da.grad(f, level=level)
    expected = (slope(Z + 1e-5 * direction) - slope(Z - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose(da.hvp(f, (Z,), (direction,), level=level), expected, rtol=1e-7)
    reverse = da.grad(lambda z: np.real(np.sum(da.grad(f, level=level)(z) * direction)), level=level)(Z)
    np.testing.assert_allclose(reverse, expected, rtol=1e-7)
    for jacobian in (da.jacfwd, da.jacrev):
        found = jacobian(lambda x: np.exp(1j * x) * x[0], level=level)(Z.real)
        x = Z.real
        wanted = np.diag(1j * np.exp(1j * x) * x[0])
        wanted[:, 0] += np.exp(1j * x)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("level", ["linalg", "tape"])
def test_awkward_points(level):
    """On the branch cut, by the side that the sign of zero says; nothing at zero is lost to NaN."""
    for point, slope in ((complex(-4, 0.0), -0.25j), (complex(-4, -0.0), 0.25j)):
        np.testing.assert_allclose(da.vjp(np.sqrt, point, level=level)[1](1 + 0j)[0], slope, rtol=1e-12)
        np.testing.assert_allclose(da.vjp(np.log, point, level=level)[1](1 + 0j)[0], -0.25, rtol=1e-12)
    for function in (
        np.abs,
        lambda z: np.real(np.sign(z) * 0),
        lambda z: abs(z) ** 2,
        lambda z: np.real(z**2),
    ):
        assert da.grad(lambda z, f=function: f(z), level=level)(0j) == 0
    for z in (numbers(0), numbers(1)):
        np.testing.assert_allclose(da.grad(lambda a: np.sum(np.abs(a) ** 2), level=level)(z), 2 * z.conj())
