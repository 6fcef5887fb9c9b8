"""A small function with branches, called a million times."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 1_000_000


def arguments(n: int = SIZE) -> tuple[np.ndarray]:
    return (2 * np.random.default_rng(0).standard_normal(n),)


def bend(x):
    """A line that bends down on its right and levels off on its left, smoothly."""
    if x < -1:
        return np.exp(x + 1) - 2
    if x < 1:
        return x
    return 1 + np.log(x)


def loss(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += bend(x[i])
    return total


def c(x: np.ndarray) -> Adjoint:
    library, n, dx = build.library("small_calls"), len(x), np.empty(len(x))
    primal = library.bind("small_calls_primal", x, n)
    return Adjoint(primal, library.bind("small_calls_gradient", x, n, dx), [dx])


def _jax(jax):
    """All branches for all elements; arguments that are safe where a branch isn't taken."""
    jnp = jax.numpy

    def loss(x):
        left = jnp.exp(jnp.minimum(x, -1) + 1) - 2
        right = 1 + jnp.log(jnp.where(x < 1, 1.0, x))
        return jnp.sum(jnp.where(x < -1, left, jnp.where(x < 1, x, right)))

    return loss


def _torch(torch):
    def loss(x):
        left = torch.exp(torch.clamp(x, max=-1) + 1) - 2
        right = 1 + torch.log(torch.where(x < 1, 1.0, x))
        return torch.where(x < -1, left, torch.where(x < 1, x, right)).sum()

    return loss


PROBLEM = Problem("small_calls", loss, (0,), c, _jax, _torch, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE:,} calls", partial(arguments, SIZE))
