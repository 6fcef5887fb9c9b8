"""Counts of integers, and of what falls between edges.

The counts are integers, which have no derivative; sums of weights have one, by the weights, and edges by the
least and the largest element where these make them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import FLOAT64, INDEX, INT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.searching import searched, vector
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    extent,
    implements,
    loop,
    operand,
    require_same,
    result_dtype,
    tensor,
)
from dialectad.frontend.tracers import Array, Tracer
from dialectad.frontend.tracing import error


def tally(numbers: Array, weights: Any, length: Extent) -> Array:
    """For every number below `length` the sum of the weights that belong to it, or how often it is there."""
    dtype = INT64 if weights is None else array(weights).dtype
    value = emit.cast(numbers.ssa(), INDEX)
    given = None if weights is None else tensor(weights)
    out = emit.full([length], 0, emit.element(tensor(0, dtype)))
    one = emit.constant(1, emit.element(out))
    add = arith.AddfOp if dtype.kind == "f" else arith.AddiOp

    def body(i: SSAValue, sums: SSAValue) -> Sequence[SSAValue]:
        place = [emit.extract(value, [i])]
        term = one if given is None else emit.extract(given, [i])
        return [emit.insert(emit.op(add(emit.extract(sums, place), term)), sums, place)]

    return Array.fresh(loop(numbers.extents[0], [out], body)[0])


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Array:
    """numpy.bincount: with `minlength` the result has that length, which the numbers must be below"""
    numbers: Any = vector(x)
    if numbers.dtype.kind == "f":
        raise error(
            f"Cannot cast array data from dtype('{numbers.dtype}') to dtype('int64')"
            " according to the rule 'safe'",
            kind=UnsupportedTypeError,
        )
    numbers = numbers.astype(np.int64)
    least = concrete_int(minlength, "`minlength`")
    if least < 0:
        raise error("'minlength' must not be negative", kind=ShapeError)
    if weights is not None:
        weights = vector(weights).astype(np.float64)
        message = "The weights and list don't have the same length."
        require_same(weights.extents[0], numbers.extents[0], message)
    if numbers.shape[0] == 0:
        return tally(numbers, weights, least)
    positive = operand(np.all(numbers >= 0))
    emit.check(positive.ssa(), "ValueError: 'list' argument must have no negative elements")  # pyright: ignore
    most: Any = np.max(numbers, initial=-1)
    if least == 0:
        return tally(numbers, weights, extent(most + 1))
    fits = operand(most < least)
    message = f"ValueError: numpy.bincount with minlength={least} is compiled for numbers below {least}"
    emit.check(fits.ssa(), message)  # pyright: ignore[reportAttributeAccessIssue]
    return tally(numbers, weights, least)


# --- histograms --------------------------------------------------------------------------------


def edges_of(a: Array, bins: Any, limits: Any) -> Any:
    """The edges of the bins: an array, concrete if nothing of it depends on traced values."""
    if isinstance(bins, str):
        raise error("the number of bins depends on the data", hint="give a number, or edges")
    if not isinstance(bins, Array) and np.ndim(bins) == 0:
        if isinstance(bins, float | np.floating):
            raise error("`bins` must be an integer, a string, or an array", kind=UnsupportedTypeError)
        return _even_edges(a, concrete_int(bins, "the number of bins"), limits)
    edges: Any = bins if isinstance(bins, Tracer) else np.asarray(bins)
    if edges.ndim != 1:
        raise error("`bins` must be 1d, when an array", kind=ShapeError)
    rises = np.all(edges[:-1] <= edges[1:])
    message = "`bins` must increase monotonically, when an array"
    if isinstance(edges, Array):
        emit.check(operand(rises).ssa(), f"ValueError: {message}")  # pyright: ignore
    elif not rises:
        raise error(message, kind=ShapeError)
    return edges


def _even_edges(a: Array, count: int, limits: Any) -> Any:
    if count < 1:
        raise error("`bins` must be positive, when an integer", kind=ShapeError)
    first, last = (0, 1) if limits is None and 0 in a.extents else limits or (np.min(a), np.max(a))
    concrete = not any(isinstance(x, Tracer) for x in (first, last))
    what = "autodetected" if limits is None else "supplied"
    if concrete:
        if first > last:
            raise error("max must be larger than min in range parameter.", kind=ShapeError)
        if not (np.isfinite(first) and np.isfinite(last)):
            raise error(f"{what} range of [{first}, {last}] is not finite", kind=ShapeError)
        if first == last:
            first, last = first - 0.5, last + 0.5
    else:
        fine = operand(np.isfinite(first) & np.isfinite(last))
        emit.check(fine.ssa(), f"ValueError: {what} range is not finite")  # pyright: ignore
        if limits is not None:
            rises = operand(np.less_equal(first, last))
            emit.check(rises.ssa(), "ValueError: max must be larger than min in range parameter.")  # pyright: ignore
        same = np.equal(first, last)
        first, last = np.where(same, first - 0.5, first), np.where(same, last + 0.5, last)
    dtype = result_dtype(operand(first), operand(last), a)
    dtype = dtype if dtype.kind == "f" else FLOAT64
    return np.linspace(first, last, count + 1, dtype=dtype)


def _source(a: Any) -> Any:
    source: Any = np.ravel(array(a))
    return source.astype(np.int64) if source.dtype.kind == "b" else source


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """numpy.histogram_bin_edges"""
    edges = edges_of(_source(a), bins, range)
    return edges if isinstance(edges, Tracer) else array(edges)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """numpy.histogram"""
    source = _source(a)
    if weights is not None:
        given = array(weights)
        if given.ndim != array(a).ndim:
            raise error("weights should have the same shape as a.", kind=ShapeError)
        for n, m in zip(given.extents, array(a).extents, strict=True):
            require_same(n, m, "weights should have the same shape as a.")
        weights = np.ravel(given)
    edges = edges_of(source, bins, range)
    count = edges.shape[0] - 1
    if not isinstance(count, int):
        raise error(
            "the number of bins must be known while the function is compiled",
            hint="give edges in an array of a known shape",
        )
    inside = (source >= edges[0]) & (source <= edges[-1])
    numbers = np.minimum(array(searched(edges, source, "right")) - 1, count - 1)
    outside = count
    places: Any = np.where(inside, numbers, outside)
    found: Any = tally(places, weights, count + 1)[:count]
    edges = edges if isinstance(edges, Tracer) else array(edges)
    if density:
        found = found / np.diff(edges).astype(FLOAT64) / np.sum(found)
    return found.copy() if not density else found, edges
