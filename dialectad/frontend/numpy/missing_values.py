"""Functions that leave out what is NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend import emit
from dialectad.frontend.numpy import reductions
from dialectad.frontend.numpy.reductions import NONE
from dialectad.frontend.numpy.stacks import numbers
from dialectad.frontend.numpy.support import array, implements, operand
from dialectad.frontend.tracing import error


def present(a: Any) -> Any:
    """Which elements aren't NaN."""
    return np.logical_not(np.isnan(numbers(a)))


def filled(a: Any, otherwise: Any) -> Any:
    """An array with another number in the places of NaN."""
    source: Any = numbers(a)
    if source.dtype.kind not in "fc":
        return source
    return np.where(np.isnan(source), source.real.dtype.type(otherwise), source)


# --- sums and products -------------------------------------------------------------------------


@implements(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, initial: Any = NONE, where: Any = True) -> Any:  # fmt: skip  # noqa: E501
    """numpy.nansum"""
    given = {} if initial is NONE else {"initial": initial}
    return np.sum(filled(a, 0), axis, dtype, keepdims=keepdims, where=where, **given)


@implements(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, initial: Any = NONE, where: Any = True) -> Any:  # fmt: skip  # noqa: E501
    """numpy.nanprod"""
    given = {} if initial is NONE else {"initial": initial}
    return np.prod(filled(a, 1), axis, dtype, keepdims=keepdims, where=where, **given)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """numpy.nancumsum"""
    return np.cumsum(filled(a, 0), axis, dtype)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """numpy.nancumprod"""
    return np.cumprod(filled(a, 1), axis, dtype)


# --- moments -----------------------------------------------------------------------------------


def _counted(a: Any, where: Any) -> Any:
    return present(a) if where is True else np.logical_and(present(a), where)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """numpy.nanmean"""
    return np.mean(filled(a, 0), axis, dtype, keepdims=keepdims, where=_counted(a, where))


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    *,
    keepdims: Any = False,
    where: Any = True,
    mean: Any = NONE,
    correction: Any = NONE,
) -> Any:
    """numpy.nanvar: NaN where no degree of freedom is left"""
    ddof = reductions.lost_degrees(ddof, correction)
    options: dict[str, Any] = {"keepdims": keepdims, "where": where}
    if mean is not NONE:
        options["mean"] = mean
    if numbers(a).dtype.kind not in "fc":
        return np.var(a, axis, dtype, ddof, **options)
    options["where"] = _counted(a, where)
    count = np.sum(options["where"], axis=axis, keepdims=keepdims)
    found = array(np.var(filled(a, 0), axis, dtype, ddof, **options))
    return operand(np.where(count - ddof <= 0, found.dtype.type(np.nan), found))


@implements(np.nanstd)
def nanstd(a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, **options: Any) -> Any:
    """numpy.nanstd"""
    return np.sqrt(nanvar(a, axis, dtype, ddof, **options))


# --- extremes ----------------------------------------------------------------------------------


def _without_nan_only(function: Callable[..., Any], least: float) -> Callable[..., Any]:
    def implementation(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        source = array(a)
        if source.dtype.kind == "f":
            rows = np.any(present(source), axis=axis)
            message = "All-NaN slice encountered"
            if source.size == 0 and array(rows).size != 0:
                raise error(message, kind=ShapeError)
            emit.check(array(np.all(rows)).item().ssa(), f"ValueError: {message}")
        return function(filled(source, least), axis, keepdims=keepdims)

    return implementation


nanargmax = implements(np.nanargmax)(_without_nan_only(reductions.argmax, -np.inf))
nanargmin = implements(np.nanargmin)(_without_nan_only(reductions.argmin, np.inf))
