"""A matrix product as three loops over scalars. C runs loops too; JAX and PyTorch call their product."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZE = 96


def arguments(n: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.random.default_rng(0).standard_normal((2, n, n)) / np.sqrt(n)
    return a, b


def loss(a, b):
    n = a.shape[0]
    product = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            for k in range(n):
                product[i, j] += a[i, k] * b[k, j]
    return np.sum(product**2)


def c(a: np.ndarray, b: np.ndarray) -> Adjoint:
    library, n = build.library("matmul_loops"), len(a)
    da, db, work = np.empty((n, n)), np.empty((n, n)), np.empty((n, n))
    primal = library.bind("matmul_loops_primal", a, b, n, work)
    return Adjoint(primal, library.bind("matmul_loops_gradient", a, b, n, da, db, work), [da, db])


def _library_product(_):
    return lambda a, b: ((a @ b) ** 2).sum()


PROBLEM = Problem("matmul_loops", loss, (0, 1), c, _library_product, _library_product, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} by {SIZE}", partial(arguments, SIZE))
