"""Shortest paths between all pairs, in place: which weights the sum of all distances depends on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 48


def arguments(n: int = SIZE) -> tuple[np.ndarray]:
    weights = np.random.default_rng(0).exponential(1.0, (n, n))
    np.fill_diagonal(weights, 0.0)
    return (weights,)


def loss(weights):
    d = weights.copy()
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                through = d[i, k] + d[k, j]
                if through < d[i, j]:
                    d[i, j] = through
    return np.sum(d)


def c(weights: np.ndarray) -> Adjoint:
    library, n = build.library("floyd_warshall"), len(weights)
    g, work, taken = np.empty((n, n)), np.empty((n, n)), np.zeros(n**3, dtype=np.float32)
    primal = library.bind("floyd_warshall_primal", weights, n, work)
    return Adjoint(primal, library.bind("floyd_warshall_gradient", weights, n, g, work, taken), [g])


def _jax(jax):
    jnp = jax.numpy

    def loss(d):
        def through(k, d):
            by_k = d[:, k, None] + d[k]
            return jnp.where(by_k < d, by_k, d)

        return jnp.sum(jax.lax.fori_loop(0, len(d), through, d))

    return loss


def _torch(torch):
    def loss(d):
        for k in range(len(d)):
            by_k = d[:, k, None] + d[k]
            d = torch.where(by_k < d, by_k, d)
        return d.sum()

    return loss


PROBLEM = Problem("floyd_warshall", loss, (0,), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} nodes", partial(arguments, SIZE))
