"""Products leave loops, and nothing changes but the order of their sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import scf

import dialectad as da
from dialectad.dialects import blas
from tests.gradients import directional_difference, random_direction

STEPS, BATCH, INPUTS, HIDDEN = 6, 3, 9, 8


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape) / 2


W, U, X = normal(HIDDEN, INPUTS), normal(HIDDEN, HIDDEN), normal(STEPS, INPUTS)


def recurrent(w, u, x):
    h = np.zeros(HIDDEN)
    for t in range(STEPS):
        h = np.tanh(w @ x[t] + u @ h)
    return np.sum(h * h)


def backwards(w, u, x):
    h = np.zeros(HIDDEN)
    for t in reversed(range(1, STEPS - 1)):
        h = np.tanh(2.0 * (w @ x[t]) - u @ h)
    return np.sum(h * h)


def both_ways(w, u, x):
    h, g = np.zeros(HIDDEN), np.zeros(HIDDEN)
    for t in range(STEPS):
        h = np.tanh(w @ x[t] + u @ h)
        g = np.sin(w @ x[STEPS - 1 - t] + u @ g + h)
    return np.sum(h * g)


def by_columns(w, u, x):
    x = x.T.copy()
    h = np.zeros(HIDDEN)
    for t in range(STEPS):
        h = np.tanh(w @ x[:, t] + u.T @ h)
    return np.sum(h * h)


def in_batches(w, u, x):
    h = np.zeros((BATCH, HIDDEN))
    for t in range(STEPS):
        h = np.tanh(x[t] @ w.T + h @ u)
    return np.sum(h * h)


def of_matrices(a, v):
    """The derivative by each matrix is a product of its own."""
    y = np.zeros(BATCH)
    for t in range(STEPS):
        y = np.sin(y + a[t] @ v)
    return np.sum(y)


def in_two_loops(w, u, x):
    total = 0.0
    for s in range(4):
        h = np.zeros(HIDDEN)
        for t in range(STEPS):
            h = np.tanh(w @ x[s, t] + u @ h)
        total += np.sum(h * h)
    return total


def a_prefix_sum(w, u, x):
    """The sum of products is read on the way."""
    total, seen = np.zeros((HIDDEN, INPUTS)), 0.0
    for t in range(STEPS):
        total = total + np.outer(u[t], x[t])
        seen = seen + np.sum(np.sin(total @ x[t]) * (w @ x[t]))
    return seen


def an_outer_sum(w, u, x):
    total = np.zeros((HIDDEN, INPUTS))
    for t in range(STEPS):
        total += np.outer(np.sin(u[t]), x[t])
    return np.sum(total * w)


PROGRAMS: list[tuple[Callable[..., Any], tuple[np.ndarray, ...], int]] = [
    (recurrent, (W, U, X), 0),
    (backwards, (W, U, X), 0),
    (both_ways, (W, U, X), 0),
    (by_columns, (W, U, X), 0),
    (in_batches, (W, U, normal(STEPS, BATCH, INPUTS)), 0),
    (of_matrices, (normal(STEPS, BATCH, 70), normal(70)), 1),
    (in_two_loops, (W, U, normal(4, STEPS, INPUTS)), 0),
    (a_prefix_sum, (W, U, X), 1),
    (an_outer_sum, (W, U, X), 0),
]
"""Functions, arguments, and how many sums of products must stay in loops."""


def _sums_in_loops(module) -> int:
    sums = (op for op in module.walk() if isinstance(op, blas.GerOp) or _is_sum(op))
    return sum(isinstance(op.parent_op(), scf.ForOp) for op in sums)


def _is_sum(op) -> bool:
    return isinstance(op, blas.GemmOp) and op.trans_a is not None


@pytest.mark.parametrize(("function", "args", "staying"), PROGRAMS, ids=[p[0].__name__ for p in PROGRAMS])
def test_gradients_have_their_products_after_the_loop(function, args, staying):
    positions = tuple(range(len(args)))
    gradient = da.grad(function, argnums=positions, level="linalg")
    found = gradient(*args)
    direction = random_direction(args)
    rate = sum(np.sum(d * g) for d, g in zip(direction, found, strict=True))
    difference = directional_difference(lambda all_: function(*all_), (args,), direction, 1e-6)
    assert rate == pytest.approx(difference, rel=1e-6)
    for ours, on_tape in zip(found, da.grad(function, argnums=positions, level="tape")(*args), strict=True):
        np.testing.assert_allclose(ours, on_tape, rtol=1e-11, atol=1e-13)
    assert _sums_in_loops(da.jit(gradient).lower(*args).module()) <= staying


@pytest.mark.parametrize("level", ["loop", "llvm"])
def test_lower_levels_differentiate_what_went_before_the_loop(level):
    args = (W, U, normal(STEPS, BATCH, INPUTS))
    found = da.grad(in_batches, argnums=(0, 1, 2), level=level)(*args)
    expected = da.grad(in_batches, argnums=(0, 1, 2), level="tape")(*args)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


def test_products_of_nan_and_infinity_stay():
    x = X.copy()
    x[2, 3], x[4, 1] = np.inf, np.nan

    def products(w, x):
        y = np.zeros((STEPS, HIDDEN))
        for t in range(STEPS):
            y[t] = w @ x[t]
        return y

    w = W.copy()
    w[0] = 0.0
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(da.jit(products)(w, x), products(w, x), rtol=1e-13)


def test_a_loop_that_reads_too_far_ends_in_its_error():
    def too_far(w, x):
        h = np.zeros(HIDDEN)
        for t in range(STEPS + 1):
            h = np.tanh(w @ x[t] + h)
        return h

    with pytest.raises(IndexError):
        da.jit(too_far)(W, X)
