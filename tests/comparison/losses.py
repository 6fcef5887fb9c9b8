"""Losses with arguments that are awkward to compare, each in its own way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import dialectad as da

RNG = np.random.default_rng(3)
X = RNG.standard_normal(6)
BIG = RNG.standard_normal((128, 128)) / 8


class Layer(NamedTuple):
    W: np.ndarray
    b: np.ndarray


LAYERS = {"first": Layer(RNG.standard_normal((4, 6)), np.zeros(4)), "scale": 0.5}


def smooth(x):
    return np.sum(np.tanh(x) ** 2)


def of_pytree(params, x):
    layer = params["first"]
    return np.sum(np.tanh(layer.W @ x + layer.b)) * params["scale"]


def of_scalars(a, n):
    total = 0.0
    for _ in range(n):
        total = total + a * np.sin(total + a)
    return total


def writes(u):
    for _ in range(3):
        u[1:-1] = 0.5 * u[1:-1] + 0.25 * (u[:-2] + u[2:])
    return np.sum(u**3)


def recurrent(W, x):
    h = np.zeros(128)
    for t in range(4):
        h = np.tanh(W @ h + x[t])
    return np.sum(h * h)


def to_convergence(x):
    y = 1.0 + x[0] * x[0]
    z = y
    while abs(z * z - y) > 1e-12:
        z = 0.5 * (z + y / z)
    return z


def relu(x):
    return np.sum(np.maximum(x, 0.0) * x)


def stopped(x):
    return np.sum(x * da.stop_gradient(x))


def at_a_kink(x):
    return np.sum(np.where(x > 0.0, x, 3.0 * x))


def not_finite(x):
    return np.sum(np.log(-np.abs(x)))


def constant(x):
    return np.sum(x * 0.0) + 1.0


def vector(x):
    return x * 2.0


def integer(x):
    return 3


def pair(x):
    return np.sum(x), x


def out_of_range(x):
    return x[10]


def unsupported(x):
    return np.sum(np.roots(x).real)


def two_halves(x):
    x = np.tanh(x @ x)
    for _ in range(9):
        x[1:-1] += 0.1 * (x[:-2] - 2 * x[1:-1] + x[2:])
    y = x[0].copy()
    for _ in range(99):
        for i in range(1, 128):
            y[i] *= 1 + 0.01 * np.sin(y[i - 1])
    return np.sum(y)
