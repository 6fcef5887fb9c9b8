"""`reduce`, `accumulate` and `reduceat` of ufuncs, and the ufuncs of divisors and of bits of floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import SPECIAL, bools, integers
from tests.frontend.numpy.harness import same
from tests.frontend.numpy.test_gradients import check_gradient

A = np.array([[0.3, 1.2, 0.9, 1.4], [0.7, 0.2, 1.6, 1.1], [1.4, 1.3, 0.5, 0.8]])

FLOATS = [
    *(np.subtract, np.divide, np.power, np.fmax, np.hypot, np.arctan2, np.copysign, np.fmod, np.nextafter),
]
INTEGERS = [np.subtract, np.floor_divide, np.bitwise_and, np.bitwise_xor, np.gcd]


def compare(function: Any, *args: Any) -> None:
    mine, theirs = (tuple(map(np.copy, args)) for _ in range(2))
    with np.errstate(all="ignore"):
        same(da.jit(function)(*mine), function(*theirs), 1e-12)


def _folds(ufunc: Any) -> Any:
    return lambda a: (
        ufunc.reduce(a),
        ufunc.reduce(a[0]),
        ufunc.reduce(a, axis=-1, keepdims=True, initial=a[0, 0]),
        ufunc.accumulate(a, axis=1),
        ufunc.reduceat(a, [0, 2, 1], axis=1),
    )


@pytest.mark.parametrize("ufunc", FLOATS, ids=lambda u: u.__name__)
def test_floats(ufunc: Any) -> None:
    compare(_folds(ufunc), A)
    if ufunc not in (np.nextafter, np.fmod):  # one is all rounding, and the other one jumps here
        check_gradient(_folds(ufunc), A)


@pytest.mark.parametrize("ufunc", INTEGERS, ids=lambda u: u.__name__)
def test_integers(ufunc: Any) -> None:
    compare(_folds(ufunc), integers(3, 4, dtype=np.int8).T)


def test_options() -> None:
    def f(a: Any, i: Any, b: Any) -> Any:
        out = np.zeros(4)
        np.subtract.reduce(a, out=out)
        return (
            out,
            np.hypot.reduce(a, axis=None),
            np.hypot.reduce(a, axis=(0, 1), keepdims=True),
            np.hypot.reduce(a, where=a > 0.8),
            np.fmin.reduce(a, where=a > 0.8, initial=3.0),
            np.subtract.reduce(a, dtype=np.float32),
            np.gcd.reduce(i[:0]),
            np.bitwise_and.reduce(i[:0], axis=None),
            np.logical_xor.reduce(b),
            np.subtract.accumulate(a[:0]),
            np.divide.reduce(i[0]),
        )

    compare(f, A, integers(3, 4), bools(3, 4))


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda a: np.subtract.reduce(a, axis=None), ValueError, "not reorderable"),
        (lambda a: np.subtract.reduce(a[:0]), ValueError, "no identity"),
        (lambda a: np.subtract.reduce(a, where=a > 0), ValueError, "identity"),
        (lambda a: np.subtract.reduceat(a, [0, 3]), IndexError, "out-of-bounds"),
        (lambda a: np.subtract.reduceat(a, [np.argmax(a[0])]), CompileError, "known"),
        (lambda a: np.sin.reduce(a), ValueError, "binary functions"),
    ],
)
def test_errors(function: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        da.jit(function)(A)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_of_floats(dtype: Any) -> None:
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, [5e-324, 2.0**-1022, 1.7976931348623157e308, 1023.9]]).astype(dtype)

    def f(x: Any, y: Any) -> Any:
        found = np.nextafter(x, y), np.nextafter(x, np.inf), np.nextafter(x, -1), np.spacing(x)
        return *found, *np.frexp(x), *map(np.signbit, found[:3])

    with np.errstate(all="ignore"):
        for mine, theirs in zip(da.jit(f)(x, np.roll(x, 5)), f(x, np.roll(x, 5)), strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)


def test_derivatives_of_bits_of_floats() -> None:
    for level in ("linalg", "loop", "llvm"):
        gradient = da.grad(lambda x: np.sum(np.nextafter(x, x * 2) * 3 + np.spacing(x)), level=level)
        np.testing.assert_allclose(gradient(A[0]), [3.0] * 4)
    check_gradient(lambda x: np.frexp(x)[0], A + 0.01)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16])
def test_divisors(dtype: Any) -> None:
    a, b = (
        np.array(x, np.int8).astype(dtype) for x in ([0, 12, -18, 7, -128, 100], [0, 18, 12, 0, -128, 75])
    )
    compare(lambda x, y: (np.gcd(x, y), np.lcm(x, y), np.gcd(x[1], 18), np.lcm.outer(x[:2], y)), a, b)


def test_dates_are_refused() -> None:
    with pytest.raises(CompileError, match="datetime64"):
        da.jit(lambda a: np.isnat(a))(A)
