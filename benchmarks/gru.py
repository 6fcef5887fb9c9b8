"""Gated recurrent units over a sequence, read backwards and forwards: the gradient by the weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.case import Case
from benchmarks.gradients import Problem

SIZE = (100, 16, 32, 64)
"""Steps, batch, inputs, hidden."""


def arguments(
    size: tuple[int, int, int, int] = SIZE,
) -> tuple[list[tuple[np.ndarray, np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    steps, batch, inputs, hidden = size
    rng = np.random.default_rng(0)
    params = [
        (
            rng.standard_normal((inputs, 3 * hidden)) / np.sqrt(inputs),
            rng.standard_normal((hidden, 3 * hidden)) / np.sqrt(hidden),
            0.1 * rng.standard_normal(3 * hidden),
        )
        for _ in range(2)
    ]
    return params, rng.standard_normal((steps, batch, inputs)), rng.standard_normal((batch, 2 * hidden))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cell(params, x, h):
    w, u, b = params
    n = u.shape[0]
    a, r = x @ w + b, h @ u
    update = sigmoid(a[:, :n] + r[:, :n])
    reset = sigmoid(a[:, n : 2 * n] + r[:, n : 2 * n])
    new = np.tanh(a[:, 2 * n :] + reset * r[:, 2 * n :])
    return (1 - update) * new + update * h


def loss(params, x, target):
    forwards, backwards = params
    shape = (x.shape[1], forwards[1].shape[0])
    h, g = np.zeros(shape), np.zeros(shape)
    for t in range(x.shape[0]):
        h = cell(forwards, x[t], h)
        g = cell(backwards, x[-1 - t], g)
    return np.sum((np.concatenate([h, g], axis=1) - target) ** 2)


def _jax(jax):
    jnp, sigmoid = jax.numpy, jax.nn.sigmoid

    def last(params, x):
        w, u, b = params
        n = len(u)

        def step(h, a):
            r = h @ u
            update = sigmoid(a[:, :n] + r[:, :n])
            reset = sigmoid(a[:, n : 2 * n] + r[:, n : 2 * n])
            new = jnp.tanh(a[:, 2 * n :] + reset * r[:, 2 * n :])
            return (1 - update) * new + update * h, None

        return jax.lax.scan(step, jnp.zeros((x.shape[1], n)), x @ w + b)[0]

    def loss(params, x, target):
        both = [last(params[0], x), last(params[1], x[::-1])]
        return jnp.sum((jnp.concatenate(both, axis=1) - target) ** 2)

    return loss


def _torch(torch):
    def last(params, x):
        w, u, b = params
        h = torch.zeros(x.shape[1], len(u), dtype=x.dtype)
        for a in (x @ w + b).unbind():
            a1, a2, a3 = a.chunk(3, dim=1)
            r1, r2, r3 = (h @ u).chunk(3, dim=1)
            update = torch.sigmoid(a1 + r1)
            h = torch.lerp(torch.tanh(a3 + torch.sigmoid(a2 + r2) * r3), h, update)
        return h

    def loss(params, x, target):
        both = [last(params[0], x), last(params[1], x.flip(0))]
        return ((torch.cat(both, dim=1) - target) ** 2).sum()

    return loss


PROBLEM = Problem("gru", loss, (0,), None, _jax, _torch)


def cases() -> Iterator[Case]:
    steps, batch, inputs, hidden = SIZE
    name = f"both ways, {steps} steps, batch {batch}, {inputs} to {hidden}"
    yield PROBLEM.case(name, partial(arguments, SIZE))
