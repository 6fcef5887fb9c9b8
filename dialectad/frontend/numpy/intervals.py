"""What is known of integers while tracing: bounds, and constant distances from other integers.

`Scalar.interval` and `Scalar.offset` let the indexing leave out checks that can't fail, and find that
`a[i : i + 3]` has three elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dialectad.frontend.tracers import Interval, Scalar

_LEAST, _MOST = -(2**63), 2**63 - 1


def of(x: Any) -> Interval | None:
    """The bounds of an integer operand, if any are known."""
    if isinstance(x, Scalar):
        return x.interval
    return (int(x), int(x)) if isinstance(x, int | np.integer) and not isinstance(x, bool) else None


def track(ufunc: np.ufunc, result: Scalar, operands: Sequence[Any]) -> None:
    """Note what is known of the result of an integer ufunc."""
    rule = _RULES.get(ufunc)
    known = [of(x) for x in operands]
    if rule is not None and None not in known:
        low, high = rule(*known) or (_LEAST - 1, _MOST + 1)
        if low >= _LEAST and high <= _MOST:
            result.interval = (low, high)
    elif ufunc is np.remainder and known[1] is not None:
        result.interval = _remainder(None, known[1])
    if ufunc in (np.add, np.subtract):
        _track_offset(ufunc, result, operands, known)


def _track_offset(
    ufunc: np.ufunc, result: Scalar, operands: Sequence[Any], known: Sequence[Interval | None]
) -> None:
    """x + c is c more than what x is an offset of."""
    x, y = operands
    for base, constant in ((x, known[1]), (y, known[0])):
        if isinstance(base, Scalar) and constant is not None and constant[0] == constant[1]:
            if ufunc is np.subtract and base is y:
                continue
            value, distance = base.offset
            result.offset = (value, distance + (constant[0] if ufunc is np.add else -constant[0]))
            return


def _products(a: Interval, b: Interval) -> Interval:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _floor_divide(a: Interval, b: Interval) -> Interval | None:
    if b[0] <= 0:
        return None
    corners = [x // y for x in a for y in b]
    return min(corners), max(corners)


def _remainder(a: Interval | None, b: Interval) -> Interval | None:
    if b[0] <= 0:
        return None
    if a is not None and a[0] >= 0 and a[1] < b[0]:
        return a
    return 0, b[1] - 1


def _absolute(a: Interval) -> Interval:
    high = max(abs(a[0]), abs(a[1]))
    return (0 if a[0] <= 0 <= a[1] else min(abs(a[0]), abs(a[1]))), high


_RULES: dict[np.ufunc, Callable[..., Interval | None]] = {
    np.add: lambda a, b: (a[0] + b[0], a[1] + b[1]),
    np.subtract: lambda a, b: (a[0] - b[1], a[1] - b[0]),
    np.multiply: _products,
    np.negative: lambda a: (-a[1], -a[0]),
    np.positive: lambda a: a,
    np.absolute: _absolute,
    np.minimum: lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    np.maximum: lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    np.floor_divide: _floor_divide,
    np.remainder: _remainder,
}


def is_python(x: Any) -> bool:
    """Whether an operand is, or stands for, a Python number."""
    return x.weak if isinstance(x, Scalar) else type(x) in (bool, int, float)
