"""Gram and Schmidt's orthogonalisation, column by column. JAX and PyTorch call LAPACK's QR decomposition."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem
from tests.programs.polybench_solvers import gramschmidt

SIZE = (96, 64)


def arguments(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(size), rng.standard_normal(size), rng.standard_normal((size[1], size[1]))


def loss(a, by_q, by_r):
    q, r = gramschmidt(a.copy())
    return np.sum(by_q * q) + np.sum(by_r * r)


def c(a: np.ndarray, by_q: np.ndarray, by_r: np.ndarray) -> Adjoint:
    library, (m, n), da = build.library("gram_schmidt"), a.shape, np.empty_like(a)
    work = np.empty(4 * m * n + 2 * n * n)
    primal = library.bind("gram_schmidt_primal", a, by_q, by_r, m, n, work)
    return Adjoint(primal, library.bind("gram_schmidt_gradient", a, by_q, by_r, m, n, da, work), [da])


def _by_library(xp: Any) -> Any:
    def loss(a, by_q, by_r):
        q, r = xp.linalg.qr(a)
        signs = xp.sign(xp.diagonal(r))
        return (by_q * q * signs).sum() + (by_r * signs[:, None] * r).sum()

    return loss


PROBLEM = Problem("gram_schmidt", loss, (0,), c, lambda jax: _by_library(jax.numpy), _by_library)


def cases() -> Iterator[Case]:
    yield PROBLEM.case("{} by {}".format(*SIZE), partial(arguments, SIZE))
