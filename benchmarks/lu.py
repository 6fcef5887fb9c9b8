"""LU decomposition without pivots, in place, as three loops over scalars."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 96


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    a, w = np.random.default_rng(0).standard_normal((2, n, n))
    return a / np.sqrt(n) + 3 * np.eye(n), w


def loss(a, w):
    """The sum of the factors' elements, with weights."""
    n = a.shape[0]
    lu = a.copy()
    for k in range(n):
        for i in range(k + 1, n):
            lu[i, k] /= lu[k, k]
            for j in range(k + 1, n):
                lu[i, j] -= lu[i, k] * lu[k, j]
    return np.sum(w * lu)


def c(a: np.ndarray, w: np.ndarray) -> Adjoint:
    library, n, da, work = build.library("lu"), len(a), np.empty_like(a), np.empty_like(a)
    primal = library.bind("lu_primal", a, w, n, work)
    return Adjoint(primal, library.bind("lu_gradient", a, w, n, da, work), [da])


def _jax(jax):
    jnp = jax.numpy

    def loss(a, w):
        places = jnp.arange(len(a))

        def step(k, a):
            below = places > k
            column = jnp.where(below, a[:, k] / a[k, k], 0.0)
            a = a - jnp.outer(column, jnp.where(below, a[k], 0.0))
            return a.at[:, k].set(jnp.where(below, column, a[:, k]))

        return jnp.sum(w * jax.lax.fori_loop(0, len(a), step, a))

    return loss


def _torch(torch):
    def loss(a, w):
        value = 0.0
        for _ in range(len(a)):
            row, column = a[0], a[1:, 0] / a[0, 0]
            value = value + w[0] @ row + w[1:, 0] @ column
            a, w = a[1:, 1:] - torch.outer(column, row[1:]), w[1:, 1:]
        return value

    return loss


PROBLEM = Problem("lu", loss, (0,), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} by {SIZE}", partial(arguments, SIZE))
