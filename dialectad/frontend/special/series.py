"""What the special functions are put together from.

Each is written with NumPy's functions, for traced floats in double precision. Where formulas meet, `where`
chooses, and a formula that isn't chosen gets an argument at which it is smooth: its derivatives are then
exactly 0, and those of the one that is chosen are its own, of any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects import math

from dialectad.frontend import emit
from dialectad.frontend.numpy.support import operand, wrapped
from dialectad.frontend.tracers import lift


def chebyshev(coefficients: Sequence[float], t: Any) -> Any:
    """A sum of Chebyshev polynomials of t in [-1, 1], by Clenshaw's recurrence (DLMF 3.11.15)."""
    above: Any = 0.0
    value: Any = 0.0
    for c in reversed(coefficients[1:]):
        value, above = 2.0 * t * value - above + c, value
    return t * value - above + coefficients[0]


def horner(coefficients: Sequence[float], x: Any) -> Any:
    """A polynomial, whose coefficients come from the lowest power up."""
    value: Any = 0.0
    for c in reversed(coefficients):
        value = value * x + c
    return value


def erf(x: Any) -> Any:
    """The error function, an op of its own."""
    return wrapped(emit.op(math.ErfOp(lift(operand(x)).ssa())))
