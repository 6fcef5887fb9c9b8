"""A Gaussian's log-likelihood, its covariance made of diffused features: by these and the conductivity.

The diffusion works on slices and the covariance is a matrix product; Cholesky's method is loops over single
elements, in place. The one has its fastest gradient at level linalg, the other at level loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SHAPE = (128, 64)
"""Points, and features of each."""
STEPS = 20


def arguments(n: int = SHAPE[0], d: int = SHAPE[1]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)), 0.1 + 0.3 * rng.random(d), rng.standard_normal(n)


def loss(x, k, b):
    x, y = x.copy(), b.copy()
    for _ in range(STEPS):
        x[:, 1:-1] += k[1:-1] * (x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:])
    a = x @ x.T / x.shape[1] + np.eye(x.shape[0])
    value = 0.0
    for i in range(a.shape[0]):
        for j in range(i):
            for m in range(j):
                a[i, j] -= a[i, m] * a[j, m]
            a[i, j] /= a[j, j]
        for m in range(i):
            a[i, i] -= a[i, m] * a[i, m]
            y[i] -= a[i, m] * y[m]
        a[i, i] = np.sqrt(a[i, i])
        y[i] /= a[i, i]
        value += 0.5 * y[i] * y[i] + np.log(a[i, i])
    return value


def c(x: np.ndarray, k: np.ndarray, b: np.ndarray) -> Adjoint:
    library, (n, d) = build.library("gaussian_process", blas=True), x.shape
    dx, dk, db = np.empty((n, d)), np.empty(d), np.empty(n)
    work = np.empty((STEPS + 1) * n * d + 3 * n * n + n + 2 * d)
    primal = library.bind("gaussian_process_primal", x, k, b, n, d, STEPS, work)
    gradient = library.bind("gaussian_process_gradient", x, k, b, n, d, STEPS, dx, dk, db, work)
    return Adjoint(primal, gradient, [dx, dk])


def _jax(jax):
    jnp = jax.numpy

    def loss(x, k, b):
        def step(_, x):
            return x.at[:, 1:-1].add(k[1:-1] * (x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:]))

        x = jax.lax.fori_loop(0, STEPS, step, x)
        factor = jnp.linalg.cholesky(x @ x.T / x.shape[1] + jnp.eye(x.shape[0]), symmetrize_input=False)
        y = jax.scipy.linalg.solve_triangular(factor, b, lower=True)
        return 0.5 * jnp.sum(y * y) + jnp.sum(jnp.log(jnp.diagonal(factor)))

    return loss


def _torch(torch):
    def loss(x, k, b):
        for _ in range(STEPS):
            inner = x[:, 1:-1] + k[1:-1] * (x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:])
            x = torch.cat([x[:, :1], inner, x[:, -1:]], 1)
        factor = torch.linalg.cholesky(x @ x.T / x.shape[1] + torch.eye(x.shape[0], dtype=x.dtype))
        y = torch.linalg.solve_triangular(factor, b[:, None], upper=False)
        return 0.5 * (y * y).sum() + factor.diagonal().log().sum()

    return loss


PROBLEM = Problem("gaussian_process", loss, (0, 1), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SHAPE[0]} points, {SHAPE[1]} features, {STEPS} steps", partial(arguments, *SHAPE))
