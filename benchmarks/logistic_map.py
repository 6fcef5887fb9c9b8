"""The logistic map, iterated: a chain of scalars, each of which waits for the one before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

STEPS = 10_000


def arguments() -> tuple[float, float]:
    """The start, and the rate; at this rate it goes around in four."""
    return 0.3, 3.5


def loss(x, rate):
    total = 0.0
    for _ in range(STEPS):
        x = rate * x * (1 - x)
        total += x
    return total


def c(x: float, rate: float) -> Adjoint:
    library, dx, drate, work = build.library("logistic_map"), np.empty(()), np.empty(()), np.empty(STEPS)
    primal = library.bind("logistic_map_primal", x, rate, STEPS)
    gradient = library.bind("logistic_map_gradient", x, rate, STEPS, dx, drate, work)
    return Adjoint(primal, gradient, [dx, drate])


def _jax(jax):
    def loss(x, rate):
        def step(state, _):
            x, total = state
            x = rate * x * (1 - x)
            return (x, total + x), None

        (_, total), _ = jax.lax.scan(step, (x, 0.0), None, length=STEPS)
        return total

    return loss


PROBLEM = Problem("logistic_map", loss, (0, 1), c, _jax, lambda _: loss, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{STEPS} steps", arguments)
