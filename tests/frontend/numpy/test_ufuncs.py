"""Every ufunc, on every dtype, on special values, on arrays, NumPy scalars and Python numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialectad.errors import CompileError
from dialectad.frontend.numpy.ufuncs.refused import REFUSED
from dialectad.frontend.tracers import UFUNCS
from tests.frontend.numpy.arrays import SPECIAL, arrays_of_each_dtype, floats, integers
from tests.frontend.numpy.harness import check, run

SUPPORTED = sorted(
    UFUNCS.keys()
    - {np.matmul}
    - REFUSED
    - {getattr(np, n) for n in ("vecdot", "matvec", "vecmat") if hasattr(np, n)},
    key=lambda u: u.__name__,
)
UNARY = [u for u in SUPPORTED if u.nin == 1]
BINARY = [u for u in SUPPORTED if u.nin == 2]


def name(x: Any) -> str:
    return getattr(x, "__name__", str(x))


def agree(ufunc: Any, *args: Any) -> None:
    """The traced ufunc gives what NumPy gives, or both refuse."""
    try:
        with np.errstate(all="ignore"):
            expected = ufunc(*args)
    except (TypeError, ValueError):
        with pytest.raises((TypeError, ValueError)):
            run(lambda *xs: ufunc(*xs), *args)
        return
    parts = expected if isinstance(expected, tuple) else (expected,)
    if any(p.dtype in (np.float16,) for p in parts):
        with pytest.raises(CompileError):
            run(lambda *xs: ufunc(*xs), *args)
        return
    check(lambda *xs: ufunc(*xs), *args)


@pytest.mark.parametrize("ufunc", UNARY, ids=name)
def test_unary_ufuncs(ufunc: Any) -> None:
    for array in arrays_of_each_dtype(3):
        agree(ufunc, array)
        agree(ufunc, array[0])
        agree(ufunc, array[:1].reshape(()))
    agree(ufunc, floats(2, 0, 3))
    agree(ufunc, SPECIAL)


@pytest.mark.parametrize("ufunc", BINARY, ids=name)
def test_binary_ufuncs_of_equal_and_mixed_dtypes(ufunc: Any) -> None:
    a, b = arrays_of_each_dtype(4), arrays_of_each_dtype(4)
    if ufunc in (np.power, np.ldexp):
        b = [abs(x) if x.dtype.kind == "i" else x for x in b]
    for i, x in enumerate(a):
        agree(ufunc, x, b[i])
        agree(ufunc, x, b[(i + 1) % len(b)])
        agree(ufunc, x[0], b[i - 1][0])
    agree(ufunc, a[0].reshape(2, 2, 1), b[2][:3])


@pytest.mark.parametrize("ufunc", BINARY, ids=name)
def test_binary_ufuncs_at_special_values(ufunc: Any) -> None:
    values = SPECIAL
    a, b = (x.ravel() for x in np.meshgrid(values, values))
    if ufunc is np.hypot:  # an infinite operand outweighs NaN in C, but not here
        fine = ~(np.isinf(a) & np.isnan(b)) & ~(np.isnan(a) & np.isinf(b))
        a, b = a[fine], b[fine]
    if ufunc not in (np.ldexp,):
        agree(ufunc, a, b)
    extremes = np.array([-(2**63), -(2**63) + 1, -65, -2, -1, 0, 1, 2, 63, 64, 2**63 - 1])
    a, b = (x.ravel() for x in np.meshgrid(extremes, extremes))
    if ufunc is np.power:
        b = abs(b) % 67
    if ufunc not in (np.ldexp,):
        agree(ufunc, a, b)


@pytest.mark.parametrize("number", [2, -3, 0, 2.5, True, np.float32(1.5), np.int8(3), np.float64(0)])
@pytest.mark.parametrize("ufunc", BINARY, ids=name)
def test_binary_ufuncs_with_numbers(ufunc: Any, number: Any) -> None:
    for array in (floats(3), floats(3, dtype=np.float32), integers(3), integers(3, dtype=np.int16)):
        with np.errstate(all="ignore"):
            try:
                ufunc(array, number), ufunc(number, array)
            except (TypeError, ValueError):
                continue
        agree_with_constant(ufunc, array, number)


def agree_with_constant(ufunc: Any, array: Any, number: Any) -> None:
    for function in (lambda x: ufunc(x, number), lambda x: ufunc(number, x)):
        with np.errstate(all="ignore"):
            expected = function(array)
        parts = expected if isinstance(expected, tuple) else (expected,)
        if any(p.dtype == np.float16 for p in parts):
            continue
        check(function, array)


OPERATORS = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
    *(operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge),
]


@pytest.mark.parametrize("op", OPERATORS, ids=name)
@given(
    a=st.integers(-100, 100) | st.floats(-10, 10) | st.booleans(),
    b=st.integers(1, 100) | st.floats(0.5, 10),
)
@settings(max_examples=15, deadline=None)
def test_python_numbers_stay_python_numbers(op: Any, a: Any, b: Any) -> None:
    check(lambda x, y: op(x, y), a, b)
    check(lambda x: op(x, b), a)
    check(lambda y: op(a, y), b)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 16, 17, -1, -2, 0.5, 1.5, -0.5, 2.0])
def test_powers_by_constants(exponent: Any) -> None:
    values = np.array([0.3, 1.7, 2.0, 5.5])
    check(lambda x: x**exponent, values)
    check(lambda x: x**exponent, values.astype(np.float32))
    check(lambda x: x**exponent, np.float64(1.7))
    check(lambda x: x**exponent, 1.7)
    check(lambda x: x**exponent, 3)
    if exponent >= 0:
        check(lambda x: x**exponent, np.arange(-3, 4))


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 8, -1, -3, 0, 64])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8])
def test_integer_division_by_constants(divisor: int, dtype: Any) -> None:
    values = np.array([np.iinfo(dtype).min, -9, -8, -1, 0, 1, 5, 9, np.iinfo(dtype).max], dtype)
    check(lambda x: x // divisor, values)
    check(lambda x: x % divisor, values)
    check(lambda x: divmod(x, divisor), values)
    check(lambda x: np.fmod(x, divisor), values)


def test_division_of_python_integers_by_zero_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda a, b: a // b, 3, 0)
    with pytest.raises(ZeroDivisionError):
        run(lambda a, b: a % b, 3, 0)


def test_negative_powers_of_integers_are_refused() -> None:
    with pytest.raises(ValueError):
        run(lambda x: x ** (-2), integers(3))
    with pytest.raises(ValueError):
        run(lambda x, n: x**n, np.array([2, 3]), np.array([1, -1]))


def test_what_numpy_refuses_is_refused() -> None:
    for function, args in [
        (lambda x: x - x, (np.array([True]),)),
        (lambda x: -x, (np.array([True]),)),
        (lambda x: x + 300, (integers(2, dtype=np.int8),)),
        (np.isnat, (floats(2),)),
        (lambda x: x & 1, (floats(2),)),
        (lambda x, y: x + y, (floats(2), floats(3))),
        (lambda x: np.exp(x, foo=1), (floats(2),)),
        (np.exp, (integers(2, dtype=np.int8),)),
    ]:
        with pytest.raises(CompileError):
            run(function, *args)


def test_arguments_of_ufuncs() -> None:
    def out(x: Any, y: Any) -> Any:
        np.add(x, y, out=x)
        np.multiply(x, y, out=y, where=x > 0)
        x *= 2
        return np.add(x, y, dtype=np.float32)

    check(out, floats(3), floats(3), tolerance=1e-6)


def test_ufuncs_called_by_name_give_numpy_numbers() -> None:
    check(lambda x: np.exp(x), 0.5)
    check(lambda x: np.add(x, 1), 2)
    check(lambda x: np.add(x, 1.0) * np.float32(1), 2.0)
    check(lambda x: np.sqrt([x, 2.0]), 3.0)


def test_methods_of_ufuncs() -> None:
    x, y = floats(3, 4), floats(2)
    for function in [
        np.add.reduce,
        lambda a: np.multiply.reduce(a, axis=1),
        lambda a: np.maximum.reduce(a, axis=None),
        lambda a: np.minimum.reduce(a, axis=-1, keepdims=True),
        np.add.accumulate,
        lambda a: np.maximum.accumulate(a, axis=1),
        lambda a: np.minimum.accumulate(a, axis=0),
        lambda a: np.multiply.accumulate(a, axis=1),
        np.logaddexp.reduce,
        lambda a: np.logaddexp.reduce(a, axis=None),
        lambda a: np.logaddexp2.reduce(a, axis=1, keepdims=True),
    ]:
        check(function, x)
    check(lambda a, b: np.subtract.outer(a, b), x, y)

    def scatter(a: Any, i: Any, v: Any) -> None:
        np.add.at(a, i, v)
        np.multiply.at(a, (i, 1), 2.0)

    check(scatter, x, np.array([0, 2, 0, 0]), floats(4, 4))
    check(lambda a: np.add.reduceat(a, [0, 2]), x)
