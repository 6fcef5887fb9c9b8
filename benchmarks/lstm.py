"""An LSTM over a sequence: the gradient by its weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = (100, 16, 32, 64)
"""Steps, batch, inputs, hidden."""


def arguments(
    size: tuple[int, int, int, int] = SIZE,
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    steps, batch, inputs, hidden = size
    rng = np.random.default_rng(0)
    w = rng.standard_normal((inputs, 4 * hidden)) / np.sqrt(inputs)
    u = rng.standard_normal((hidden, 4 * hidden)) / np.sqrt(hidden)
    params = (w, u, 0.1 * rng.standard_normal(4 * hidden))
    return params, rng.standard_normal((steps, batch, inputs)), rng.standard_normal((batch, hidden))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss(params, x, target):
    w, u, b = params
    n = u.shape[0]
    h, c = np.zeros(target.shape), np.zeros(target.shape)
    for t in range(x.shape[0]):
        z = x[t] @ w + h @ u + b
        write, forget, read = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n]), sigmoid(z[:, 2 * n : 3 * n])
        c = forget * c + write * np.tanh(z[:, 3 * n :])
        h = read * np.tanh(c)
    return np.sum((h - target) ** 2)


def c(params: tuple[np.ndarray, np.ndarray, np.ndarray], x: np.ndarray, target: np.ndarray) -> Adjoint:
    library = build.library("lstm", blas=True)
    steps, batch, inputs = x.shape
    hidden = target.shape[1]
    size = np.array([steps, batch, inputs, hidden], dtype=np.int64)
    work = np.empty((7 * steps + 4) * batch * hidden)
    outputs = [np.empty_like(p) for p in params]
    primal = library.bind("lstm_primal", *params, x, target, size, work)
    gradient = library.bind("lstm_gradient", *params, x, target, size, *outputs, work)
    return Adjoint(primal, gradient, outputs)


def _jax(jax):
    jnp, sigmoid = jax.numpy, jax.nn.sigmoid

    def loss(params, x, target):
        w, u, b = params

        def step(state, x):
            h, c = state
            write, forget, read, new = jnp.split(x @ w + h @ u + b, 4, axis=1)
            c = sigmoid(forget) * c + sigmoid(write) * jnp.tanh(new)
            return (sigmoid(read) * jnp.tanh(c), c), None

        zeros = jnp.zeros(target.shape)
        (h, _), _ = jax.lax.scan(step, (zeros, zeros), x)
        return jnp.sum((h - target) ** 2)

    return loss


def _torch(torch):
    def loss(params, x, target):
        w, u, b = params
        h, c = torch.zeros_like(target), torch.zeros_like(target)
        for row in x:
            write, forget, read, new = (row @ w + h @ u + b).chunk(4, dim=1)
            c = torch.sigmoid(forget) * c + torch.sigmoid(write) * torch.tanh(new)
            h = torch.sigmoid(read) * torch.tanh(c)
        return ((h - target) ** 2).sum()

    return loss


PROBLEM = Problem("lstm", loss, (0,), c, _jax, _torch)


def cases() -> Iterator[Case]:
    steps, batch, inputs, hidden = SIZE
    yield PROBLEM.case(f"{steps} steps, batch {batch}, {inputs} to {hidden}", partial(arguments, SIZE))
