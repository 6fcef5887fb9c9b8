"""A determinant by minors, in a function that calls itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem
from tests.programs.recursion import determinant_by_minors

SIZE = 7


def arguments(n: int = SIZE) -> tuple[np.ndarray]:
    return (np.random.default_rng(0).standard_normal((n, n)),)


def c(a: np.ndarray) -> Adjoint:
    library, n, da = build.library("determinant"), len(a), np.empty_like(a)
    work = np.empty(2 * n**3)
    primal = library.bind("determinant_primal", a, n, work)
    return Adjoint(primal, library.bind("determinant_gradient", a, n, da, work), [da])


def _minors(concatenate: Any, a: Any) -> Any:
    """All minors of one size at once, for a batch of matrices."""
    if a.shape[-1] == 1:
        return a[..., 0, 0]
    minors = [concatenate([a[..., 1:, :j], a[..., 1:, j + 1 :]], -1) for j in range(a.shape[-1])]
    smaller = _minors(concatenate, concatenate([m[None] for m in minors], 0))
    return sum((-1) ** j * a[..., 0, j] * smaller[j] for j in range(a.shape[-1]))


def _jax(jax):
    return partial(_minors, jax.numpy.concatenate)


def _torch(torch):
    return partial(_minors, torch.cat)


PROBLEM = Problem("determinant", determinant_by_minors, (0,), c, _jax, _torch)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{SIZE} by {SIZE}", partial(arguments, SIZE))
