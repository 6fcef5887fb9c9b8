"""Complex numbers in loops, branches, views and writes: results, effects, and derivatives at every level."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees

_RNG = np.random.default_rng(3)


def numbers(*shape):
    return _RNG.standard_normal(shape) + 1j * _RNG.standard_normal(shape)


Z, W, X = numbers(4), numbers(4), _RNG.standard_normal(4)
AROUND = numbers(4)


def writes(z, w):
    z[1] = 2j
    z[2:] = w[:-2]
    z[::-1][0] += 1j
    z[np.abs(z) > 1.2] = 0.5 - 1j
    z += w
    z *= 1j
    return z


def views(z, x):
    v = z[::2]
    v *= 2j
    z.real[1:] = x[1:]
    z.imag[0] = 3.0
    return v, z.T, z


def from_zero(z):
    total, product = 0, 1.0
    for i in range(len(z)):
        total = total + z[i] * 1j
    for v in z:
        product *= v
    return total, product


def escape(c):
    z, n = 0j, 0
    while abs(z) < 2 and n < 6:
        z = z * z + c
        n += 1
    return z, n


def chosen(z, k):
    if k > 1:
        y, s = z * 1j, z[0]
        z[0] = 5
    else:
        y, s = z + 1, 1 + z[1]
        z[1] = 5j
    t = z[2] if k > 0 else 2.0 + z[3].real
    return y, s, t


def containers(z):
    held = {"a": [0.0, 0j], "b": z}
    for i in range(3):
        held["a"][0] = held["a"][0] + z[i]
        held["a"][1] = held["a"][1] + 1
        held["b"] = held["b"] * 1j + z
    return held


def becomes_complex(x):
    y = x
    for _ in range(3):
        y = y * 1j
    return y


def apart(z, x):
    y = [
        z + 1,
        +z,
        z.conj(),
        z - x,
        np.asarray(x, dtype=complex),
        x.astype(complex),
        np.array(z),
        z.astype(complex),
    ]
    z[0], x[0] = 7j, 8.0
    for v in y:
        v[1] = 9 + 1j
    return y


def closed_over(z):
    return z * AROUND + AROUND[0] * 2j


def rotated(z):
    while np.abs(z[0]) < 5:
        z *= 1.5 + 1j
    return z.sum()


def first_large(z):
    for i in range(len(z)):
        if np.abs(z[i]) > 1:
            return z[i]
    return z[0] * 0


def gram(z):
    a = np.zeros((len(z), len(z)), complex)
    for i in range(len(z)):
        for j in range(i + 1):
            a[i, j] = z[i] * np.conj(z[j])
    return a


def fourier(z):
    n = len(z)
    found = np.zeros(n, dtype=complex)
    for k in range(n):
        for t in range(n):
            found[k] += z[t] * np.exp(-2j * np.pi * k * t / n)
    return found


def scattered(z):
    np.add.at(z, [0, 0, 1], 1j * z[2])
    return z[[0, 1, 1]]


PROGRAMS = [
    (writes, Z, W),
    (views, Z, X),
    (from_zero, Z),
    (escape, 0.3 + 0.5j),
    (chosen, Z, 2),
    (chosen, Z, 1),
    (containers, Z),
    (becomes_complex, X),
    (apart, Z, X),
    (closed_over, Z),
    (rotated, Z * 0.3),
    (first_large, np.array([0.1j, 0.3, 2 - 1j, 3j])),
    (gram, Z),
    (fourier, Z),
    (scattered, Z),
]


@pytest.mark.parametrize(("program", "args"), [(p[0], p[1:]) for p in PROGRAMS])
def test_programs(program, args):
    agrees(program, *args)


def test_layouts_and_precision():
    agrees(writes, numbers(8)[::2], W)
    agrees(writes, Z.astype(np.complex64), W.astype(np.complex64))
    agrees(gram, np.asfortranarray(numbers(2, 2))[0])


def size(result):
    """A real number that depends on both parts of all complex numbers in a result."""
    if isinstance(result, dict):
        return size([result[key] for key in result])
    if isinstance(result, list | tuple):
        return sum([size(part) for part in result])
    return np.sum(np.real(result) * 1.3 + np.imag(result) * 0.7)


@pytest.mark.parametrize(
    ("program", "args", "levels"),
    [
        (p[0], p[1:], (("linalg",), ("tape", "loop"), ("tape",), ("llvm",))[i % 4])
        for i, p in enumerate(PROGRAMS)
    ],
)
def test_derivatives_of_programs(program, args, levels):
    """By the real and imaginary parts, in both modes."""

    def loss(z, *rest):
        z = z * 1.0
        result = program(z, *rest)
        return size(result) + np.sum(np.real(z) ** 2 - np.imag(z) ** 3)

    first, *rest = args
    direction = _RNG.standard_normal(np.shape(first))
    if np.iscomplexobj(first):
        direction = direction + 1j * _RNG.standard_normal(np.shape(first))
    direction = complex(direction) if isinstance(first, complex) else direction
    above, below = (loss(first + s * direction, *copy.deepcopy(rest)) for s in (1e-6, -1e-6))
    expected = (above - below) / 2e-6
    for level in levels:
        gradient = da.grad(loss, level=level)(first, *copy.deepcopy(rest))
        assert type(gradient) is type(first)
        np.testing.assert_allclose(np.sum(np.real(gradient * direction)), expected, rtol=1e-5, err_msg=level)
        tangents = (direction, *(np.zeros_like(r) if np.ndim(r) else 0.0 for r in rest))
        if all(np.ndim(r) for r in rest):
            _, tangent = da.jvp(loss, (first, *copy.deepcopy(rest)), tangents, level=level)
            np.testing.assert_allclose(tangent, expected, rtol=1e-5, err_msg=level)


def test_refusals():
    def shared(x):
        y = x
        for _ in range(2):
            y = y * 1j
            y[0] = 1.0
        return x

    agrees(shared, X)
    with pytest.raises(CompileError, match="complex"):
        da.grad(lambda z: np.sum(z))(Z)
    with pytest.raises(CompileError, match="complex"):
        da.grad(lambda z: np.sum(z), level="tape")(Z)
    with pytest.raises(CompileError, match="complex"):
        da.jacrev(lambda z: np.abs(z))(Z)
    with pytest.raises(CompileError, match="structure"):
        da.vjp(lambda x: x * 2, X)[1](Z)
    with pytest.raises(CompileError, match="complex"):
        da.vjp(lambda x: x * 2, X, level="tape")[1](Z)
