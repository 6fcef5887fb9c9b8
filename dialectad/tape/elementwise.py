"""Operations on one element after the other: Python's operators, ufuncs, the functions of `math`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend import staging
from dialectad.tape.plans import Operation, Repeated


class Elementwise(Repeated):
    """An operation on numbers, applied to all elements of what it is given."""

    def __init__(self, name: str, source: str, names: dict[str, Any], primitive: Callable[..., Any]):
        def traced(*operands: Any) -> Any:
            return staging.call(primitive)(*operands)

        def unplanned(*_: Any) -> Any:
            raise NotImplementedError

        super().__init__(Operation(name, source, names, traced, unplanned, elementwise=True))


def _by_operator(symbol: str, ufunc: np.ufunc) -> Elementwise:
    return Elementwise(ufunc.__name__, f"x0 {symbol} x1", {}, ufunc)


BINARY: dict[str, Elementwise] = {
    "add": _by_operator("+", np.add),
    "sub": _by_operator("-", np.subtract),
    "mul": _by_operator("*", np.multiply),
    "truediv": _by_operator("/", np.true_divide),
    "floordiv": _by_operator("//", np.floor_divide),
    "mod": _by_operator("%", np.remainder),
    "pow": _by_operator("**", np.power),
    "and": _by_operator("&", np.bitwise_and),
    "or": _by_operator("|", np.bitwise_or),
    "xor": _by_operator("^", np.bitwise_xor),
    "lshift": _by_operator("<<", np.left_shift),
    "rshift": _by_operator(">>", np.right_shift),
    "lt": _by_operator("<", np.less),
    "le": _by_operator("<=", np.less_equal),
    "gt": _by_operator(">", np.greater),
    "ge": _by_operator(">=", np.greater_equal),
    "eq": _by_operator("==", np.equal),
    "ne": _by_operator("!=", np.not_equal),
}
"""Python's binary operators, by the names of their methods."""

UNARY: dict[str, Elementwise] = {
    "neg": Elementwise("negative", "-x0", {}, np.negative),
    "pos": Elementwise("positive", "+x0", {}, np.positive),
    "abs": Elementwise("absolute", "abs(x0)", {"abs": abs}, np.absolute),
    "invert": Elementwise("invert", "~x0", {}, np.invert),
}

COPIES = {
    order: Elementwise("copy", f"x0.copy({'' if order == 'C' else repr(order)})", {}, np.positive)
    for order in "CFAK"
}
"""`x.copy(order)`"""

UFUNCS: dict[np.ufunc, Elementwise] = {}
"""The ufuncs that were called, each as an operation."""

FUNCTIONS: dict[tuple[Callable[..., Any], int], Elementwise] = {}
"""The functions of `math`, by their number of arguments."""

_POWERS: dict[int, Elementwise] = {}

_LARGEST_POWER = 64
"""Larger exponents are operands like any other."""


def ufunc_operation(ufunc: np.ufunc) -> Elementwise | None:
    """The operation that a ufunc is; None if it doesn't go by elements, or gives several results."""
    found = UFUNCS.get(ufunc)
    if found is None:
        if ufunc.signature is not None or ufunc.nout != 1:
            return None
        arguments = ", ".join(f"x{i}" for i in range(ufunc.nin))
        found = Elementwise(ufunc.__name__, f"function({arguments})", {"function": ufunc}, ufunc)
        found = UFUNCS.setdefault(ufunc, found)
    return found


def math_operation(function: Callable[..., Any], arguments: int) -> Elementwise:
    """The operation that a function of `math` is."""
    found = FUNCTIONS.get((function, arguments))
    if found is None:
        names = ", ".join(f"x{i}" for i in range(arguments))
        found = Elementwise(
            f"math.{function.__name__}", f"function({names})", {"function": function}, function
        )
        found = FUNCTIONS.setdefault((function, arguments), found)
    return found


def power(exponent: int) -> Elementwise | None:
    """Raising to a small power that is known, which has simpler derivatives than `x**y`."""
    found = _POWERS.get(exponent)
    if found is None and abs(exponent) <= _LARGEST_POWER:

        def function(x: Any) -> Any:
            return np.power(x, exponent)

        found = _POWERS[exponent] = Elementwise("power", f"x0 ** ({exponent})", {}, function)
    return found


__all__ = ["BINARY", "COPIES", "UFUNCS", "UNARY", "Elementwise", "math_operation", "power", "ufunc_operation"]
