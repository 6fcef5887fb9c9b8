"""Arguments that the functions of `scipy.linalg` have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.numpy.stacks import Numbers, operands, stacked
from dialectad.frontend.tracing import error


def finite(check_finite: Any, *arguments: Any) -> list[Numbers]:
    """The arguments in a common dtype, checked for infinities and NaN when the program runs."""
    arrays = operands(*arguments)
    if check_finite:
        for x in arrays:
            holds: Any = np.all(np.isfinite(x))
            emit.check(holds.ssa(), "ValueError: array must not contain infs or NaNs")
    return arrays


def square(x: Numbers, what: str = "Expected square matrix, got a1.shape={}") -> Numbers:
    """A stack of square matrices; it raises what SciPy does if it isn't one."""
    from dialectad.frontend.numpy.stacks import square as checked

    if len(x.extents) < 2 or len({n for n in x.extents[-2:] if isinstance(n, int)}) > 1:
        raise error(what.format(tuple(x.shape)), kind=ShapeError)
    stacked(x)
    return checked(x)


def one_matrix(name: str, x: Numbers) -> Numbers:
    """A matrix that isn't a stack of them."""
    if len(x.extents) != 2:
        raise error(
            f"scipy.linalg.{name} of a stack of matrices is not supported",
            hint="call it for each matrix, or use vmap",
            kind=UnsupportedTypeError,
        )
    return x


def only(name: str, **given: tuple[Any, Any]) -> None:
    """Refuse arguments that have another value than the one that is supported."""
    for argument, (value, supported) in given.items():
        if value is not supported and value != supported:
            raise error(
                f"scipy.linalg.{name} with {argument}={value!r} is not supported",
                hint=f"leave it at {supported!r}",
                kind=UnsupportedTypeError,
            )
