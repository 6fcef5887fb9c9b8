"""Functions of a few numbers: what a gradient costs whose work is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem


def arguments() -> tuple[float, float]:
    return -1.2, 1.0


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def numpy(x, y) -> Any:
    """The adjoint by hand, in Python."""
    away = y - x * x
    return (1 - x) ** 2 + 100 * away**2, -2 * (1 - x) - 400 * x * away, 200 * away


def c(x: float, y: float) -> Adjoint:
    library, dx, dy = build.library("scalars"), np.empty(()), np.empty(())
    return Adjoint(
        library.bind("rosenbrock_primal", x, y), library.bind("rosenbrock_gradient", x, y, dx, dy), [dx, dy]
    )


def places_arguments() -> tuple[float, float, float, float]:
    return 0.9, 0.1, 0.6, -1.3


def haversine(latitude, longitude, other_latitude, other_longitude):
    """The distance of two places on the unit sphere."""
    a = np.sin((other_latitude - latitude) / 2) ** 2
    b = np.cos(latitude) * np.cos(other_latitude) * np.sin((other_longitude - longitude) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(a + b))


def c_haversine(*places: float) -> Adjoint:
    library, d = build.library("scalars"), np.empty(4)
    outputs = [d[i : i + 1].reshape(()) for i in range(4)]
    return Adjoint(
        library.bind("haversine_primal", *places), library.bind("haversine_gradient", *places, d), outputs
    )


def _array_haversine(xp):
    def haversine(latitude, longitude, other_latitude, other_longitude):
        a = xp.sin((other_latitude - latitude) / 2) ** 2
        b = xp.cos(latitude) * xp.cos(other_latitude) * xp.sin((other_longitude - longitude) / 2) ** 2
        return 2 * xp.arcsin(xp.sqrt(a + b))

    return haversine


def _itself(_):
    return rosenbrock


PROBLEM = Problem("scalars", rosenbrock, (0, 1), c, _itself, _itself, numpy, numba=True)
PLACES = Problem(
    *("scalars", haversine, (0, 1, 2, 3), c_haversine),
    jax=lambda jax: _array_haversine(jax.numpy),
    torch=_array_haversine,
    numba=True,
)


def cases() -> Iterator[Case]:
    yield PROBLEM.case("Rosenbrock, of 2", arguments)
    yield PLACES.case("haversine, of 4", places_arguments)
