"""Logistic regression: the loss of many observations by the weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = (10_000, 100)
"""Observations and features."""
PENALTY = 0.1


def arguments(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal(size[1]) / np.sqrt(size[1]), rng.standard_normal(size)
    return w, x, np.where(x @ rng.standard_normal(size[1]) > 0, 1.0, -1.0)


def loss(w, x, y):
    return np.mean(np.logaddexp(0.0, -y * (x @ w))) + PENALTY * np.sum(w * w)


def numpy(w, x, y) -> Any:
    """The adjoint by hand."""
    z = -y * (x @ w)
    value = np.mean(np.logaddexp(0.0, z)) + PENALTY * np.sum(w * w)
    return value, (-y / (1 + np.exp(-z)) / len(y)) @ x + 2 * PENALTY * w


def c(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> Adjoint:
    library, args = build.library("logistic_regression"), (w, x, y, *x.shape, PENALTY)
    dw, work = np.empty_like(w), np.empty(len(y))
    primal = library.bind("logistic_regression_primal", *args, work)
    return Adjoint(primal, library.bind("logistic_regression_gradient", *args, dw, work), [dw])


def _jax(jax):
    jnp = jax.numpy
    return lambda w, x, y: jnp.mean(jax.nn.softplus(-y * (x @ w))) + PENALTY * jnp.sum(w * w)


def _torch(torch):
    softplus = torch.nn.functional.softplus
    return lambda w, x, y: softplus(-y * (x @ w)).mean() + PENALTY * (w * w).sum()


PROBLEM = Problem("logistic_regression", loss, (0,), c, _jax, _torch, numpy, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case("{} observations, {} features".format(*SIZE), partial(arguments, SIZE), rtol=1e-8)
