"""Nonlinear Gauss-Seidel sweeps: every element is updated in place, from a neighbour that already was."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 256
STEPS = 50
DT = 0.1


def arguments(n: int = SIZE) -> tuple[np.ndarray]:
    return (np.random.default_rng(0).standard_normal(n),)


def loss(u):
    u = u.copy()
    for _ in range(STEPS):
        for i in range(1, u.shape[0] - 1):
            u[i] = u[i] + DT * np.sin(u[i - 1] - 2 * u[i] + u[i + 1])
    return np.sum(u**2)


def c(u: np.ndarray) -> Adjoint:
    library, n = build.library("seidel"), len(u)
    work, kept, du = np.empty(n), np.empty(STEPS * n), np.empty(n)
    primal = library.bind("seidel_primal", u, n, STEPS, DT, work)
    return Adjoint(primal, library.bind("seidel_gradient", u, n, STEPS, DT, du, work, kept), [du])


def _jax(jax):
    jnp = jax.numpy

    def element(left, here):
        middle, right = here
        new = middle + DT * jnp.sin(left - 2 * middle + right)
        return new, new

    def sweep(_, u):
        _, inner = jax.lax.scan(element, u[0], (u[1:-1], u[2:]))
        return jnp.concatenate([u[:1], inner, u[-1:]])

    return lambda u: jnp.sum(jax.lax.fori_loop(0, STEPS, sweep, u) ** 2)


def _torch(torch):
    def loss(u):
        u = list(u)
        for _ in range(STEPS):
            for i in range(1, len(u) - 1):
                u[i] = u[i] + DT * torch.sin(u[i - 1] - 2 * u[i] + u[i + 1])
        return (torch.stack(u) ** 2).sum()

    return loss


PROBLEM = Problem("seidel", loss, (0,), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} elements, {STEPS} sweeps", partial(arguments, SIZE))
