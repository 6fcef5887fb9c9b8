"""Loops over scalars become products, with the same result and gradient, or stay."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.dialects import blas
from tests.gradients import directional_difference, random_direction

M, N, K = 4, 5, 6


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def rows_first(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(N):
            for k in range(K):
                c[i, j] += a[i, k] * b[k, j]
    return c


def sum_outermost(a, b, c):
    c = c.copy()
    for k in range(K):
        for j in range(N):
            for i in range(M):
                c[i, j] -= 2.0 * a[i, k] * b[k, j]
    return c


def in_a_scalar(a, b, c):
    c = c.copy()
    for j in range(N):
        for i in range(M):
            total = 0.0
            for k in range(K):
                total += a[i, k] * b[k, j]
            c[i, j] = total
    return c


def from_what_was_there(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(N):
            total = c[i, j]
            for k in range(K):
                total -= b[k, j] * a[i, k]
            c[i, j] = total
    return c


def subtracted_afterwards(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(N):
            total = 0.0
            for k in range(K):
                total -= a[i, k] * b[k, j]
            c[i, j] = c[i, j] - total
    return c


def scaled(a, b, c):
    c, alpha = c.copy(), np.sin(b[0, 0])
    for i in range(M):
        for k in range(K):
            for j in range(N):
                c[i, j] += alpha * a[i, k] * b[k, j]
    return c


def in_parts(a, b, c):
    c = c.copy()
    for i in range(1, M):
        for j in range(N - 1):
            for k in range(2, K):
                c[i, j + 1] += a[i - 1, k] * b[k - 2, j]
    return c


def transposed(a, b, c):
    c = c.T.copy()
    for i in range(M):
        for j in range(N):
            for k in range(K):
                c[j, i] += a[i, k] * b[k, j]
    return c


def one_row(a, b, c):
    a, c = a[:1].copy(), c[:1].copy()
    for j in range(N):
        for k in range(K):
            c[0, j] += a[0, k] * b[k, j]
    return c


def with_a_vector(a, b, c):
    c = c.copy()
    for i in range(M):
        for k in range(K):
            c[i, 1] += a[i, k] * b[k, 2]
        for j in range(N):
            c[i, j] += 0.5
    return c


def outer(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(N):
            c[i, j] += a[i, 0] * b[0, j]
    return c


RAISED = [
    *(rows_first, sum_outermost, in_a_scalar, from_what_was_there, subtracted_afterwards),
    *(scaled, in_parts, transposed, one_row, outer),
]


def overwritten(a, b, c):
    """The last `k` wins."""
    c = c.copy()
    for i in range(M):
        for k in range(K):
            for j in range(N):
                c[i, j] = a[i, k] * b[k, j]
    return c


def from_minus_zero(a, b, c):
    """A sum of products that are -0.0 is -0.0 then."""
    c = c.copy()
    for i in range(M):
        for j in range(N):
            total = -0.0
            for k in range(K):
                total += a[i, k] * b[k, j]
            c[i, j] = total
    return c


def on_the_diagonal(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(M):
            for k in range(K):
                c[i, i] += a[i, k] * b[k, j]
    return c


def triangular(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(i + 1):
            for k in range(K):
                c[i, j] += a[i, k] * b[k, j]
    return c


def squared_sum(a, b, c):
    """The sum is read while it is made."""
    c = c.copy()
    for i in range(M):
        for j in range(N):
            for k in range(K):
                c[i, j] += a[i, k] * b[k, j] * c[i, j]
    return c


def of_itself(a, b, c):
    c = c.copy()
    for i in range(M):
        for j in range(N):
            for k in range(M):
                c[i, j] += a[i, k] * c[k, j]
    return c


STAYING = [overwritten, from_minus_zero, on_the_diagonal, triangular, squared_sum, of_itself, with_a_vector]


def _args(dtype=np.float64):
    return tuple(normal(*shape).astype(dtype) for shape in ((M, K), (K, N), (M, N)))


def _products(function, args) -> int:
    module = da.jit(function).lower(*args).module()
    return sum(isinstance(op, blas.GemmOp | blas.GemvOp | blas.GerOp) for op in module.walk())


@pytest.mark.parametrize("function", RAISED, ids=lambda f: f.__name__)
def test_loops_become_a_product(function, monkeypatch):
    monkeypatch.setattr("dialectad.rewrite.raise_loops.SMALLEST", 1)
    args = _args()
    assert _products(function, args) == 1
    _check(function, args)


@pytest.mark.parametrize("function", STAYING, ids=lambda f: f.__name__)
def test_other_loops_stay(function, monkeypatch):
    monkeypatch.setattr("dialectad.rewrite.raise_loops.SMALLEST", 1)
    args = _args()
    assert _products(function, args) == 0
    _check(function, args)


def _check(function, args):
    np.testing.assert_allclose(da.jit(function)(*args), function(*args), rtol=1e-12)
    single = _args(np.float32)
    np.testing.assert_allclose(da.jit(function)(*single), function(*single), rtol=1e-4, atol=1e-5)

    def loss(all_):
        return np.sum(np.sin(function(*all_)))

    direction = random_direction((args,))[0]
    expected = directional_difference(loss, (args,), direction, 1e-6)
    for level in ("linalg", "loop"):
        gradient = da.grad(loss, level=level)(args)
        rate = sum(np.sum(d * g) for d, g in zip(direction, gradient, strict=True))
        assert rate == pytest.approx(expected, rel=1e-6)
        _, tangent = da.jvp(loss, (args,), (direction,), level=level)
        assert tangent == pytest.approx(expected, rel=1e-6)


def test_nan_and_infinity_stay(monkeypatch):
    monkeypatch.setattr("dialectad.rewrite.raise_loops.SMALLEST", 1)
    a, b, c = _args()
    a[1, 2], b[2, 3], b[4, 0], a[0] = np.nan, np.inf, -np.inf, 0.0
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(da.jit(rows_first)(a, b, c), rows_first(a, b, c), rtol=1e-12)
