"""A vector divided by its norm, which is computed again for every element.

The function costs n^2 as written and n once the norm has left the loop. Differentiated as written, the
adjoint of each norm adds to all elements of the cotangent, which no later optimisation undoes: n^2.
Differentiated after optimisation, it costs n.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import peers
from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

SIZES = (64, 256, 1024)


def arguments(n: int = SIZES[-1]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(n), rng.standard_normal(n)


def norm(x):
    total = 0.0
    for j in range(x.shape[0]):
        total += x[j] * x[j]
    return np.sqrt(total)


def loss(x, w):
    total = 0.0
    for i in range(x.shape[0]):
        total += w[i] * (x[i] / norm(x))
    return total


def c(x: np.ndarray, w: np.ndarray) -> Adjoint:
    library, n, dx = build.library("normalize"), len(x), np.empty(len(x))
    primal = library.bind("normalize_primal", x, w, n)
    return Adjoint(primal, library.bind("normalize_gradient", x, w, n, dx), [dx])


def _jax(jax):
    """The loops as written; XLA doesn't move loops out of loops."""

    def loss(x, w):
        def norm():
            return jax.numpy.sqrt(jax.lax.fori_loop(0, len(x), lambda j, s: s + x[j] * x[j], 0.0))

        return jax.lax.fori_loop(0, len(x), lambda i, s: s + w[i] * (x[i] / norm()), 0.0)

    return loss


BEFORE = "linalg, before optimisation"


def problem() -> Problem:
    before = peers.dialectad().Level("linalg", optimize_first=False)
    return Problem("normalize", loss, (0,), c, _jax, levels={BEFORE: before})


def cases() -> Iterator[Case]:
    for n in SIZES:
        yield problem().case(f"{n} elements", partial(arguments, n), coordinates={"size": float(n)})
