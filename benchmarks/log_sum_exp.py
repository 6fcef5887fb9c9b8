"""The logarithm of a sum of exponentials, whose gradient is the softmax; of few numbers and of many."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZES = (100, 1_000_000)


def arguments(n: int = SIZES[0]) -> tuple[np.ndarray]:
    return (3 * np.random.default_rng(0).standard_normal(n),)


def loss(x):
    top = np.max(x)
    return np.log(np.sum(np.exp(x - top))) + top


def numpy(x) -> Any:
    """The adjoint by hand."""
    top = x.max()
    e = np.exp(x - top)
    s = e.sum()
    return np.log(s) + top, e / s


def c(x: np.ndarray) -> Adjoint:
    library, n, dx = build.library("log_sum_exp"), len(x), np.empty_like(x)
    primal = library.bind("log_sum_exp_primal", x, n)
    return Adjoint(primal, library.bind("log_sum_exp_gradient", x, n, dx), [dx])


def _jax(jax):
    return jax.scipy.special.logsumexp


def _torch(torch):
    return lambda x: torch.logsumexp(x, 0)


PROBLEM = Problem("log_sum_exp", loss, (0,), c, _jax, _torch, numpy, numba=True)


def cases() -> Iterator[Case]:
    for n in SIZES:
        yield PROBLEM.case(f"{n:,} numbers", partial(arguments, n))
