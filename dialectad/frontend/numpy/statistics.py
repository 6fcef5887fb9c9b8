"""Covariances, and histograms of several axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import CompileError, ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import FLOAT64, DType
from dialectad.frontend.numpy.counting import edges_of, tally
from dialectad.frontend.numpy.creation import asarray
from dialectad.frontend.numpy.searching import searched
from dialectad.frontend.numpy.stacks import by_parts, numbers
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    implements,
    require_same,
)
from dialectad.frontend.tracers import Array, Tracer
from dialectad.frontend.tracing import error


class _ObservationError(CompileError, RuntimeError):
    """Weights that don't fit the observations, where NumPy raises a RuntimeError."""


# --- covariances -------------------------------------------------------------------------------


def _variables(m: Any, rowvar: bool, dtype: DType, *, second: bool) -> Any:
    """Variables as rows of observations."""
    given: Any = numbers(m)
    if given.ndim > 2:
        raise error(f"{'y' if second else 'm'} has more than 2 dimensions", kind=ShapeError)
    made: Any = np.atleast_2d(given.astype(dtype))
    turned = not rowvar and (made.shape[0] != 1 if second else given.ndim != 1)
    return made.T if turned else made


def _weights(given: Any, name: str, count: Any) -> Any:
    made: Any = np.asarray(given, float) if not isinstance(given, Tracer) else given.astype(float)  # pyright: ignore[reportAttributeAccessIssue]
    if made.ndim > 1:
        raise error(f"cannot handle multidimensional {name}", kind=_ObservationError)
    if made.shape[0] != count:
        raise error(f"incompatible numbers of samples and {name}", kind=_ObservationError)
    whole = np.all(made == np.round(made)) if name == "fweights" else True
    for holds, kind, what in (
        (whole, "TypeError", "fweights must be integer"),
        (np.all(made >= 0), "ValueError", f"{name} cannot be negative"),
    ):
        if isinstance(holds, Tracer):
            emit.check(holds.ssa(), f"{kind}: {what}")
        elif not holds:
            raise error(what, kind=UnsupportedTypeError if kind == "TypeError" else ShapeError)
    return made


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """numpy.cov"""
    if ddof is not None and ddof != int(ddof):
        raise error("ddof must be integer", kind=ShapeError)
    both = [numbers(x).dtype for x in (m, y) if x is not None]
    found = np.result_type(FLOAT64, *both) if dtype is None else np.dtype(dtype)
    rows = _variables(m, rowvar, found, second=False)
    if rows.extents[0] == 0:
        return asarray(np.zeros((0, 0)))
    if y is not None:
        rows = np.concatenate([rows, _variables(y, rowvar, found, second=True)], axis=0)
    count = rows.shape[1]
    less = (0 if bias else 1) if ddof is None else int(ddof)
    weights: Any = None
    for given, name in ((fweights, "fweights"), (aweights, "aweights")):
        if given is not None:
            own = _weights(given, name, count)
            weights = own if weights is None else weights * own
    total: Any = count if weights is None else np.sum(weights)
    if weights is None or less == 0 or aweights is None:
        freedom = total - less
    else:
        freedom = total - less * np.sum(weights * aweights) / total
    mean = np.average(rows, axis=1, weights=weights)
    rows = rows - mean[:, None]
    products: Any = np.dot(rows, np.conjugate(rows if weights is None else rows * weights).T)
    left: Any = np.maximum(freedom, 0)
    scale = array(np.true_divide(1.0, left) if isinstance(left, Tracer) else 1.0 / left if left else np.inf)
    return np.squeeze(products * scale.astype(products.real.dtype))[()]


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """numpy.corrcoef"""
    products: Any = cov(x, y, rowvar, dtype=dtype)
    if products.ndim == 0:
        return products / products
    variances: Any = np.diagonal(products)
    deviations = np.sqrt(variances.real)
    found = products / deviations[:, None] / deviations[None, :]
    return by_parts(lambda part: array(np.clip(part, -1, 1)), found)


# --- histograms --------------------------------------------------------------------------------


def _points(sample: Any) -> Any:
    """A sample as a matrix with a row for each point."""
    made: Any = asarray(sample)
    is_matrix = isinstance(sample, Tracer | np.ndarray) and made.ndim == 2
    return made if is_matrix else np.atleast_2d(made).T


def _per_axis(given: Any, axes: int, what: str, *, alone: bool) -> list[Any]:
    if alone:
        return [given] * axes
    if len(given) != axes:
        raise error(what, kind=ShapeError)
    return list(given)


def _column(points: Any, d: int, limits: Any) -> Any:
    """A coordinate of all points, in the precision in which NumPy places the edges."""
    made = points[:, d]
    if made.dtype.kind == "b":
        return made.astype(np.int64)
    return made if limits is None else made.astype(FLOAT64)


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """numpy.histogramdd"""
    points = _points(sample)
    axes = concrete_int(points.shape[1], "the number of axes")
    message = "The dimension of bins must be equal to the dimension of the sample x."
    alone = not isinstance(bins, list | tuple) and np.ndim(bins) == 0
    wanted = _per_axis(bins, axes, message, alone=alone)
    limits = _per_axis(range, axes, "range argument must have one entry per dimension", alone=range is None)
    columns = [_column(points, d, own) for d, own in enumerate(limits)]
    edges = [edges_of(c, b, own) for c, b, own in zip(columns, wanted, limits, strict=True)]
    shape = [concrete_int(own.shape[0], "the number of edges") + 1 for own in edges]
    place: Any = 0
    for column, own, n in zip(columns, edges, shape, strict=True):
        place = place * n + array(searched(own, column, "right")) - (column == own[-1])
    counts: Any = np.reshape(tally(array(place), weights, int(np.prod(shape))), shape)
    counts = counts.astype(FLOAT64)[(slice(1, -1),) * axes]
    if density:
        total = np.sum(counts)
        for d, own in enumerate(edges):
            across = (None,) * d + (slice(None),) + (None,) * (axes - d - 1)
            counts = counts / np.diff(own)[across]
        counts = counts / total
    return counts, [asarray(own) for own in edges]


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """numpy.histogram2d"""
    first, second = asarray(x), asarray(y)
    require_same(first.extents[0], second.extents[0], "x and y must have the same length.")
    if isinstance(bins, list | tuple | np.ndarray | Array) and np.ndim(bins[0]) == 0 and len(bins) > 2:
        bins = [bins, bins]
    counts, (across, up) = histogramdd(np.stack([first, second], axis=1), bins, range, density, weights)
    return counts, across, up
