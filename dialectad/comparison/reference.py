"""What a gradient is held against: derivatives of the loss along random directions, by differences.

Central differences at shrinking steps h, extrapolated to h = 0 (Ridders): each column of the tableau takes
away one more power of h², and how much neighbours differ tells how far the best entry can be trusted. It
knows nothing of differentiation, and calls the very function that the user wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialectad.comparison.arguments import Arguments, Direction

DIRECTIONS = 3

_FIRST_STEP, _STEPS = 2.0**-6, 12
"""The largest step, relative to the size of the arguments, and how often it is halved: small enough in the
end that of the kinks of a large network only few lie within it."""
_GOOD = 1e-11
"""Relative error from which on a derivative can't be made much better."""
_ROUND_OFF = 4 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Slope:
    """The derivative along a direction."""

    direction: Direction
    derivative: float
    uncertainty: float
    """How far it may be off; infinite where differences don't settle on anything."""

    def along(self, arguments: Arguments, gradient: Sequence[np.ndarray[Any, Any]]) -> tuple[float, float]:
        """The same derivative by a gradient, and the size of its terms, which may cancel."""
        terms = [
            np.ravel(g.astype(np.float64) * self.direction[i])
            for i, g in zip(arguments.active, gradient, strict=True)
        ]
        joined = np.concatenate(terms) if terms else np.zeros(0)
        return float(np.sum(joined)), float(np.sqrt(np.sum(joined * joined)))

    def error(self, arguments: Arguments, gradient: Sequence[np.ndarray[Any, Any]]) -> float:
        """The relative error of a gradient along the direction."""
        found, size = self.along(arguments, gradient)
        scale = max(abs(self.derivative), size)
        difference = abs(found - self.derivative)
        return difference / scale if scale > 0 else difference

    def doubt(self, arguments: Arguments, gradient: Sequence[np.ndarray[Any, Any]]) -> float:
        """The part of `error` that the reference itself may be to blame for."""
        scale = max(abs(self.derivative), self.along(arguments, gradient)[1])
        return self.uncertainty / scale if scale > 0 else self.uncertainty


def slope(function: Callable[..., Any], arguments: Arguments, direction: Direction) -> Slope:
    """The derivative of a loss at the arguments, along a direction."""

    def value(step: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(*arguments.moved(direction, step)))

    return Slope(direction, *extrapolated(value))


def extrapolated(value: Callable[[float], float]) -> tuple[float, float]:
    """The derivative of `value` at 0, and how far it may be off.

    Examples
    --------
    >>> derivative, uncertainty = extrapolated(lambda t: np.exp(3 * t))
    >>> bool(abs(derivative - 3.0) < 1e-10 and uncertainty < 1e-9)
    True
    """
    best, uncertainty = float("nan"), float("inf")
    previous: list[float] = []
    step = _FIRST_STEP
    for _ in range(_STEPS):
        above, below = value(step), value(-step)
        row = [(above - below) / (2 * step)]
        noise = _ROUND_OFF * max(abs(above), abs(below)) / step
        for j, old in enumerate(previous):
            power = 4.0 ** (j + 1)
            row.append((row[j] * power - old) / (power - 1))
            error = max(abs(row[-1] - row[j]), abs(row[-1] - old)) + noise
            if error <= uncertainty:  # not so for NaN
                best, uncertainty = row[-1], error
        if uncertainty <= _GOOD * abs(best):
            break
        previous = row
        step /= 2
    return best, uncertainty


def slopes(function: Callable[..., Any], arguments: Arguments, seed: int) -> tuple[Slope, ...]:
    """The derivatives along random directions."""
    rng = np.random.default_rng(seed)
    return tuple(slope(function, arguments, arguments.direction(rng)) for _ in range(DIRECTIONS))
