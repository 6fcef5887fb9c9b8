"""The heat equation by slices in place: the gradient by its start and by a conductivity that varies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 2048
STEPS = 100


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(n), 0.1 + 0.3 * rng.random(n), rng.standard_normal(n)


def loss(u, k, target):
    u = u.copy()
    for _ in range(STEPS):
        u[1:-1] += k[1:-1] * (u[:-2] - 2 * u[1:-1] + u[2:])
    return np.sum((u - target) ** 2)


def c(u: np.ndarray, k: np.ndarray, target: np.ndarray) -> Adjoint:
    library, n = build.library("heat"), len(u)
    work, du, dk = np.empty((STEPS + 2) * n), np.empty(n), np.empty(n)
    primal = library.bind("heat_primal", u, k, target, n, STEPS, work)
    gradient = library.bind("heat_gradient", u, k, target, n, STEPS, du, dk, work)
    return Adjoint(primal, gradient, [du, dk])


def _jax(jax):
    def loss(u, k, target):
        def step(_, u):
            return u.at[1:-1].add(k[1:-1] * (u[:-2] - 2 * u[1:-1] + u[2:]))

        return jax.numpy.sum((jax.lax.fori_loop(0, STEPS, step, u) - target) ** 2)

    return loss


def _torch(torch):
    def loss(u, k, target):
        for _ in range(STEPS):
            inner = u[1:-1] + k[1:-1] * (u[:-2] - 2 * u[1:-1] + u[2:])
            u = torch.cat([u[:1], inner, u[-1:]])
        return ((u - target) ** 2).sum()

    return loss


PROBLEM = Problem("heat", loss, (0, 1), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} elements, {STEPS} steps", partial(arguments, SIZE))
