"""A neural ODE with steps that adapt to the error, in a `while`: the gradient by the network's weights,
through the choice of steps, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.gradients import Problem

SIZE = (32, 4, 64)
"""Batch, dimensions, hidden."""
TOLERANCE = 1e-6
MOST = 64
"""Steps that JAX has room for."""


def arguments(size: tuple[int, int, int] = SIZE) -> tuple[Any, ...]:
    batch, d, hidden = size
    rng = np.random.default_rng(0)
    params = [rng.standard_normal((d, hidden)), 0.1 * rng.standard_normal(hidden)]
    params += [rng.standard_normal((hidden, d)) / np.sqrt(hidden), 0.1 * rng.standard_normal(d)]
    return params, *rng.standard_normal((2, batch, d))


def rhs(params, y):
    w1, b1, w2, b2 = params
    return np.tanh(y @ w1 + b1) @ w2 + b2


def loss(params, y, target):
    """Bogacki and Shampine's method of order 3, with an estimate of order 2."""
    t, h = 0.0, 0.1
    k1 = rhs(params, y)
    while t < 1.0:
        h = np.minimum(h, 1.0 - t)
        k2 = rhs(params, y + h / 2 * k1)
        k3 = rhs(params, y + 3 * h / 4 * k2)
        new = y + h / 9 * (2 * k1 + 3 * k2 + 4 * k3)
        k4 = rhs(params, new)
        away = h * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8)
        error = np.sqrt(np.mean(away * away)) / TOLERANCE
        if error <= 1.0:
            t = t + h
            y, k1 = new, k4
        h = h * np.clip(0.9 * error ** (-1 / 3), 0.2, 5.0)
    return np.mean((y - target) ** 2)


def _jax(jax):
    """A fixed number of steps, those after the end do nothing: there is no reverse mode for `while_loop`."""
    jnp, lax = jax.numpy, jax.lax

    def rhs(params, y):
        w1, b1, w2, b2 = params
        return jnp.tanh(y @ w1 + b1) @ w2 + b2

    def loss(params, y, target):
        def step(state):
            t, h, y, k1 = state
            h = jnp.minimum(h, 1.0 - t)
            k2 = rhs(params, y + h / 2 * k1)
            k3 = rhs(params, y + 3 * h / 4 * k2)
            new = y + h / 9 * (2 * k1 + 3 * k2 + 4 * k3)
            k4 = rhs(params, new)
            away = h * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8)
            error = jnp.sqrt(jnp.mean(away * away)) / TOLERANCE
            good = error <= 1.0
            t, y, k1 = jnp.where(good, t + h, t), jnp.where(good, new, y), jnp.where(good, k4, k1)
            return t, h * jnp.clip(0.9 * error ** (-1 / 3), 0.2, 5.0), y, k1

        def bounded(state, _):
            return lax.cond(state[0] < 1.0, step, lambda state: state, state), None

        start = (jnp.asarray(0.0), jnp.asarray(0.1), y, rhs(params, y))
        (_, _, y, _), _ = lax.scan(bounded, start, None, length=MOST)
        return jnp.mean((y - target) ** 2)

    return loss


def _torch(torch):
    def rhs(params, y):
        w1, b1, w2, b2 = params
        return torch.tanh(y @ w1 + b1) @ w2 + b2

    def loss(params, y, target):
        t, h = torch.tensor(0.0, dtype=y.dtype), torch.tensor(0.1, dtype=y.dtype)
        k1 = rhs(params, y)
        while t < 1.0:
            h = torch.minimum(h, 1.0 - t)
            k2 = rhs(params, y + h / 2 * k1)
            k3 = rhs(params, y + 3 * h / 4 * k2)
            new = y + h / 9 * (2 * k1 + 3 * k2 + 4 * k3)
            k4 = rhs(params, new)
            away = h * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8)
            error = torch.sqrt((away * away).mean()) / TOLERANCE
            if error <= 1.0:
                t = t + h
                y, k1 = new, k4
            h = h * torch.clip(0.9 * error ** (-1 / 3), 0.2, 5.0)
        return ((y - target) ** 2).mean()

    return loss


PROBLEM = Problem("neural_ode", loss, (0,), None, _jax, _torch)


def cases() -> Iterator[Case]:
    batch, d, hidden = SIZE
    yield PROBLEM.case(f"adaptive, batch {batch}, {d} dimensions, {hidden} hidden", partial(arguments, SIZE))
