"""Arrays that change their shape in loops, or have another one on each way of a branch."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.gradients import directional_difference, inner, random_direction

X = np.array([0.9, 0.2, 1.3, 0.4, 0.7, 0.1])
LEVELS = ["tape", "linalg", "loop", "llvm", "mixed", "auto"]


def shrunk(x, n):
    for _ in range(n):
        x = x[:-1] * 1.1
    return x


def filtered(x, n):
    k = 0
    while np.sum(x) > 1.0 and k < n:
        x = x[x < np.max(x)] * 0.9
        k += 1
    return x * k


def grown(x, n):
    y = np.zeros(1)
    for i in range(n):
        y = np.append(y, x[i % 3] * y[-1] + i)
        y[0] += y[-1] * x[0]
    return y


def doubled(x, n):
    y = x
    for _ in range(n):
        y = np.concatenate([y, np.sin(y)])
    return y


def chosen(x, n):
    y = x[1:] * 2.0 if n > 2 else x
    for _ in range(n):
        x = x[1:] * 1.5 if x[0] > 0.2 else np.append(x, x[0] * x[-1])
    return y, x


def assigned_in_the_loop(x, n):
    y = x[:1]
    for i in range(n):
        z = x[x > 0.11 * i + 0.03]
        if len(z) < 4:
            y = z * 3.0
            break
    return y, z


def nested(x, n):
    total = 0.0
    for i in range(n):
        z = x[x > 0.15 * i]
        while len(z) > 1:
            z = z[1:] * z[:-1]
            total += np.sum(z) * z[0]
    return total


def matrices(x, n):
    a = np.outer(x, x)
    while a.shape[0] > n:
        a = a[1:, 1:] @ a[:-1, :-1]
    return a


def complex_numbers(x, n):
    z = x * 1j
    for _ in range(n):
        z = np.append(z[1:], z[:3] * z[-1])
    return z.real - z.imag


PROGRAMS = [shrunk, filtered, grown, doubled, chosen, assigned_in_the_loop, nested, matrices, complex_numbers]


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_values(function):
    compiled, named = da.jit(function), da.jit(function, dynamic_shapes="m")
    for n in (1, 3):
        expected = function(X, n)
        for found in (compiled(X, n), named(X, n)):
            for f, e in zip(_parts(found), _parts(expected), strict=True):
                assert f.shape == e.shape
                assert f.dtype == e.dtype
                np.testing.assert_allclose(f, e, rtol=1e-12)


def _parts(result):
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_derivatives(function, level):
    def loss(x):
        found = function(x, 3)
        return sum(np.sum(part * part) for part in (found if isinstance(found, tuple) else (found,)))

    direction = random_direction(X)
    slope = directional_difference(loss, (X,), direction, 1e-6)
    found = inner(da.grad(loss, level=level)(X), direction)
    np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7)
    tangent = da.jvp(loss, (X,), (direction,), level=level)[1]
    np.testing.assert_allclose(tangent, slope, rtol=1e-5, atol=1e-7)


def test_no_iterations_and_integers():
    def sieve(n):
        found = np.zeros(0, np.int64)
        for i in range(2, n):
            if np.all(i % found != 0):
                found = np.append(found, i)
        return found

    for n in (0, 3, 40):
        np.testing.assert_array_equal(da.jit(sieve)(n), sieve(n))


@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_second_derivatives(level):
    gradient = da.grad(lambda x: np.sum(grown(x, 3) ** 2), level="linalg")
    expected = [(gradient(X + e) - gradient(X - e)) / 2e-5 for e in 1e-5 * np.eye(6)]
    for jacobian in (da.jacfwd, da.jacrev):
        np.testing.assert_allclose(jacobian(gradient, level=level)(X), expected, rtol=1e-6, atol=1e-6)


def test_what_is_refused():
    def loss(x, n):
        return np.sum(chosen(x, n)[0])

    with pytest.raises(CompileError, match="shape depends on the way"):
        da.grad(loss, level="graph")(X, 3)
    with pytest.raises(CompileError, match="differentiated twice") as caught:
        da.jacrev(da.grad(loss, level="linalg"), level="llvm")(X, 3)
    assert caught.value.location is not None


def test_a_variable_of_a_loop_that_did_not_run():
    def last(x, n):
        for i in range(n):
            y = x[i:]
        return y

    np.testing.assert_array_equal(da.jit(last)(X, 2), X[1:])
    with pytest.raises(UnboundLocalError, match="did not run"):
        da.jit(last)(X, 0)
