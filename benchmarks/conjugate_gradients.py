"""Conjugate gradients in a `while` to a tolerance, differentiated iteration by iteration. JAX's solver
differentiates what it converges to, by another solution.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem
from tests.programs.roots import conjugate_gradients

SIZE = 300
ROWS = 256
"""Iterations that the adjoint in C has room for."""


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, n))
    return a @ a.T / n + np.eye(n), *rng.standard_normal((2, n))


def loss(a, b, w):
    return np.sum(w * conjugate_gradients(a, b))


def c(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> Adjoint:
    library, n = build.library("conjugate_gradients", blas=True), len(b)
    outputs, work = [np.empty_like(a), np.empty_like(b)], np.empty(4 * ROWS * (n + 1) + 7 * n)
    primal = library.bind("conjugate_gradients_primal", a, b, w, n, 1e-9, work)
    gradient = library.bind("conjugate_gradients_gradient", a, b, w, n, 1e-9, *outputs, work)
    return Adjoint(primal, gradient, outputs)


def _jax(jax):
    def loss(a, b, w):
        x, _ = jax.scipy.sparse.linalg.cg(lambda v: a @ v, b, tol=0.0, atol=1e-9)
        return jax.numpy.sum(w * x)

    return loss


def _torch(torch):
    def loss(a, b, w):
        x = torch.zeros_like(b)
        r = b - a @ x
        p, rr = r, r @ r
        while torch.sqrt(rr) > 1e-9:
            ap = a @ p
            alpha = rr / (p @ ap)
            x, r = x + alpha * p, r - alpha * ap
            new = r @ r
            p, rr = r + new / rr * p, new
        return (w * x).sum()

    return loss


PROBLEM = Problem("conjugate_gradients", loss, (0, 1), c, _jax, _torch)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} unknowns", partial(arguments, SIZE), rtol=1e-7)
