"""Polynomials, statistics, edits, index arithmetic, sets: functions that are made of others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import floats, integers
from tests.frontend.numpy.harness import same
from tests.frontend.numpy.test_gradients import check_gradient


def _put(a: Any) -> Any:
    b, c, d = a.copy(), a.T.copy(), a.copy()
    np.put(b, [1, -2, 1], [7, 8])
    c.put([[30, -40]], a[0, :2], mode="wrap")
    np.put(d, [100, -100], a[1, 0], mode="clip")
    return b, c, d


def _windows(a: Any) -> Any:
    made = [f(n) for f in (np.bartlett, np.blackman, np.hamming, np.hanning) for n in (0, 1, 4)]
    made[-1][1:3] = a[0, :2]
    return made


def _place(a: Any) -> Any:
    b, c = a.copy(), a.copy()
    np.place(b, a > 0, [5, 6, 7])
    np.putmask(c, a > 0, a[0, :2])
    return b, c


FLOATING: dict[str, Callable[[Any], Any]] = {
    "polyadd": lambda a: (np.polyadd(a[0], a[1, :2]), np.polysub([1, 2], a[0])),
    "polymul": lambda a: np.polymul(a[0], a[1, :2]),
    "polyder": lambda a: [np.polyder(a[0], m) for m in range(5)],
    "polyint": lambda a: (np.polyint(a[0]), np.polyint(a[0], 2, k=[1, a[1, 0]]), np.polyint(a[0], 2, 3)),
    "poly": lambda a: (np.poly(a[0]), np.poly(a[0, :0])),
    "polyfit": lambda a: (
        np.polyfit(np.arange(4.0), a[0], 2),
        np.polyfit(np.arange(4.0), a.T, 1, w=[1, 2, 1, 3]),
        np.polyfit(a[0], a[1], 1, cov=True),
        np.polyfit(a[0], a[1], 1, cov="unscaled"),
    ),
    "vander": lambda a: (np.vander(a[0]), np.vander(a[0], 2, increasing=True), np.vander(a[0], 0)),
    "cov": lambda a: (np.cov(a), np.cov(a[0]), np.cov(a, a[:2] * 2, bias=True), np.cov(a, rowvar=False)),
    "cov weights": lambda a: (
        np.cov(a, fweights=[1, 2, 1, 3]),
        np.cov(a, aweights=np.abs(a[0])),
        np.cov(a, fweights=[1, 2, 1, 3], aweights=[0.5, 1, 2, 1], ddof=0),
    ),
    "corrcoef": lambda a: (np.corrcoef(a), np.corrcoef(a[0], a[1]), np.corrcoef(a[0])),
    "nan": lambda a: [
        f(np.where(a > 0.55, np.nan, a), axis=1)
        for f in (np.nancumsum, np.nancumprod, np.nanvar, np.nanstd, np.nansum, np.nanmean)
    ],
    "nan options": lambda a: (np.nanvar(a, ddof=1, keepdims=True), np.nansum(a, where=a > 0, initial=2.0)),
    "var mean": lambda a: (np.var(a, axis=1, mean=np.mean(a, axis=1, keepdims=True)), np.std(a, mean=0.5)),
    "delete": lambda a: (
        np.delete(a, 1),
        np.delete(a, [0, -1], axis=1),
        np.delete(a, slice(None, None, 2), axis=1),
        np.delete(a, np.array([True, False, True]), axis=0),
        np.delete(a, [], axis=0),
    ),
    "delete traced": lambda a: np.delete(a, np.argmax(a[0]), axis=1),
    "insert": lambda a: (
        np.insert(a, 1, 5.0),
        np.insert(a, [1, 3], [7, 8], axis=1),
        np.insert(a, 1, [1, 2, 3], axis=1),
        np.insert(a, [2], [[1], [2], [3]], axis=1),
        np.insert(a, slice(0, 2), a[0], axis=0),
    ),
    "resize": lambda a: (np.resize(a, (2, 3)), np.resize(a[0], 9), np.resize(a, (0, 2))),
    "put": _put,
    "place": _place,
    "piecewise": lambda a: (
        np.piecewise(a, [a < 0, a >= 1], [lambda x: -x, lambda x: x**2, 3.0]),
        np.piecewise(a[0], a[0] < 0, [np.exp, np.sqrt]),
    ),
    "apply_along_axis": lambda a: (
        np.apply_along_axis(np.sum, 0, a),
        np.apply_along_axis(lambda r, s: r[::-1] * s, 1, a, 2.0),
        np.apply_along_axis(np.diag, 0, a),
    ),
    "apply_over_axes": lambda a: np.apply_over_axes(np.sum, a, [0, 1]),
    "sinc": lambda a: (np.sinc(a), np.sinc(a[0, 0] * 0.01), np.sinc(0 * a)),
    "i0": lambda a: np.i0(a),
    "kaiser": lambda a: (np.kaiser(5, a[0, 0]), np.kaiser(1, a[0, 0])),
    "windows": _windows,
    "unwrap": lambda a: (np.unwrap(a * 7), np.unwrap(a, axis=0, period=1.5), np.unwrap(a * 9, discont=4)),
    "linspace": lambda a: (np.linspace(a[0], a[1], 3), np.linspace(a, 2, 3, endpoint=False, axis=-1)),
    "logspace": lambda a: (np.logspace(a[0], 1, 3), np.logspace(0, a[0, 0], 4, base=2.0)),
    "geomspace": lambda a: (np.geomspace(np.exp(a[0]), 9, 4), np.geomspace(-np.exp(a[0, 0]), -2.0, 3)),
    "unstack": lambda a: np.unstack(a, axis=1),
    "vectorize": lambda a: (
        np.vectorize(lambda x, y: x * y if x > y else y)(a, a[0]),
        np.vectorize(lambda x, n: x**n, excluded=[1])(a, 2),
    ),
    "astype": lambda a: (np.astype(a, np.float32), np.require(a, np.float32, "F")),
    "fromfunction": lambda a: np.fromfunction(lambda i, j: a[0, 0] * i + j, (2, 3)),
    "ix_": lambda a: a[np.ix_([0, 2], [1, 3, 3])],
    "indices from": lambda a: (
        a[:, :3][np.diag_indices_from(a[:, :3])],
        a[np.tril_indices_from(a)],
        a[np.triu_indices_from(a, 1)],
    ),
}


def compare(function: Callable[..., Any], *args: Any, tolerance: float = 1e-10) -> None:
    """What is compiled gives what NumPy gives, and writes what NumPy writes."""
    mine, theirs = (tuple(map(np.copy, args)) for _ in range(2))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        same(da.jit(function)(*mine), function(*theirs), tolerance)
    same(mine, theirs, tolerance)


BY_DTYPE = "cov geomspace i0 linspace logspace nan polyfit polyint sinc unwrap vander vectorize".split()
"""Cases in which NumPy decides on a dtype."""


@pytest.mark.parametrize("case", FLOATING)
def test_values(case: str) -> None:
    compare(FLOATING[case], floats(6, 8)[::2, ::2].T.copy().T)
    if case in BY_DTYPE:
        compare(FLOATING[case], floats(3, 4, dtype=np.float32), tolerance=1e-4)


MOVED = "apply_over_axes astype delete fromfunction ix_ linspace polyadd resize unstack windows".split()
"""Cases that only move numbers, as others do."""


@pytest.mark.parametrize("case", sorted(FLOATING.keys() - {*MOVED, "indices from"}))
def test_gradients(case: str) -> None:
    a = np.array([[0.3, -1.2, 0.9, 1.4], [0.7, 0.2, -0.6, 1.1], [-0.4, 1.3, 0.5, -0.8]])
    check_gradient(FLOATING[case], a)


def _in_place(a: Any) -> Any:
    np.put(a, [0, -1], [9, 8])
    np.place(a[:, :2], a[:, :2] > 2, [1.5])
    a.put(3, 7.9)


INTEGRAL: dict[str, Callable[[Any], Any]] = {
    "unique": lambda a: (
        *np.unique_all(a),
        np.sort(np.unique_values(a)),
        *np.unique_counts(a),
        *np.unique_inverse(a),
    ),
    "sets": lambda a: (
        np.union1d(a[0], a[1]),
        np.setdiff1d(a, [1, 2]),
        np.setdiff1d(a[0], a[1], assume_unique=True),
        np.intersect1d(a[0], a[1:], return_indices=True),
        np.setxor1d(a[0], a[1]),
        np.setxor1d(a[0][a[0] > 9], a[1][a[1] > 9]),
    ),
    "trim_zeros": lambda a: [
        np.trim_zeros(np.where(abs(a[i]) > 2, a[i], 0), t) for i in (0, 1) for t in "fb"
    ],
    "trim_zeros ends": lambda a: (np.trim_zeros(a[0] * 0), np.trim_zeros(a[0, :0]), np.trim_zeros(a[1])),
    "histogram2d": lambda a: (
        np.histogram2d(a[0], a[1], 3),
        np.histogram2d(a[0], a[1], [2, 3], range=[[-4, 4], [-3, 3]], weights=a[2], density=True),
        np.histogram2d(a[0], a[1], np.array([-5, 0, 1, 6])),
    ),
    "histogramdd": lambda a: (
        np.histogramdd(a.T, 2),
        np.histogramdd(a.T, [2, np.array([-6, 0.5, 6]), 1], density=True),
        np.histogramdd((a[0], a[1]), 2),
    ),
    "unravel": lambda a: (
        np.unravel_index(abs(a), (3, 4)),
        np.unravel_index(abs(a[0, 0]), 7),
        np.unravel_index(abs(a), (2, 3, 4), order="F"),
        np.ravel_multi_index((abs(a[0]), abs(a[1])), (6, 6)),
        np.ravel_multi_index((a[0], a[1]), (3, 4), mode=("wrap", "clip"), order="F"),
    ),
    "packbits": lambda a: (
        np.packbits(a > 0),
        np.packbits(a, axis=1, bitorder="little"),
        np.packbits(a.T, axis=0),
        np.unpackbits(a.astype(np.uint8)),
        np.unpackbits(a.astype(np.uint8), axis=0, count=20, bitorder="little"),
        np.unpackbits(a.astype(np.uint8), axis=1, count=-2),
    ),
    "unwrap": lambda a: (np.unwrap(a, period=5), np.unwrap(a, period=4, axis=0)),
    "in place": _in_place,
    "polynomials": lambda a: (np.polyadd(a[0], a[1]), np.polyder(a[0]), np.polyint(a[0]), np.poly(a[0])),
    "edits": lambda a: (np.resize(a, 5), np.delete(a, 0), np.insert(a, [0, 2], 2.7), np.vander(a[0], 3)),
    "statistics": lambda a: (np.cov(a), np.corrcoef(a), np.nanvar(a), np.nancumsum(a), np.nanargmax(a)),
    "piecewise": lambda a: np.piecewise(a, [a > 2], [2.7, lambda x: x / 2]),
    "vectorize": lambda a: np.vectorize(lambda x: (x // 2, x > 0))(a),
    "vectorize otypes": lambda a: np.vectorize(lambda x: x + 0.5, otypes=[np.float32])(a[:, :0]),
    "mapped": lambda a: (np.apply_along_axis(np.argmax, 1, a), np.i0(a), np.sinc(a)),
    "questions": lambda a: (
        np.array_equiv(a, a[:1]),
        np.array_equiv(a, a[:, :2]),
        np.array_equiv(a, a + 0.0),
    ),
    "infinities": lambda a: (np.isposinf(1 / a), np.isneginf(a[0, 0] / 0.0), np.isposinf(a)),
    "spaces": lambda a: (np.linspace(a[0], a[1], 3, dtype=int), np.geomspace(abs(a[0]) + 1, 20, 3)),
    "types": lambda a: (a.astype(np.common_type(a, a)), np.iterable(a), np.iterable(a[0, 0])),
    "einsum_path": lambda a: np.einsum_path("ij,kj->ik", a, a)[0],
    "ix_": lambda a: (a[np.ix_(a[:, 0] > 0, [0, 1])], np.ix_([], [1, 2])),
    "row_stack": lambda a: (np.row_stack([a[0], a]), np.unstack(a, axis=1)),
}


NARROW = ("in place", "polynomials", "statistics", "unique", "unravel", "vectorize")


@pytest.mark.parametrize("case", INTEGRAL)
def test_integers(case: str) -> None:
    compare(INTEGRAL[case], integers(3, 9, dtype=np.int16 if case in NARROW else np.int64)[::-1, ::-1])


FAILING: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "nanargmax": (lambda a: np.nanargmax(np.where(a > 0, a, np.nan), axis=1), ValueError),
    "polymul": (lambda a: np.polymul([1, 2], np.where(np.arange(4) > 0, a[0], 0)), ValueError),
    "place": (lambda a: np.place(a, a > 9, []), ValueError),
    "put": (lambda a: np.put(a, [0, 12], 1.0), IndexError),
    "delete": (lambda a: np.delete(a, 12), IndexError),
    "delete traced": (lambda a: np.delete(a, (a[0, 0] * 0).astype(int) - 5, axis=0), IndexError),
    "insert": (lambda a: np.insert(a, [13, 2], 1.0), IndexError),
    "fweights": (lambda a: np.cov(a, fweights=a[0] + 0.3), TypeError),
    "aweights": (lambda a: np.cov(a, aweights=-abs(a[0])), ValueError),
    "cov weights": (lambda a: np.cov(a, aweights=a[:, 0]), RuntimeError),
    "unravel": (lambda a: np.unravel_index(np.argmax(a), (2, 3)), ValueError),
    "ravel": (lambda a: np.ravel_multi_index((np.argmax(a), 1), (2, 3)), ValueError),
    "geomspace": (lambda a: np.geomspace(a[0] * 0, 1), ValueError),
    "polyfit": (lambda a: np.polyfit(a[0], a[:, 0], 1), TypeError),
    "apply": (lambda a: np.apply_along_axis(np.sum, 0, a[:, :0]), ValueError),
    "vectorize": (lambda a: np.vectorize(lambda x: x)(a[:0]), ValueError),
    "vander": (lambda a: np.vander(a), ValueError),
    "piecewise": (lambda a: np.piecewise(a, [a > 0], [1.0, 2.0, 3.0]), ValueError),
    "unpackbits": (lambda a: np.unpackbits(a), TypeError),
    "tril": (lambda a: np.tril_indices_from(a[0]), ValueError),
}


@pytest.mark.parametrize("case", FAILING)
def test_errors(case: str) -> None:
    function, kind = FAILING[case]
    a = np.arange(1.0, 13.0).reshape(3, 4) * [1, -1, 1, 1]
    a[0] = -abs(a[0])
    if case == "polymul":  # where NumPy leaves the zeros out
        function(a)
    else:
        with pytest.raises(kind):
            function(a.copy())
    with pytest.raises(kind):
        da.jit(function)(a)


def test_what_is_refused_says_what_to_do() -> None:
    with pytest.raises(CompileError, match="eigvals"):
        da.jit(lambda a: np.roots(a))(np.ones(3))
    with pytest.raises(CompileError, match="symmetric"):
        da.jit(lambda a: np.poly(a))(np.ones((2, 2)))


def test_sinc_has_derivatives_at_zero() -> None:
    np.testing.assert_allclose(da.grad(np.sinc)(0.0), 0.0)
    np.testing.assert_allclose(da.grad(da.grad(np.sinc))(0.0), -(np.pi**2) / 3)
