"""The ufuncs that look at the binary form of a float: `frexp`, `nextafter`, `spacing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend.numpy import math_floats
from dialectad.frontend.numpy.support import operand, values, wrapped
from dialectad.frontend.numpy.ufuncs import loop_dtypes, special
from dialectad.frontend.tracers import lift


def _in_loop_dtype(ufunc: np.ufunc, inputs: Any) -> list[Any]:
    """The operands in the dtype in which NumPy computes."""
    operands = [operand(x) for x in inputs]
    types, _ = loop_dtypes(ufunc, operands)
    return [wrapped(value) for value in values(operands, types[: ufunc.nin])]


def _define(ufunc: np.ufunc, function: Callable[..., Any]) -> None:
    def implementation(*inputs: Any) -> Any:
        given = _in_loop_dtype(ufunc, inputs)
        return lift(function(*given)).astype(given[0].dtype)

    special(ufunc)(implementation)


@special(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """numpy.frexp"""
    (value,) = _in_loop_dtype(np.frexp, [x])
    fraction, exponent = math_floats.split(value)
    return lift(fraction).astype(value.dtype), lift(exponent).astype(np.int32)


def _spacing(x: Any) -> Any:
    """By how much the next number that is further from zero differs."""
    return np.where(np.isinf(x), np.nan, math_floats.nextafter(x, np.where(x < 0, -np.inf, np.inf)) - x)


_define(np.nextafter, math_floats.nextafter)
_define(np.spacing, _spacing)
