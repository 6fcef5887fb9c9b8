"""A polynomial by Horner's scheme, fitted to points by least squares."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = (10_000, 8)
"""Points and coefficients."""


def arguments(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size[0])
    return rng.standard_normal(size[1]), x, np.sin(3 * x) + 0.1 * rng.standard_normal(size[0])


def loss(coefficients, x, y):
    p = np.zeros_like(x)
    for k in range(len(coefficients)):
        p = p * x + coefficients[k]
    return np.sum((p - y) ** 2)


def numpy(coefficients, x, y) -> Any:
    """The adjoint by hand."""
    p = np.zeros_like(x)
    for coefficient in coefficients:
        p = p * x + coefficient
    away = p - y
    d, gradient = 2 * away, np.empty_like(coefficients)
    for k in reversed(range(len(coefficients))):
        gradient[k] = d.sum()
        d *= x
    return np.sum(away**2), gradient


def c(coefficients: np.ndarray, x: np.ndarray, y: np.ndarray) -> Adjoint:
    library, n, k = build.library("polynomial"), len(x), len(coefficients)
    gradient, work = np.empty(k), np.empty(2 * len(x))
    primal = library.bind("polynomial_primal", coefficients, x, y, n, k, work)
    return Adjoint(
        primal, library.bind("polynomial_gradient", coefficients, x, y, n, k, gradient, work), [gradient]
    )


def _jax(jax):
    return lambda coefficients, x, y: ((jax.numpy.polyval(coefficients, x) - y) ** 2).sum()


def _torch(torch):
    def loss(coefficients, x, y):
        p = torch.zeros_like(x)
        for coefficient in coefficients:
            p = p * x + coefficient
        return ((p - y) ** 2).sum()

    return loss


PROBLEM = Problem("polynomial", loss, (0,), c, _jax, _torch, numpy, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case("{} points, {} coefficients".format(*SIZE), partial(arguments, SIZE))
