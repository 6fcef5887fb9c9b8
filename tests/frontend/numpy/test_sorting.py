"""Sorting, quantiles, searching and counting, compared with NumPy, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import arrays_of_each_dtype, bools, floats, integers
from tests.frontend.numpy.harness import check, run, same

np: Any = numpy  # of which the type stubs know fewer arguments
NAN, INF = float("nan"), float("inf")
ODD = np.array([[3.0, NAN, -0.0, 1.0, 0.0], [-INF, 1.0, 1.0, NAN, INF]])
"""Ties, two zeros, NaN and infinity."""


def compiled(function: Callable[..., Any], *args: Any, tolerance: float = 1e-12) -> None:
    """Machine code gives what NumPy gives."""
    with np.errstate(all="ignore"):
        same(da.jit(function)(*args), function(*args), tolerance)


# --- sorting -----------------------------------------------------------------------------------


def _sorted(a: Any) -> Any:
    b = a.copy()
    b.sort(axis=0)
    b.T[1:].sort()
    return (
        *(np.sort(a, axis=axis) for axis in (-1, 0, None)),
        *(np.argsort(a, axis=axis, kind="stable") for axis in (-1, 0, None)),
        a.argsort(stable=True),
        b,
    )


@pytest.mark.parametrize("a", arrays_of_each_dtype(3, 4), ids=lambda a: a.dtype.name)
def test_sorting_by_dtype(a: Any) -> None:
    compiled(_sorted, a)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (2, 1)], ids=str)
def test_sorting_by_shape(shape: tuple[int, ...]) -> None:
    check(_sorted, floats(*shape))


def test_the_order_of_what_is_equal_or_no_number() -> None:
    compiled(_sorted, ODD)
    compiled(_sorted, np.asfortranarray(ODD)[:, ::-1])
    compiled(lambda a: np.lexsort((a[0], a[1], np.array([1, 0, 1, 0, 1]))), ODD)
    check(lambda a, b: (np.lexsort((a, b), axis=0), np.lexsort([b])), integers(4, 3), integers(4, 3))
    check(lambda a: (np.argsort(a[0]), np.sort(a[:0]), a.argsort(axis=None)), integers(3))


def test_partitions_are_sorted() -> None:
    def function(a: Any) -> Any:
        b = a.copy()
        b.partition(1)
        return np.partition(a, 2, axis=0), np.partition(a, (0, -1)), np.argpartition(a, 1, axis=None), b

    a = floats(3, 4)
    expected = np.sort(a, axis=0), np.sort(a), np.argsort(a, axis=None), np.sort(a)
    same(run(function, a), expected, 0)
    for level in ("tape", "linalg"):
        gradient = da.grad(lambda a: np.sum(np.partition(a, 5) * np.arange(30.0)), level=level)
        x = np.array([7 * i % 30 for i in range(30)], float)
        np.testing.assert_array_equal(gradient(x), x)


# --- quantiles ---------------------------------------------------------------------------------

METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear"
    " median_unbiased normal_unbiased lower higher midpoint nearest"
).split()


def _medians(a: Any) -> Any:
    return [
        f(a, **arguments)
        for f in (np.median, np.nanmedian)
        for arguments in ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}, {"axis": -1, "keepdims": True})
    ]


@pytest.mark.parametrize("a", [floats(3, 4), floats(1, 3, dtype=np.float32), integers(2, 3), bools(2, 2)])
def test_medians(a: Any) -> None:
    check(_medians, a)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_medians_of_nan_and_of_nothing() -> None:
    check(_medians, ODD)
    check(lambda a: (np.nanmedian(a, axis=1), np.nanquantile(a, 0.3, axis=1)), np.full((2, 3), NAN))
    check(lambda a: (np.median(a), np.median(a, axis=0), np.nanmedian(a)), np.zeros((0, 2)))


@pytest.mark.parametrize("method", METHODS)
def test_quantiles(method: str) -> None:
    def function(a: Any, n: Any, q: Any) -> Any:
        return (
            np.quantile(a, [0.0, 0.3, 0.5, 1.0], axis=1, method=method),
            np.quantile(a, q, axis=0, method=method, keepdims=True),
            np.percentile(a, 40, method=method),
            np.quantile(n, 1, method=method),
            np.nanquantile(np.where(a > 0.5, np.nan, a), 0.4, axis=1, method=method),
            np.nanpercentile(a, [[10], [80]], axis=(0, 1), method=method),
        )

    check(function, floats(3, 5), integers(4), 0.7)
    check(function, floats(3, 5, dtype=np.float32), integers(4), np.float32(0.6), tolerance=1e-4)


# --- searching ---------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_places(side: Any) -> None:
    def function(a: Any, v: Any, n: Any) -> Any:
        right = side == "left"
        return (
            *(np.searchsorted(np.sort(a), x, side=side) for x in (v, v[0, 0], n, 0.5)),
            np.searchsorted(a, v, side, sorter=np.argsort(a)),
            np.sort(n).searchsorted(v, side=side),
            np.searchsorted(a[:0], v, side),
            *(np.digitize(v, bins, right=right) for bins in ([-1.0, 0.0, 1.0], [1, 0, -1], np.sort(a)[::-1])),
            np.digitize(0.3, np.sort(n), right=right),
        )

    compiled(function, np.array([2.0, 0.0, 1.0, 1.0, -INF]), ODD, np.array([1, 3, 0, 3]))
    compiled(lambda a: np.searchsorted(np.float32([0.1]), a, side), 0.1)


def test_what_is_in_and_what_is_there_once() -> None:
    def function(a: Any, n: Any) -> Any:
        values, index, inverse, counts = np.unique(n, True, True, True)
        return (
            *(np.isin(n, test) for test in ([1, 3], [], n[0], np.array([1.0, 2.5]))),
            np.isin(a, a[0], invert=True),
            (values.shape[0], np.sum(values * counts), index.sum(), inverse, counts.max()),
            (np.unique(a).shape[0], np.unique(a, equal_nan=False).shape[0], np.sum(np.unique(a[:0]))),
            [k.sum() for k in np.nonzero(n > 0)],
            (np.flatnonzero(a > 0).sum(), np.argwhere(n).sum(), np.where(n > 1)[1].sum()),
            (np.sum(n.compress(n[0] > 0, axis=1)), np.sum(np.extract(n > 0, n))),
        )

    compiled(function, ODD, np.array([[1, 3, 0], [3, 3, -2]]))


# --- counting ----------------------------------------------------------------------------------


def test_bincount() -> None:
    def function(n: Any, w: Any) -> Any:
        return (
            np.bincount(n, minlength=6),
            np.bincount(n, w, minlength=5),
            np.bincount(n[:0], minlength=2),
            np.bincount(n > 1, minlength=2),
            np.bincount(n).shape[0],
            np.sum(np.bincount(n, weights=w) ** 2),
        )

    n = np.array([3, 1, 1, 0, 4])
    compiled(function, n, floats(5))
    compiled(function, n.astype(np.int8), floats(5, dtype=np.float32), tolerance=1e-6)
    for bad, message in [(n - 2, "no negative elements"), (n + 7, "compiled for numbers below 6")]:
        with pytest.raises(ValueError, match=message):
            da.jit(function)(bad, floats(5))


@pytest.mark.parametrize("a", [floats(3, 4), floats(12, dtype=np.float32), integers(12), bools(12)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_histograms(a: Any) -> None:
    def function(a: Any, w: Any, edges: Any) -> Any:
        return (
            np.histogram(a),
            np.histogram(a, bins=4, range=(-1, 1), weights=w),
            np.histogram(a, bins=[-1, 0, 0.3, 0.3, 2], density=True, weights=w),
            np.histogram(a, edges, density=True),
            np.histogram(a * 0),
            np.histogram(a.ravel()[:0], 3),
            np.histogram_bin_edges(a, 3),
        )

    tolerance = 1e-5 if a.dtype == np.float32 else 1e-12
    compiled(function, a, abs(floats(*a.shape)), np.array([-1.0, 0.5, 1.0]), tolerance=tolerance)


# --- mistakes ----------------------------------------------------------------------------------


def test_mistakes() -> None:
    a = floats(2, 3)
    for function, message in [
        (lambda a: np.sort(a, axis=2), "out of bounds"),
        (lambda a: np.sort(a[0, 0]), "out of bounds"),
        (lambda a: np.sort(a, kind="bogo"), "sort kind must be one of"),
        (lambda a: np.argsort(a, kind="stable", stable=True), "at the same time"),
        (lambda a: a.sort(order="x"), "no fields"),
        (lambda a: np.partition(a, 3), "out of bounds"),
        (lambda a: np.lexsort(()) if len(a) > 3 else np.lexsort([a], axis=5), "out of bounds"),
        (lambda a: np.quantile(a, 1.5), "must be in the range"),
        (lambda a: np.percentile(a, -1), "must be in the range"),
        (lambda a: np.quantile(a, 0.5, method="best"), "not a valid method"),
        (lambda a: np.quantile(a, 0.5, weights=a, method="inverted_cdf"), "weights"),
        (lambda a: np.quantile(a[:0], 0.5), "of no elements"),
        (lambda a: np.searchsorted(a, 1.0), "too deep"),
        (lambda a: np.searchsorted(a[0], 1.0, side="middle"), "search side"),
        (lambda a: np.searchsorted(a[0], 1.0, sorter=[0]), "must equal a.size"),
        (lambda a: np.digitize(a, [1, 3, 2]), "monotonically"),
        (lambda a: np.bincount(a[0]), "Cannot cast"),
        (lambda a: np.histogram(a, bins="auto"), "number of bins"),
        (lambda a: np.histogram(a, bins=0), "must be positive"),
        (lambda a: np.histogram(a, weights=a[0]), "same shape"),
        (lambda a: np.unique(a, axis=0), "along an axis"),
    ]:
        with pytest.raises(CompileError, match=message):
            run(function, a)
    with pytest.raises(ValueError, match="monotonically"):
        da.jit(lambda a: np.digitize(0.5, a))(np.array([0.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="must be in the range"):
        da.jit(lambda a, q: np.quantile(a, q))(a, 1.5)
    with pytest.raises(ValueError, match="not finite"):
        da.jit(lambda a: np.histogram(a))(ODD)


# --- derivatives -------------------------------------------------------------------------------

W = floats(3, 4)
NUMBERS = np.array([2, 0, 1, 1, 2, 0, 2, 2, 1, 0, 0, 2])


def _in_place(x: Any) -> Any:
    y = x * x
    y.sort(axis=0)
    y[1:, 1:].sort()
    return np.sum(y * W)


def _histogram(x: Any) -> Any:
    sums, edges = np.histogram(x, bins=4, weights=np.sin(x))
    return np.sum(sums * W[0]) + np.sum(edges**2)


def _unique(x: Any) -> Any:
    values, counts = np.unique(x, return_counts=True)
    return np.sum(values**2 * counts)


SMOOTH = {
    "sort": lambda x: np.sum(np.sort(x * x, axis=0) * W) + np.sum(np.sort(x, axis=None)[3:7] ** 2),
    "in place": _in_place,
    "argsort": lambda x: np.sum(np.take_along_axis(x, np.argsort(x * x, axis=1), axis=1) * W),
    "median": lambda x: np.sum(np.sin(np.median(x * x, axis=0)) * W[0]) + np.median(x),
    "nanmedian": lambda x: np.sum(np.nanmedian(np.where(x > 1.0, np.nan, x), axis=1) ** 2),
    "quantile": lambda x: np.sum(np.quantile(np.sin(x), [0.2, 0.9], axis=1, method="hazen") ** 2),
    "by q": lambda x: np.quantile(np.sin(x), 0.3 + 0.1 * np.tanh(x[0, 0])),
    "searchsorted": lambda x: np.sum(x[0][np.searchsorted(np.sort(W[0]), x[1:]) % 4] ** 2),
    "interp": lambda x: np.sum(np.interp(x[1:], np.sort(x[0]), x[0] ** 2)),
    "histogram": _histogram,
    "bincount": lambda x: np.sum(np.bincount(NUMBERS, np.ravel(x) ** 2, minlength=3) ** 2),
}
"""Functions whose arrays have shapes that are known."""

UNKNOWN = {
    "unique": _unique,
    "compress": lambda x: np.sum(np.compress(x[0] > 0, x, axis=1) ** 3) + np.sum(np.extract(x > 0, x) ** 2),
    "bincount": lambda x: np.sum(np.sqrt(np.bincount(NUMBERS, np.ravel(x) ** 2))),
}
UNKNOWN_AT = [("unique", ("tape", "llvm")), ("compress", ("tape", "linalg")), ("bincount", ("tape", "loop"))]


def check_derivatives(function: Callable[[Any], Any], level: str, x: Any) -> None:
    """Both modes against central differences along a direction."""
    direction, step = np.cos(np.arange(x.size)).reshape(x.shape), 1e-6
    expected = (function(x + step * direction) - function(x - step * direction)) / (2 * step)
    value, gradient = da.value_and_grad(function, level=level)(x)
    _, tangent = da.jvp(function, (x,), (direction,), level=level)
    assert value == pytest.approx(function(x))
    assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert tangent == pytest.approx(expected, rel=1e-5, abs=1e-6)


X = np.sin(np.arange(12) * 1.7 + 0.3).reshape(3, 4) * 1.6


@pytest.mark.parametrize("case", SMOOTH)
def test_derivatives(case: str) -> None:
    for level in ("tape", "linalg"):
        check_derivatives(SMOOTH[case], level, X)


@pytest.mark.parametrize("level", ["graph", "loop", "llvm"])
def test_derivatives_at_other_levels(level: str) -> None:
    for case in ("in place", "nanmedian", "bincount"):
        check_derivatives(SMOOTH[case], level, X)


@pytest.mark.parametrize(("case", "levels"), UNKNOWN_AT)
def test_derivatives_of_arrays_of_unknown_length(case: str, levels: Sequence[str]) -> None:
    for level in levels:
        check_derivatives(UNKNOWN[case], level, X)


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
def test_ties_and_nan(level: str) -> None:
    """Among equals the first element gets the cotangent of the first place."""
    x, w = np.array([2.0, 1.0, 2.0, NAN, 1.0]), np.arange(1.0, 6.0)
    gradient = da.grad(lambda x: np.sum(np.sort(x) * w), level=level)(x)
    np.testing.assert_array_equal(gradient, [3, 1, 4, 5, 2])
    np.testing.assert_array_equal(da.grad(np.nanmedian, level=level)(x), [0.5, 0, 0, 0, 0.5])
    np.testing.assert_array_equal(da.grad(np.median, level=level)(x), np.zeros(5))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.uint64])
def test_unsigned(dtype: Any) -> None:
    numbers = np.array([200, 3, np.iinfo(dtype).max, 0, 128], dtype)
    for function in (
        np.sort,
        np.argsort,
        np.median,
        np.unique,
        lambda x: np.searchsorted(np.sort(x), x),
        lambda x: np.partition(x, 2),
        lambda x: np.quantile(x, 0.3),
    ):
        expected, found = function(numbers), da.jit(function)(numbers)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
