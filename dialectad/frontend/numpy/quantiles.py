"""Medians, quantiles and percentiles: elements of certain ranks, and means of two such.

Only those elements get cotangents. Where a row has a NaN the result is NaN, with no derivative; the functions
whose names start with `nan` leave them out: NaN is sorted behind all others, so these are the first elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError, ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import FLOAT64, INDEX, INT64
from dialectad.frontend.gathering import for_each
from dialectad.frontend.numpy.reductions import kept_shape
from dialectad.frontend.numpy.sorting import Rows
from dialectad.frontend.numpy.support import array, implements, normalize_axes, operand, tensor, wrapped
from dialectad.frontend.tracers import Array, Scalar, Tracer
from dialectad.frontend.tracing import error


class _Sorted:
    """The elements of rows by their rank; results come back with the rows' axes gone, or of length one."""

    def __init__(self, a: Any, axis: Any, keepdims: Any):
        source = array(a)
        self.shape = source.extents
        self.rows = Rows(source, normalize_axes(axis, source.ndim))
        self.dtype = source.dtype
        self.order = self.rows.order()
        kept = kept_shape(self.shape, self.rows.axes)
        self.outer = kept if keepdims is True else list(self.rows.outer)

    @property
    def length(self) -> Any:
        """How many elements a row has."""
        n = self.rows.length
        return n if isinstance(n, int) else Scalar(n, weak=True)

    def present(self) -> Any:
        """How many elements of each row aren't NaN, as a matrix with one column."""
        return np.sum(~np.isnan(Array.fresh(self.rows.value)), axis=1, keepdims=True)

    def has_nan(self) -> Any:
        """Whether rows have a NaN, as a matrix with one column."""
        return np.isnan(self.ranked(np.expand_dims(array(self.length - 1), 0)))

    def ranked(self, ranks: Any) -> Any:
        """The elements of some ranks, which may differ from row to row, as a matrix."""
        places = emit.broadcast(tensor(ranks, INT64), [self.rows.count, array(ranks).extents[-1]])
        shape = emit.shape(places)

        def body(at: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
            rank = emit.cast(emit.extract(places, list(at)), INDEX)
            number = emit.cast(emit.extract(self.order, [at[0], rank]), INDEX)
            return emit.insert(emit.extract(self.rows.value, [at[0], number]), out, list(at))

        return Array.fresh(for_each(shape, emit.empty(shape, dtypes.to_ir(self.dtype)), body))

    def finish(self, columns: Any, lead: Any = ()) -> Any:
        """A matrix with a row for each of ours, and columns that become axes in front."""
        across = emit.transpose(array(columns).ssa(), [1, 0])
        return wrapped(emit.reshape(across, [*lead, *self.outer]))


def _is_float(a: Any) -> bool:
    return array(a).dtype.kind == "f"


def _is_empty(a: Any, axis: Any) -> bool:
    """Whether there are rows without elements; where that is known only at run time they are refused."""
    source = array(a)
    axes = normalize_axes(axis, source.ndim)
    lengths = [source.extents[d] for d in axes]
    for n in lengths:
        if not isinstance(n, int):
            emit.check(emit.compare("sgt", n, emit.constant(0, INDEX)), "ValueError: no elements to order")
    return 0 in [n for n in lengths if isinstance(n, int)]


# --- medians -----------------------------------------------------------------------------------


@implements(np.median)
def median(a: Any, axis: Any = None, *, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """numpy.median"""
    if _is_empty(a, axis):
        return np.mean(array(a), axis=axis, keepdims=keepdims)
    rows = _Sorted(a, axis, keepdims)
    found = _middle(rows, rows.length)
    return rows.finish(np.where(rows.has_nan(), np.nan, found) if _is_float(a) else found)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, *, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """numpy.nanmedian"""
    if not _is_float(a) or _is_empty(a, axis):
        return median(a, axis, keepdims=keepdims)
    rows = _Sorted(a, axis, keepdims)
    return rows.finish(_middle(rows, rows.present()))


def _middle(rows: _Sorted, count: Any) -> Any:
    """The mean of the two elements in the middle of the first `count` (which may be a column), or the one."""
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, rows.length - 1)
    if not isinstance(count, Array):
        low, high = (np.expand_dims(array(k), 0) for k in (low, high))
    first, second = rows.ranked(low), rows.ranked(high)
    if isinstance(count, int) and count % 2:
        return first if rows.dtype.kind == "f" else first.astype(FLOAT64)
    half = 0.5 if rows.dtype.kind == "f" else np.float64(0.5)
    return first * half + second * half


# --- quantiles ---------------------------------------------------------------------------------


def _between(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    """Where among n elements a quantile is, in the family of Hyndman and Fan."""
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


_POSITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, q: (n - 1) * q,
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "midpoint": lambda n, q: 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q)),
    "interpolated_inverted_cdf": _between(0, 1),
    "hazen": _between(0.5, 0.5),
    "weibull": _between(0, 0),
    "median_unbiased": _between(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _between(3 / 8.0, 3 / 8.0),
}
"""Methods that interpolate -> where among n elements, counted from 0, the quantile is."""

_FRACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "averaged_inverted_cdf": lambda fraction, _: np.where(fraction == 0, 0.5, 1.0),
    "midpoint": lambda _, position: np.where(position % 1 == 0, 0.0, 0.5),
}
"""Methods that don't go by the distance from the element before -> how far they go."""


def _up_unless(position: Any, stays: Any) -> Any:
    """The element behind, or the one before where `stays`."""
    return np.maximum(np.where(stays, np.floor(position), np.floor(position) + 1), 0)


def _closest(n: Any, q: Any) -> Any:
    position = n * q - 1.5
    whole = np.floor(position)
    return _up_unless(position, (position == whole) & (whole % 2 == 1))


def _inverted_cdf(n: Any, q: Any) -> Any:
    position = n * q - 1
    return _up_unless(position, position == np.floor(position))


_RANKS: dict[str, Callable[[Any, Any], Any]] = {
    "inverted_cdf": _inverted_cdf,
    "closest_observation": _closest,
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.round((n - 1) * q),
}
"""Methods that choose an element -> its rank."""


def _quantile(
    a: Any, q: Any, axis: Any, method: str, keepdims: Any, *, weak: bool, without_nan: bool = False
) -> Any:
    if method not in _POSITIONS and method not in _RANKS:
        known = ", ".join(sorted((*_POSITIONS, *_RANKS)))
        raise error(f"{method!r} is not a valid method. Use one of: {known}", kind=ShapeError)
    if _is_empty(a, axis):
        raise error("a quantile of no elements", kind=IndexRangeError)
    rows = _Sorted(a, axis, keepdims)
    lead = q.extents if isinstance(q, Array) else np.shape(q)
    wanted = np.reshape(q, (-1,)) if isinstance(q, Array) or len(lead) else np.expand_dims(_array(q), 0)
    n = rows.length
    if without_nan:
        n = rows.present()
        n = n.astype(wanted.dtype) if wanted.dtype.kind == "f" else n
    if method in _RANKS or (method == "linear" and wanted.dtype.kind != "f"):
        ranks = _RANKS[method](n, wanted) if method in _RANKS else (n - 1) * wanted
        found = rows.ranked(_limited(ranks, n, rows))
    else:
        found = _interpolated(rows, n, wanted, method, weak)
    if rows.dtype.kind == "f" and not without_nan:
        found = np.where(rows.has_nan(), np.nan, found)
    return rows.finish(found, lead)


def _array(q: Any) -> Any:
    return array(q) if isinstance(q, Tracer) else np.asarray(q)


def _limited(ranks: Any, n: Any, rows: _Sorted) -> Any:
    """Ranks as integers that are there; rows in which nothing counts give their first element, a NaN."""
    return np.maximum(np.minimum(ranks, n - 1), 0).astype(INT64)


def _interpolated(rows: _Sorted, n: Any, q: Any, method: str, weak: bool) -> Any:
    position = _POSITIONS[method](n, q)
    whole = np.floor(position)
    fraction = position - whole
    if method in _FRACTIONS:
        fraction = _FRACTIONS[method](fraction, position).astype(position.dtype)
    # as NumPy computes it: one element where both are the same
    first, second = rows.ranked(_limited(whole, n, rows)), rows.ranked(_limited(whole + 1, n, rows))
    if weak:
        fraction = fraction.astype(rows.dtype if rows.dtype.kind == "f" else FLOAT64)
    apart = second - first
    return np.where(fraction >= 0.5, second - apart * (1 - fraction), first + apart * fraction)


def _checked(q: Any, what: str, *, percent: bool) -> tuple[Any, bool]:
    """The quantiles, and whether they are a Python number."""
    weak = type(q) in (int, float) or (isinstance(q, Scalar) and q.weak)
    found: Any = q if isinstance(q, Tracer) else np.asarray(q)
    if isinstance(found, Array) and found.ndim == 0:
        found = operand(found)
    found = np.true_divide(found, 100) if percent else found
    inside: Any = np.all((found >= 0) & (found <= 1))
    if isinstance(inside, Tracer):
        emit.check(inside.ssa(), f"ValueError: {what}")
    elif not inside:
        raise error(what, kind=ShapeError)
    if np.ndim(found) > 2:
        raise error("q must be a scalar or 1d", kind=ShapeError)
    return found, weak


_RANGE, _PERCENT_RANGE = "Quantiles must be in the range [0, 1]", "Percentiles must be in the range [0, 100]"


def _refuse_weights(weights: Any) -> None:
    if weights is not None:
        raise error(
            "quantiles with weights are not supported",
            kind=UnsupportedTypeError,
            hint="sort by numpy.argsort, and search in numpy.cumsum of the weights",
        )


def _implement(function: Any, *, percent: bool, without_nan: bool) -> None:
    def quantile(
        a: Any,
        q: Any,
        axis: Any = None,
        *,
        overwrite_input: Any = False,
        method: str = "linear",
        keepdims: Any = False,
        weights: Any = None,
    ) -> Any:
        _refuse_weights(weights)
        number, weak = _checked(q, _PERCENT_RANGE if percent else _RANGE, percent=percent)
        skips = without_nan and _is_float(a)
        return _quantile(a, number, axis, method, keepdims, weak=weak, without_nan=skips)

    quantile.__doc__ = f"numpy.{function.__name__}"
    implements(function)(quantile)


_implement(np.quantile, percent=False, without_nan=False)
_implement(np.percentile, percent=True, without_nan=False)
_implement(np.nanquantile, percent=False, without_nan=True)
_implement(np.nanpercentile, percent=True, without_nan=True)
