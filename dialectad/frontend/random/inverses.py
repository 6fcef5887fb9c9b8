"""Numbers that are a function of one evenly distributed number: the inverse of their distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.random import bits
from dialectad.frontend.random.staged import accepted, staged


@staged
def laplace(state: Any) -> Any:
    """A number of the Laplace distribution around 0."""

    def attempt() -> tuple[Any, Any]:
        u = bits.unit(state)
        return -np.log(2.0 - u - u) if u >= 0.5 else np.log(u + u), u > 0.0

    return accepted(attempt, np.float64(0))


@staged
def logistic(state: Any) -> Any:
    """A number of the logistic distribution around 0."""

    def attempt() -> tuple[Any, Any]:
        u = bits.unit(state)
        return np.log(u / (1.0 - u)), u > 0.0

    return accepted(attempt, np.float64(0))


@staged
def gumbel(state: Any) -> Any:
    """A number of the Gumbel distribution whose mode is 0."""

    def attempt() -> tuple[Any, Any]:
        u = 1.0 - bits.unit(state)
        return -np.log(-np.log(u)), u < 1.0

    return accepted(attempt, np.float64(0))
