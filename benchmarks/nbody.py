"""Bodies that attract one another, as a double loop over scalars: kinetic energy by positions and masses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 48
STEPS = 10
DT = 0.01
SOFT = 0.05


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 3)), 0.1 * rng.standard_normal((n, 3)), rng.uniform(0.5, 1.5, n)


def loss(x, v, m):
    x, v = x.copy(), v.copy()
    n = x.shape[0]
    for _ in range(STEPS):
        for i in range(n):
            ax, ay, az = 0.0, 0.0, 0.0
            for j in range(n):
                rx, ry, rz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
                r2 = rx * rx + ry * ry + rz * rz + SOFT
                w = m[j] / (r2 * np.sqrt(r2))
                ax += w * rx
                ay += w * ry
                az += w * rz
            v[i, 0] += DT * ax
            v[i, 1] += DT * ay
            v[i, 2] += DT * az
        x += DT * v
    return 0.5 * np.sum(m[:, np.newaxis] * v * v)


def c(x: np.ndarray, v: np.ndarray, m: np.ndarray) -> Adjoint:
    library, n = build.library("nbody"), len(m)
    dx, dm, work = np.empty((n, 3)), np.empty(n), np.empty((STEPS + 3) * 3 * n)
    primal = library.bind("nbody_primal", x, v, m, n, STEPS, DT, SOFT, work)
    gradient = library.bind("nbody_gradient", x, v, m, n, STEPS, DT, SOFT, dx, dm, work)
    return Adjoint(primal, gradient, [dx, dm])


def _jax(jax):
    def loss(x, v, m):
        def step(_, state):
            x, v = state
            r = x[None, :, :] - x[:, None, :]
            r2 = (r * r).sum(axis=2) + SOFT
            v = v + DT * ((m / (r2 * jax.numpy.sqrt(r2)))[:, :, None] * r).sum(axis=1)
            return x + DT * v, v

        _, v = jax.lax.fori_loop(0, STEPS, step, (x, v))
        return 0.5 * (m[:, None] * v * v).sum()

    return loss


def _torch(torch):
    def loss(x, v, m):
        for _ in range(STEPS):
            r = x[None, :, :] - x[:, None, :]
            r2 = (r * r).sum(dim=2) + SOFT
            v = v + DT * ((m / (r2 * torch.sqrt(r2)))[:, :, None] * r).sum(dim=1)
            x = x + DT * v
        return 0.5 * (m[:, None] * v * v).sum()

    return loss


PROBLEM = Problem("nbody", loss, (0, 2), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} bodies, {STEPS} steps", partial(arguments, SIZE))
