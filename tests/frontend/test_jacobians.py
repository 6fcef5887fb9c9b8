"""Jacobians and Hessians: shapes as JAX gives them, values against differences."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError, UnsupportedTypeError

X = np.array([0.5, 1.2, -0.7])
M = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])


def differences(f, x, step=1e-6):
    x = np.asarray(x, float)
    columns = np.empty((*np.shape(f(x)), *x.shape))
    for at in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[at] = step
        columns[(..., *at)] = (np.asarray(f(x + e)) - np.asarray(f(x - e))) / (2 * step)
    return columns


def outer(x):
    return np.outer(x, np.sin(x))


def loop_that_writes(x):
    y = x.copy()
    for i in range(1, 3):
        y[i] = y[i] * y[i - 1]
    return y


CASES = [
    (np.tanh, X),
    (outer, X),
    (loop_that_writes, X),
    (lambda x: np.sum(x**2), X),
    (lambda x: x[0] * X, X),
    (lambda x: M @ x, X),
    (lambda m: m @ m.T, M),
    (lambda m: np.array(3.0) * m[0], M),
    (lambda x: np.sin(x) * X, 0.3),
    (lambda x: np.sin(x), np.array(0.3)),
    (lambda x: x[:0], X),
    (lambda x: np.ones(2), X),
    (lambda x: np.sum(x) * np.ones((2, 1)), np.ones((3, 0))),
]


@pytest.mark.parametrize(("function", "x"), CASES)
@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_jacobian(jacobian, function, x):
    found = jacobian(function)(x)
    assert np.shape(found) == (*np.shape(function(x)), *np.shape(x))
    np.testing.assert_allclose(found, differences(function, x), atol=1e-7)
    np.testing.assert_allclose(da.jit(lambda x: 2.0 * jacobian(function)(x))(x), 2.0 * np.asarray(found))


@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_arguments_results_and_dtypes(jacobian):
    def f(x, m, n, *, k=2.0):
        return {"y": m @ x * n, "s": (x[0] * m[0, 0] * k,)}

    by_m, by_x = jacobian(f, argnums=(1, -3))(X, M, 3, k=4.0)["y"]
    assert by_m.shape == (2, 2, 3)
    np.testing.assert_allclose(by_x, 3 * M)
    assert jacobian(f, argnums=1)(X, M, 3)["s"][0].shape == (2, 3)
    assert type(jacobian(lambda x: x * x)(3.0)) is float
    assert type(jacobian(lambda x: x * x)(np.float64(3))) is np.float64
    assert jacobian(lambda x: x * x)(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_arguments_named_twice_or_passed_twice(jacobian, level):
    def f(x, y):
        return x * y + np.sum(x) * y[::-1], y

    y = X[::-1] + 2.0
    by_x, by_y = differences(lambda x: f(x, y)[0], X), differences(lambda y: f(X, y)[0], y)
    expected = {0: (by_x, np.zeros((3, 3))), 1: (by_y, np.eye(3))}
    for argnums in ((1, 0), (0, 0), (0, 1, -2)):
        for found, k in zip(jacobian(f, argnums, level=level)(X, y), range(2), strict=True):
            for J, n in zip(found, argnums, strict=True):
                np.testing.assert_allclose(J, expected[n % 2][k], atol=1e-7)
    (by_first, by_second), _ = da.jit(lambda x: jacobian(f, (0, 1), level=level)(x, x))(X)
    np.testing.assert_allclose(by_first, differences(lambda x: f(x, X)[0], X), atol=1e-7)
    np.testing.assert_allclose(by_second, differences(lambda x: f(X, x)[0], X), atol=1e-7)


def test_jacobians_nest():
    def f(x):
        return np.sum(x**2 * x[::-1])

    expected = differences(da.grad(f), X)
    for second in (da.hessian(f), da.jacrev(da.jacrev(f)), da.jacrev(da.jacfwd(f)), da.jacfwd(da.jacfwd(f))):
        np.testing.assert_allclose(second(X), expected, atol=1e-7)
    np.testing.assert_allclose(da.hvp(f, (X,), (X,)), expected @ X, atol=1e-6)
    trace = da.grad(lambda x: np.trace(da.hessian(f)(x)))
    np.testing.assert_allclose(trace(X), differences(lambda x: np.trace(da.hessian(f)(x)), X), atol=1e-6)
    (aa, ab), (ba, bb) = da.hessian(lambda a, b: np.sum(a * a) * b[0], argnums=(0, 1))(X, np.ones(2))
    assert [h.shape for h in (aa, ab, ba, bb)] == [(3, 3), (3, 2), (2, 3), (2, 2)]
    np.testing.assert_allclose(ab, ba.T)


@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_written_arguments(jacobian):
    def f(x):
        x[0] = x[1] * x[2]
        return x * x

    x, y = X.copy(), X.copy()
    found = jacobian(f)(x)
    f(y)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_allclose(found, differences(lambda x: f(x.copy()), X), atol=1e-7)


@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_refused(jacobian):
    with pytest.raises(CompileError, match="is a list"):
        jacobian(lambda p: p[0])([X])
    with pytest.raises(CompileError, match="type int64"):
        jacobian(lambda x: np.argmax(x))(X)
    with pytest.raises(CompileError, match="type str"):
        jacobian(lambda x: "text")(X)


Z = np.array([0.3 + 0.4j, -1.2 + 0.1j, 0.5 - 2.0j])


def holomorphic_function(z, w):
    y = np.exp(z) * z[::-1] + w * z[0] ** 2
    for k in range(3):
        y[k] = y[k] * z[k] + 1j
    return y, np.sum(z) * w


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_holomorphic_functions(jacobian, level):
    w, h = 0.7 - 0.2j, 1e-6
    found = jacobian(holomorphic_function, (0, 1), holomorphic=True, level=level)(Z, w)
    for k in range(2):
        by_z = [
            (holomorphic_function(Z + e, w)[k] - holomorphic_function(Z - e, w)[k]) / (2 * h)
            for e in h * np.eye(3)
        ]
        by_w = (holomorphic_function(Z, w + h)[k] - holomorphic_function(Z, w - h)[k]) / (2 * h)
        np.testing.assert_allclose(found[k][0], np.stack(by_z, -1), rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(found[k][1], by_w, rtol=1e-7, atol=1e-7)
        assert np.asarray(found[k][0]).dtype == np.complex128


@pytest.mark.parametrize("level", ["tape", "linalg"])
def test_hessian_of_a_holomorphic_function(level):
    found = da.hessian(lambda z: np.sum(z**3) + z[0] * z[2], holomorphic=True, level=level)(Z)
    expected = np.diag(6 * Z) + np.eye(3)[::-1] - np.diag([0, 1, 0])
    np.testing.assert_allclose(found, expected)
    assert da.jacfwd(lambda z: z * z, holomorphic=True, level=level)(2j) == 4j


@pytest.mark.parametrize("level", ["tape", "linalg"])
@pytest.mark.parametrize("jacobian", [da.jacfwd, da.jacrev])
def test_what_is_not_holomorphic(jacobian, level):
    with pytest.raises(UnsupportedTypeError, match="holomorphic=True is given"):
        jacobian(np.sin, holomorphic=True, level=level)(Z.real)
    with pytest.raises(UnsupportedTypeError, match="gives real numbers"):
        jacobian(np.abs, holomorphic=True, level=level)(Z)
    with pytest.raises(UnsupportedTypeError, match="is complex") as caught:
        jacobian(np.sin, level=level)(Z)
    assert "holomorphic=True" in str(caught.value)
