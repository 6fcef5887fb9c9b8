"""A derivative at level llvm of a derivative that keeps values in caches that grow."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.gradients import directional_difference


def while_in_a_loop(x):
    total = 0.0
    for i in range(4):
        y = x[i]
        while y * y < 4.0:
            y = y * 1.4 + 0.3 * x[0] + 0.5
        total = total + y * x[i]
    return total


def arrays_in_a_while(x):
    z = x.copy()
    while np.sum(z * z) < 50.0:
        z[1:] = z[1:] * z[:-1] + np.sin(z[1:]) * 2.0 + 1.0
        z[0] = z[0] * 1.2
        if z[1] > 1.5:
            z = z * 0.9 + x
    return np.sum(z * x)


def largest_eigenvalue(x):
    A = np.outer(x, x) + np.eye(4)
    v, value, old = np.ones(4), 1.0, 0.0
    while np.abs(value - old) > 1e-6:
        w = A @ v
        old = value
        value = np.sqrt(np.sum(w * w))
        v = w / value
    return value


def loops_of_unknown_length(x):
    M, k = np.outer(x, x) + np.eye(4), 0
    while k < 4 and M[0, 0] < 10.0:
        M = np.sin(M) @ M * 0.3 + 0.5
        for i in range(int(np.minimum(np.abs(M[0, 0]) * 2.0, 6.0))):
            M[i % 4] = M[i % 4] * x[1] + M[(i + 1) % 4]
        k += 1
    return np.sum(M)


def no_iteration(x):
    y = x[0] * x[1]
    while y > 100.0:
        y = y * x[2]
    return y * x[3]


X, T, S = np.array([0.3, -0.7, 0.5, 1.1]), np.array([0.3, 0.2, -0.5, 0.7]), np.array([-0.2, 0.5, 0.3, 0.4])
PROGRAMS = [while_in_a_loop, arrays_in_a_while, largest_eigenvalue, loops_of_unknown_length, no_iteration]


@pytest.mark.parametrize("inner", ["linalg", "loop", "llvm"])
@pytest.mark.parametrize("function", PROGRAMS)
def test_second_derivatives(function, inner: str) -> None:
    reference = da.grad(function, level="linalg")
    expected = directional_difference(lambda x: reference(x) @ T, (X,), S, 1e-6)
    gradient = da.grad(function, level=inner)

    def slope(x):
        return np.sum(gradient(x) * T)

    second = da.grad(lambda x: np.sum(reference(x) * T), level="linalg")(X)
    np.testing.assert_allclose(second @ S, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(da.grad(slope, level="llvm")(X), second, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(da.jvp(slope, (X,), (S,), level="llvm")[1], second @ S, rtol=1e-9, atol=1e-12)


def test_third_derivative() -> None:
    first = da.grad(while_in_a_loop, level="linalg")
    second = da.grad(lambda x: np.sum(first(x) * T), level="loop")
    third = da.grad(lambda x: np.sum(second(x) * S), level="llvm")(X)
    expected = directional_difference(lambda x: second(x) @ S, (X,), T, 1e-6)
    np.testing.assert_allclose(third @ T, expected, rtol=1e-5, atol=1e-7)
