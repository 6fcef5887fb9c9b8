"""Kepler's equation by Newton's method, in a `while` to convergence: all elements at once, and one by one.

The iteration itself is differentiated, by C too. (The implicit function theorem would do with its last step.)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 1024
TOLERANCE = 1e-12
ROWS = 64
"""Iterations that the adjoint in C has room for."""


def arguments(n: int = SIZE) -> tuple[np.ndarray, float, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(0.1, np.pi, n), 0.7, rng.standard_normal(n)


def loss(m, e, w):
    anomaly = m
    largest = 1.0
    while largest > TOLERANCE:
        step = (anomaly - e * np.sin(anomaly) - m) / (1 - e * np.cos(anomaly))
        anomaly = anomaly - step
        largest = np.max(np.abs(step))
    return np.sum(w * anomaly)


def loss_each(m, e, w):
    total = 0.0
    for i in range(m.shape[0]):
        anomaly = m[i]
        step = 1.0
        while abs(step) > TOLERANCE:
            step = (anomaly - e * np.sin(anomaly) - m[i]) / (1 - e * np.cos(anomaly))
            anomaly = anomaly - step
        total += w[i] * anomaly
    return total


def c(m: np.ndarray, e: float, w: np.ndarray) -> Adjoint:
    library, n = build.library("kepler"), len(m)
    dm, de, work = np.empty(n), np.empty(()), np.empty(ROWS * n)
    primal = library.bind("kepler_primal", m, e, w, n, TOLERANCE, work)
    return Adjoint(primal, library.bind("kepler_gradient", m, e, w, n, TOLERANCE, dm, de, work), [dm, de])


def c_each(m: np.ndarray, e: float, w: np.ndarray) -> Adjoint:
    library, n = build.library("kepler"), len(m)
    dm, de = np.empty(n), np.empty(())
    primal = library.bind("kepler_each_primal", m, e, w, n, TOLERANCE)
    return Adjoint(primal, library.bind("kepler_each_gradient", m, e, w, n, TOLERANCE, dm, de), [dm, de])


def _jax(jax):
    """JAX has no reverse mode for `while_loop`, and says so."""
    jnp = jax.numpy

    def loss(m, e, w):
        def step(state):
            anomaly, _ = state
            step = (anomaly - e * jnp.sin(anomaly) - m) / (1 - e * jnp.cos(anomaly))
            return anomaly - step, jnp.max(jnp.abs(step))

        anomaly, _ = jax.lax.while_loop(lambda state: state[1] > TOLERANCE, step, (m, 1.0))
        return jnp.sum(w * anomaly)

    return loss


def _torch(torch):
    def loss(m, e, w):
        anomaly = m
        largest = 1.0
        while largest > TOLERANCE:
            step = (anomaly - e * torch.sin(anomaly) - m) / (1 - e * torch.cos(anomaly))
            anomaly = anomaly - step
            largest = step.detach().abs().max()
        return (w * anomaly).sum()

    return loss


PROBLEM = Problem("kepler", loss, (0, 1), c, _jax, _torch, numba=True)
EACH = Problem("kepler", loss_each, (0, 1), c_each, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} elements at once", partial(arguments, SIZE))
    yield EACH.case(f"{SIZE} elements one by one", partial(arguments, SIZE))
