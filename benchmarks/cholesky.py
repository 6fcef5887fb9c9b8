"""A Gaussian's log-likelihood by Cholesky's method, as loops in place: by the covariance and the observation.

JAX and PyTorch call LAPACK. Only the lower half of the covariance is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 64


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((n, n))
    return root @ root.T / n + np.eye(n), rng.standard_normal(n)


def loss(a, b):
    a, y = a.copy(), b.copy()
    value = 0.0
    for i in range(a.shape[0]):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
            y[i] -= a[i, k] * y[k]
        a[i, i] = np.sqrt(a[i, i])
        y[i] /= a[i, i]
        value += 0.5 * y[i] * y[i] + np.log(a[i, i])
    return value


def c(a: np.ndarray, b: np.ndarray) -> Adjoint:
    library, n = build.library("cholesky"), len(b)
    da, db, work = np.empty((n, n)), np.empty(n), np.empty(n * n + n)
    primal = library.bind("cholesky_primal", a, b, n, work)
    return Adjoint(primal, library.bind("cholesky_gradient", a, b, n, da, db, work), [da, db])


def _jax(jax):
    jnp = jax.numpy

    def loss(a, b):
        lower = jnp.tril(a)
        factor = jnp.linalg.cholesky(lower + jnp.tril(a, -1).T, symmetrize_input=False)
        y = jax.scipy.linalg.solve_triangular(factor, b, lower=True)
        return 0.5 * jnp.sum(y * y) + jnp.sum(jnp.log(jnp.diagonal(factor)))

    return loss


def _torch(torch):
    def loss(a, b):
        factor = torch.linalg.cholesky(torch.tril(a) + torch.tril(a, -1).T)
        y = torch.linalg.solve_triangular(factor, b[:, None], upper=False)
        return 0.5 * (y * y).sum() + factor.diagonal().log().sum()

    return loss


PROBLEM = Problem("cholesky", loss, (0, 1), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} by {SIZE}", partial(arguments, SIZE))
