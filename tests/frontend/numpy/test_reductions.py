"""Reductions: every dtype, axis, and corner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import arrays_of_each_dtype, bools, floats, integers
from tests.frontend.numpy.harness import check, run

REDUCTIONS = [
    *(np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.any, np.all, np.ptp, np.count_nonzero),
    *(np.argmax, np.argmin, np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin, np.average),
]


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reductions(function: Any) -> None:
    for array in arrays_of_each_dtype(3, 4):
        if function is np.ptp and array.dtype == bool:
            continue
        check(function, array, tolerance=1e-6)
        check(lambda a: function(a, axis=0), array, tolerance=1e-6)
    several = function not in (np.argmax, np.argmin)
    for axis in (0, -1, None) + (((0, 2), (), (-1, -2)) if several else ()):
        for keepdims in (False, True):
            if axis == () and function in (np.mean, np.var, np.std, np.average, np.nanmean):
                continue
            check(lambda a, x=axis, k=keepdims: function(a, axis=x, keepdims=k), floats(2, 3, 2))
    check(function, floats(1))
    check(function, np.array(3.0))
    check(function, np.float64(2.0))
    check(lambda a, b: function([a, b]), 1.5, 2.5)


@pytest.mark.parametrize("function", [np.max, np.min, np.argmax, np.argmin, np.sum, np.nanmax, np.nanmin])
def test_nan_and_ties(function: Any) -> None:
    nan, inf = np.nan, np.inf
    for row in (
        [1, nan, 3, nan],
        [nan, nan],
        [-inf, -inf],
        [inf, 2],
        [2.0, 5, 5, 1],
        [0.0, -0.0],
        [nan, inf],
    ):
        check(function, np.array(row))
    check(lambda a: function(a, axis=1), np.array([[1.0, nan], [3, 2], [nan, inf]]))


def test_empty_reductions() -> None:
    for function in (np.sum, np.prod, np.any, np.all, np.mean):
        check(function, floats(0))
        check(lambda a, f=function: f(a, axis=0), floats(0, 3))
    check(lambda a: np.max(a, axis=1), floats(0, 3))
    check(lambda a: np.max(a, initial=1.0), floats(0))
    for function in (np.max, np.argmin):
        with pytest.raises(ValueError, match=r"zero-size array|empty sequence"):
            run(function, floats(0))


def test_arguments_of_reductions() -> None:
    x, mask = floats(3, 4), bools(3, 4)
    mask[:, 0] = True
    check(lambda a: np.sum(a, initial=2.0), x)
    check(lambda a: np.max(a, axis=0, initial=0.5), x)
    check(lambda a: a.sum(dtype=np.float32), integers(3))
    check(lambda a: a.mean(axis=0, dtype=np.float64), floats(3, dtype=np.float32))
    check(lambda a: np.var(a, ddof=1, axis=1), x)
    check(lambda a: a.std(ddof=1), x)
    for function in (np.sum, np.prod, np.mean, np.var, np.std, np.any, np.all):
        check(lambda a, m, f=function: f(a, axis=1, where=m), x, mask)
    check(lambda a, m: np.max(a, initial=-9.0, where=m), x, mask)
    check(lambda a, w: np.average(a, axis=1, weights=w), x, floats(4))
    check(lambda a, w: np.average(a, weights=w, returned=True), x, floats(3, 4))

    def out(a: Any, b: Any) -> Any:
        return np.sum(a, axis=0, out=b)

    check(out, x, floats(4))
    with pytest.raises(CompileError, match="unexpected keyword"):
        run(lambda a: np.sum(a, foo=2), x)
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds for array of dimension 2"):
        run(lambda a: a.sum(axis=2), x)
    with pytest.raises(ValueError, match="duplicate"):
        run(lambda a: a.sum(axis=(0, 0)), x)


@pytest.mark.parametrize("order", [None, 1, 2, 3, 0.5, np.inf, -np.inf, 0])
def test_norms_of_vectors(order: Any) -> None:
    check(lambda x: np.linalg.norm(x, order), floats(5), tolerance=1e-9)
    check(lambda x: np.linalg.norm(x, order, axis=0, keepdims=True), floats(5, 2), tolerance=1e-9)


@pytest.mark.parametrize("order", [None, "fro", 1, -1, np.inf, -np.inf])
def test_norms_of_matrices(order: Any) -> None:
    check(lambda x: np.linalg.norm(x, order), floats(3, 4))
    check(lambda x: np.linalg.norm(x), integers(3, 4))


SCANS = [np.cumsum, np.cumprod, np.maximum.accumulate]


@pytest.mark.parametrize("function", [np.cumsum, np.cumprod])
def test_scans(function: Any) -> None:
    for array in arrays_of_each_dtype(2, 3):
        check(function, array)
        check(lambda a: function(a, axis=1), array)
    check(lambda a: function(a, axis=-2), floats(2, 3, 2))
    check(function, floats(0))
    check(lambda a: function(a, dtype=np.float32), floats(4))


def test_neighbours() -> None:
    x = floats(4, 5)
    check(np.diff, x)
    check(lambda a: np.diff(a, n=2, axis=0), x)
    check(lambda a: np.diff(a, prepend=0.0), x)
    check(lambda a: np.diff(a, append=a[:, :2]), x)
    check(np.diff, bools(5))
    check(np.diff, floats(1))
    check(np.gradient, floats(6))
    check(lambda a: np.gradient(a, 0.5), x)
    check(lambda a: np.gradient(a, 0.5, axis=1), x)
    check(np.trapezoid, floats(6))
    check(lambda y, t: np.trapezoid(y, t), x, np.sort(floats(5)))
    check(lambda y: np.trapezoid(y, dx=0.1, axis=0), x)
    check(np.ediff1d, x)
    check(np.polyval, floats(4), floats(3))
    check(np.polyval, floats(4), np.float64(2.0))
    check(lambda a: np.cumulative_sum(a, include_initial=True), floats(4))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("n", "m"), [(5, 3), (3, 5), (4, 4), (1, 1), (6, 2), (2, 6)])
def test_convolutions(mode: str, n: int, m: int) -> None:
    check(lambda a, b: np.convolve(a, b, mode), floats(n), floats(m))
    check(lambda a, b: np.correlate(a, b, mode), floats(n), floats(m))
    check(lambda a, b: np.convolve(a, b, mode), integers(n), integers(m))


def _product(x):
    product = 1.0
    for i in range(x.shape[0]):
        product *= x[i]
    return product


@pytest.mark.parametrize("function", [np.prod, _product], ids=["prod", "loop"])
def test_factors_are_multiplied_one_after_the_other(function) -> None:
    """Every other one would overflow."""
    x = np.tile([1e200, 1e-200], 32)
    assert da.jit(function)(x) == 1.0
