"""Which gradients are right: held against differences of the loss, and against one another.

Differences know nothing of differentiation, but only so many digits, and nothing of `stop_gradient` and of
kinks. The levels know all digits, but share rules. A level is right that differences don't contradict, and
that the majority of the levels doesn't contradict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialectad.comparison.arguments import Arguments
from dialectad.comparison.reference import Slope

Gradient = Sequence[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Tolerance:
    """How far apart what is equal may be, relatively."""

    differences: float
    levels: float


DOUBLE = Tolerance(1e-6, 1e-8)
SINGLE = Tolerance(5e-3, 1e-3)

_DOUBTS = 10.0
"""How many times the doubt about a reference a gradient may be off."""
_USELESS = 0.1
"""A reference with more doubt than this says nothing."""


@dataclass(frozen=True)
class Verdict:
    """What there is to say about the gradient of a level."""

    error: float | None
    """The largest relative error along a direction; None where no direction has a reference."""
    apart: float | None
    """The relative distance to the majority; None for a level alone."""
    complaint: str = ""
    """Why the gradient counts as wrong; empty where it doesn't."""


def distance(a: Gradient, b: Gradient) -> float:
    """The largest difference of entries, relative to the largest entry."""
    largest = difference = 0.0
    for x, y in zip(a, b, strict=True):
        if x.shape != y.shape:
            return float("inf")
        if not x.size:
            continue
        wide, other = x.astype(np.float64), y.astype(np.float64)
        same = (wide == other) | (np.isnan(wide) & np.isnan(other))
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0.0, np.abs(wide - other))
        difference = max(difference, float("inf") if np.isnan(apart).any() else float(np.max(apart)))
        finite = np.abs(wide[np.isfinite(wide)])
        largest = max(largest, float(np.max(finite)) if finite.size else 0.0)
    if difference == 0.0:
        return 0.0
    return difference / largest if largest > 0 else float("inf")


def majority(gradients: Mapping[str, Gradient], errors: Mapping[str, float], tolerance: float) -> list[str]:
    """The largest group of levels that agree; of two as large, the one with the smaller error."""
    groups = [[n for n in gradients if distance(gradients[m], gradients[n]) <= tolerance] for m in gradients]
    return max(groups, key=lambda g: (len(g), -min(errors.get(n, float("inf")) for n in g)), default=[])


def verdicts(
    arguments: Arguments, gradients: Mapping[str, Gradient], slopes: Sequence[Slope]
) -> dict[str, Verdict]:
    """Judge the gradients of all levels."""
    tolerance = SINGLE if arguments.single else DOUBLE
    errors: dict[str, float] = {}
    contradicted: dict[str, str] = {}
    for name, gradient in gradients.items():
        for slope in slopes:
            doubt = slope.doubt(arguments, gradient)
            if not doubt < _USELESS:
                continue
            error = slope.error(arguments, gradient)
            error = error if error == error else float("inf")
            errors[name] = max(errors.get(name, 0.0), error)
            if error > max(tolerance.differences, _DOUBTS * doubt):
                contradicted[name] = f"differences of the loss contradict it: relative error {error:.1e}"
    trusted = majority(gradients, errors, tolerance.levels)
    found = {}
    for name, gradient in gradients.items():
        others = [m for m in trusted if m != name]
        apart = distance(gradients[others[0]], gradient) if others else None
        complaint = contradicted.get(name, "")
        if not complaint and apart is not None and apart > tolerance.levels:
            complaint = f"it is {apart:.1e} away from {', '.join(others)}"
        found[name] = Verdict(errors.get(name), apart, complaint)
    return found
