"""Derivatives of derivatives, at any combination of levels."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.tape.check import floats

TRACED = da.Level("tape", compile_trace=True)
LEVELS = ["tape", "linalg", TRACED]
V = floats(4)


def mixed(x):
    y = x.copy()
    for i in range(1, 4):
        y[i] = y[i] * y[i - 1] + np.sin(x[i])
    return np.sum(y * y * x)


def branching(x):
    total = 0.0
    for v in x:
        if v > 0:  # noqa: SIM108  (a statement, not an expression)
            total = total + v * v * v
        else:
            total = total * v
    return total


def both(function: Any, outer: Any, inner: Any) -> np.ndarray[Any, Any]:
    """The gradient of the norm of the gradient."""
    gradient = da.grad(function, level=inner)
    return da.grad(lambda x: np.sum(gradient(x) ** 2), level=outer)(V.copy())


@pytest.mark.parametrize("levels", list(product(LEVELS, LEVELS)), ids=str)
@pytest.mark.parametrize("function", [mixed, branching], ids=lambda f: f.__name__)
def test_gradient_of_gradient(function, levels):
    expected = both(function, "linalg", "linalg")
    if function is branching and levels in (("linalg", "tape"), ("linalg", TRACED)):
        with pytest.raises(CompileError, match="Python's control flow needs this value") as caught:
            both(function, *levels)
        assert "if v > 0:" in str(caught.value)
        assert 'differentiate at level "linalg"' in str(caught.value)
        return
    np.testing.assert_allclose(both(function, *levels), expected, rtol=1e-9)


@pytest.mark.parametrize("levels", list(product(LEVELS[:2], repeat=3)), ids=str)
def test_third_derivatives(levels):
    def f(x):
        return np.sum(np.sin(x) * x[0])

    function: Any = f
    for level in levels:
        function = _slope(function, level)
    expected: Any = f
    for _ in levels:
        expected = _slope(expected, "linalg")
    np.testing.assert_allclose(function(V), expected(V), rtol=1e-8)


def _slope(function: Any, level: Any) -> Any:
    gradient = da.grad(function, level=level)
    return lambda x: np.sum(gradient(x) * V)


@pytest.mark.parametrize("levels", list(product(["tape", "linalg"], repeat=2)), ids=str)
def test_products_and_jacobians(levels):
    outer, inner = levels

    def pulled(x):
        out, pullback = da.vjp(lambda y: np.cumsum(y * y), x, level=inner)
        return np.sum(pullback(out * x)[0])

    def pushed(x):
        out, tangent = da.jvp(lambda y: np.exp(y) * y[0], (x,), (x * x,), level=inner)
        return np.sum(out * tangent)

    def rows(x):
        return np.sum(da.jacrev(lambda y: y[:2] * y[1], level=inner)(x) ** 2)

    def columns(x):
        return np.sum(da.jacfwd(lambda y: np.outer(y, y), level=inner)(x) ** 2 * x[0])

    for function in (pulled, pushed, rows, columns):
        expected = da.grad(function, level="linalg")(V)
        np.testing.assert_allclose(da.grad(function, level=outer)(V), expected, rtol=1e-9)
        _, tangent = da.jvp(function, (V,), (V * V,), level=outer)
        np.testing.assert_allclose(tangent, np.sum(expected * V * V), rtol=1e-9)


def test_hessians():
    expected = da.hessian(mixed, level="linalg")(V)
    np.testing.assert_allclose(da.hessian(mixed, level="tape")(V), expected, rtol=1e-9)
    np.testing.assert_allclose(da.hvp(mixed, (V,), (V,), level="tape"), expected @ V, rtol=1e-9)
    blocks = da.hessian(lambda x, y: np.sum(x * x) * y, argnums=(0, 1), level="tape")(V, 2.0)
    np.testing.assert_allclose(blocks[0][0], 4.0 * np.eye(4))
    np.testing.assert_allclose(blocks[0][1], 2.0 * V)
    assert blocks[1][1] == 0.0


@pytest.mark.parametrize("level", ["tape", "linalg"])
def test_jacobians_of_all_shapes(level):
    def f(A, s):
        return {"a": A[0] * s, "b": (np.sum(A) * s, A)}

    A = floats(2, 3)
    for jacobian in (da.jacfwd, da.jacrev):
        found = jacobian(f, argnums=(0, 1), level=level)(A, 2.0)
        assert found["a"][0].shape == (3, 2, 3)
        np.testing.assert_allclose(found["a"][1], A[0])
        np.testing.assert_allclose(found["b"][0][0], np.full((2, 3), 2.0))
        assert isinstance(found["b"][0][1], np.float64)
        np.testing.assert_allclose(found["b"][1][0], np.eye(6).reshape(2, 3, 2, 3))
    assert da.jacfwd(lambda x: x * x, level=level)(3.0) == 6.0
    assert isinstance(da.jacrev(lambda x: x * x, level=level)(3.0), float)
    assert da.jacfwd(lambda x: x * 2.0, level=level)(np.zeros((0, 2))).shape == (0, 2, 0, 2)


def test_compiled_functions_are_one_operation():
    @da.jit
    def step(x, n, scale=1.0):
        y = x.copy()
        for i in range(n):
            y = np.tanh(y * scale) + x[i]
        return y, y[0]

    def f(x):
        y, first = step(x, 3, scale=0.5)
        if first > 0.1:
            return np.sum(y) * first
        return np.sum(y * y)

    for x in (V, -V, V * 0.1):
        np.testing.assert_allclose(da.grad(f, level="tape")(x), da.grad(f, level="linalg")(x), rtol=1e-9)


def test_compiled_functions_write_into_tape_arrays():
    @da.jit
    def double(x, out):
        out[1:] = 2.0 * x[1:]
        return out

    def f(x):
        out = np.ones(4)
        again = double(x, out)
        out[2] *= x[0]
        return np.sum(again * out * x)

    np.testing.assert_allclose(da.grad(f, level="tape")(V), da.grad(f, level="linalg")(V), rtol=1e-9)


def test_an_optimiser_within():
    def fit(start, target):
        gradient = da.grad(lambda w: np.sum((w * w - target) ** 2), level="tape")
        w = start
        for _ in range(5):
            w = w - 0.05 * gradient(w)
        return np.sum(w)

    for level in ("tape", TRACED):
        found = da.grad(fit, argnums=1, level=level)(np.ones(2), np.array([2.0, 3.0]))
        step = 1e-6
        above = fit(np.ones(2), np.array([2.0 + step, 3.0]))
        below = fit(np.ones(2), np.array([2.0 - step, 3.0]))
        np.testing.assert_allclose(found[0], (above - below) / (2 * step), rtol=1e-6)


def test_a_pullback_may_be_differentiated_later():
    _, pullback = da.vjp(lambda x: np.sin(x) * x[:, None][:, 0], V, level="tape")
    gradient = da.grad(lambda ct: np.sum(pullback(ct)[0] ** 2), level="tape")(np.ones(4))
    slope = np.cos(V) * V + np.sin(V)
    np.testing.assert_allclose(gradient, 2 * slope**2)


@da.at_level("loop")
def at_its_level(x):
    y = np.zeros(4)
    for i in range(1, 4):
        y[i] = y[i - 1] + x[i] * x[i]
    return y if x[0] < 9 else x


def test_parts_at_other_levels():
    def f(x):
        with da.at_level("llvm"):
            z = np.ones(4)
            z[1:] *= x[:-1]
        return np.sum(at_its_level(x) * z)

    expected = da.grad(f, level="linalg")(V)
    for level in ("tape", TRACED):
        np.testing.assert_allclose(da.grad(f, level=level)(V), expected)


def test_closures_over_outer_values():
    def f(x):
        return da.grad(lambda y: np.sum(y * y * x) * x[0], level="tape")(x * 2.0)[1]

    expected = np.array([4 * V[1] ** 2, 8 * V[0] * V[1], 0.0, 0.0])
    np.testing.assert_allclose(da.grad(f, level="tape")(V), expected)
