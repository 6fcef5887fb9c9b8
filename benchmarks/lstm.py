"""An LSTM over a sequence, and one of two layers over a long one: the gradient by the weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Call, Case
from benchmarks.gradients import Adjoint, Problem
from benchmarks.memory import MemoryCase

SIZE = (100, 16, 32, 64)
"""Steps, batch, inputs, hidden."""
LONG = (1024, 14, 256, 256)


def arguments(
    size: tuple[int, ...] = SIZE,
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    steps, batch, inputs, hidden = size
    rng = np.random.default_rng(0)
    w = rng.standard_normal((inputs, 4 * hidden)) / np.sqrt(inputs)
    u = rng.standard_normal((hidden, 4 * hidden)) / np.sqrt(hidden)
    params = (w, u, 0.1 * rng.standard_normal(4 * hidden))
    return params, rng.standard_normal((steps, batch, inputs)), rng.standard_normal((batch, hidden))


def layers_arguments(
    size: tuple[int, int, int, int] = LONG, dtype: str = "float64"
) -> tuple[list[tuple[np.ndarray, np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    hidden = size[3]
    first, x, target = arguments(size)
    second, _, _ = arguments((1, 1, hidden, hidden))
    params = [(w.astype(dtype), u.astype(dtype), b.astype(dtype)) for w, u, b in (first, second)]
    return params, x.astype(dtype), target.astype(dtype)


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


def loss_layers(params, x, target):
    for w, u, b in params:
        n = u.shape[0]
        h, c = np.zeros_like(target), np.zeros_like(target)
        states = np.empty((*x.shape[:2], n), x.dtype)
        for t in range(x.shape[0]):
            z = x[t] @ w + h @ u + b
            write, forget, read = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n]), sigmoid(z[:, 2 * n : 3 * n])
            c = forget * c + write * np.tanh(z[:, 3 * n :])
            h = read * np.tanh(c)
            states[t] = h
        x = states
    return np.mean((x[-1] - target) ** 2)


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


def _jax_layer(jax):
    """The last state, and all states; what doesn't depend on them is one product."""
    jnp, sigmoid = jax.numpy, jax.nn.sigmoid

    def layer(params, x, zeros):
        w, u, b = params

        def step(state, projected):
            h, c = state
            write, forget, read, new = jnp.split(projected + h @ u, 4, axis=1)
            c = sigmoid(forget) * c + sigmoid(write) * jnp.tanh(new)
            h = sigmoid(read) * jnp.tanh(c)
            return (h, c), h

        (h, _), states = jax.lax.scan(step, (zeros, zeros), x @ w + b)
        return h, states

    return layer


def _jax(jax):
    layer = _jax_layer(jax)

    def loss(params, x, target):
        h, _ = layer(params, x, jax.numpy.zeros_like(target))
        return jax.numpy.sum((h - target) ** 2)

    return loss


def _jax_layers(jax):
    layer = _jax_layer(jax)

    def loss(params, x, target):
        for p in params:
            _, x = layer(p, x, jax.numpy.zeros_like(target))
        return jax.numpy.mean((x[-1] - target) ** 2)

    return loss


def _torch_layer(torch, params, x, zeros):
    w, u, b = params
    h, c = zeros, zeros
    states = []
    for row in (x @ w + b).unbind():
        write, forget, read, new = torch.addmm(row, h, u).chunk(4, dim=1)
        c = torch.sigmoid(forget) * c + torch.sigmoid(write) * torch.tanh(new)
        h = torch.sigmoid(read) * torch.tanh(c)
        states.append(h)
    return states


def _torch(torch):
    def loss(params, x, target):
        *_, h = _torch_layer(torch, params, x, torch.zeros_like(target))
        return ((h - target) ** 2).sum()

    return loss


def _torch_layers(torch):
    def loss(params, x, target):
        for p in params:
            x = torch.stack(_torch_layer(torch, p, x, torch.zeros_like(target)))
        return ((x[-1] - target) ** 2).mean()

    return loss


PROBLEM = Problem("lstm", loss, (0,), c, _jax, _torch)
LAYERS = Problem("lstm", loss_layers, (0,), None, _jax_layers, _torch_layers)


def cases() -> Iterator[Case]:
    steps, batch, inputs, hidden = SIZE
    yield PROBLEM.case(f"{steps} steps, batch {batch}, {inputs} to {hidden}", partial(arguments, SIZE))
    for dtype, rtol in (("float32", 1e-3), ("float64", 1e-9)):
        steps, batch, inputs, hidden = LONG
        name = f"2 layers, {steps} steps, batch {batch}, {inputs} to {hidden}, {dtype}"
        yield LAYERS.case(name, partial(layers_arguments, LONG, dtype), rtol=rtol)


SMALL = (3, 2, 4, 5)
"""What warms a library up."""


def ahead(contender: str, *size: int) -> Call:
    return PROBLEM.ahead(contender, partial(arguments, size))


def memory_cases() -> Iterator[MemoryCase]:
    yield PROBLEM.memory_case("{} steps, batch {}, {} to {}".format(*SIZE), *SIZE)
