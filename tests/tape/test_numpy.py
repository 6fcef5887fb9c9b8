"""NumPy's functions and ufuncs on a tape: values as NumPy's, derivatives as those of level `linalg`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import dialectad as da
from tests.frontend.numpy.test_gradients import REDUCTIONS
from tests.frontend.numpy.test_products import EINSUMS
from tests.frontend.numpy.test_shaping import CASES
from tests.frontend.numpy.test_ufuncs import BINARY, UNARY, name
from tests.tape.check import LEVEL, check, floats, total

SHAPING = sorted(CASES.keys() - {"nan_to_num", "copy", "questions", "types"})
"""Without those that round to single precision, or have no floats as results."""


def agree(function: Any, x: Any) -> None:
    """Both levels give the same gradient."""

    def scalar(a: Any) -> Any:
        return total(function(a))

    mine, theirs = (da.grad(scalar, level=level)(x) for level in (LEVEL, "linalg"))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", SHAPING)
def test_shaping(case: str) -> None:
    check(CASES[case], floats(2, 3, 4), second=False)
    agree(CASES[case], floats(2, 3, 4))


@pytest.mark.parametrize("ufunc", [u for u in UNARY if u not in (np.invert, np.bitwise_count)], ids=name)
def test_unary_ufuncs(ufunc: Any) -> None:
    x = abs(floats(4)) * 0.3 + (1.7 if ufunc is np.arccosh else 0.05)
    check(lambda a: [ufunc(a), ufunc(a[0])], x)


@pytest.mark.parametrize(
    "ufunc",
    [
        u
        for u in BINARY
        if u not in (np.ldexp, np.gcd, np.lcm) and not u.__name__.startswith(("bitwise", "left_", "right_"))
    ],
    ids=name,
)
def test_binary_ufuncs(ufunc: Any) -> None:
    x = abs(floats(2, 4))
    check(lambda a: [ufunc(a[0], a[1]), ufunc(a[0, 0], a[1, 1]), ufunc(a, 1.7)], x)
    check(lambda a: [ufunc(a, a[0]), ufunc(a[:, :1], a), ufunc(2, a), ufunc(a[0, 1], a)], x, second=False)


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: c[0])
def test_einsum(case: Any) -> None:
    subscripts, *shapes = case
    sizes = [int(np.prod(shape)) for shape in shapes]

    def function(a: Any) -> Any:
        parts = np.split(a, np.cumsum(sizes)[:-1].tolist()) if len(sizes) > 1 else [a]
        return np.einsum(subscripts, *[p.reshape(s) for p, s in zip(parts, shapes, strict=True)])

    check(function, floats(sum(sizes)), second=False)


@pytest.mark.parametrize("function", REDUCTIONS, ids=name)
def test_reductions(function: Any) -> None:
    check(lambda a: [function(a[0]), function(a, axis=1)], floats(3, 4))


OPERATORS = {
    "arithmetic": lambda x, y: (x + y, x - y, x * y, x / y, -x, +x, abs(y)),
    "powers": lambda x, y: (x**y, x**2, x**-1, x**0, x**0.5, 2.0**x, 3**x, x**1),
    "divisions": lambda x, y: (x // y, x % y, divmod(x, y), 5 % x, 1 / x),
    "comparisons": lambda x, y: (x * (x > y), y * (x <= y), x * (x == x), x * (x != 1.0)),
    "python": lambda x, y: (float(x), x * int(y), round(x, 1) * y, max(x, y), min(x, 0.2), sum([x, y, x])),
    "numbers": lambda x, y: (x * True, x + 1, 2 - x, np.float64(2) * x, np.int32(3) / x),
}


@pytest.mark.parametrize("case", OPERATORS.values(), ids=OPERATORS.keys())
@pytest.mark.parametrize("kind", [float, np.float64])
def test_numbers(case: Any, kind: Any) -> None:
    check(lambda x: case(x, kind(0.7)), kind(1.3))
    check(lambda x: case(kind(1.3), x), kind(0.7))


def test_single_precision_stays() -> None:
    x = abs(floats(4)).astype(np.float32)

    def function(a: Any) -> Any:
        b = np.sqrt(a) * 2.0 + a[0] * a
        return np.where(b > 1.0, b, 0.5 * b**2)

    out, pullback = da.vjp(function, x, level=LEVEL)
    assert out.dtype == np.float32
    assert pullback(np.ones(4, np.float32))[0].dtype == np.float32
    np.testing.assert_array_equal(out, function(x))
    assert isinstance(da.grad(lambda a: a * a, level=LEVEL)(np.float32(3)), np.float32)


MATH = [
    *(math.sin, math.exp, math.log, math.sqrt, math.tanh, math.atan, math.asin, math.cosh, math.log1p),
    *(math.expm1, math.log2, math.cbrt, math.erf, math.degrees, math.fabs),
]


@pytest.mark.parametrize("function", MATH, ids=name)
def test_math(function: Any) -> None:
    check(lambda x: function(x) * x, 0.4)
    check(lambda x: function(x[0]) * function(x[1]), abs(floats(2)) * 0.4 + 0.1)


def test_math_of_several() -> None:
    def function(x: Any) -> Any:
        return (
            math.atan2(x[0], x[1]) + math.hypot(x[0], x[1], x[2]) + math.pow(abs(x[0]), x[1]),
            math.log(abs(x[0]), 2.0) + math.fsum([x[0], x[1]]) + math.prod([x[0], x[1], 2]),
            math.floor(x[0]) * x[1] + math.copysign(x[0], -1.0) + math.dist([x[0]], [x[1]]),
        )

    check(function, floats(3) + 0.2)


SINGULAR = {
    "sqrt": (lambda x: np.sqrt(x), 0.0, np.inf),
    "math.sqrt": (lambda x: math.sqrt(x), 0.0, np.inf),
    "abs": (lambda x: abs(x), 0.0, 0.0),
    "maximum": (lambda x: np.maximum(x, 1.0), 1.0, 0.5),
    "power_of_zero": (lambda x: x**3.0, 0.0, 0.0),
    "zeroth_power": (lambda x: x**0.0, 0.0, 0.0),
    "exponent": (lambda x: 0.0**x, 2.0, 0.0),
    "division": (lambda x: x / 3.0, np.inf, 1 / 3),
    "nan": (lambda x: np.maximum(x, 1.0) + x, np.nan, 1.0),
    "where": (lambda x: np.where(x > 0, x, -2.0 * x), 0.0, -2.0),
    "prod": (lambda x: np.prod(np.stack([x, x * 0.0 + 2.0])), 0.0, 2.0),
    "ties": (lambda x: np.max(np.stack([x, x, x * 0.0 + 1.0])), 1.0, 2 / 3),
}


@pytest.mark.parametrize("case", SINGULAR.values(), ids=SINGULAR.keys())
@pytest.mark.parametrize("kind", [float, np.float64, np.array, lambda x: np.full((1,), x)])
def test_awkward_points(case: Any, kind: Any) -> None:
    function, x, expected = case
    for level in (LEVEL, "linalg"):
        with np.errstate(all="ignore"):
            found = da.grad(lambda a: np.sum(function(a)), level=level)(kind(x))
        np.testing.assert_allclose(np.squeeze(found), expected)


def test_shapes_that_depend_on_values() -> None:
    def function(x: Any) -> Any:
        positive = x[x > 0]
        return positive * len(positive), np.compress(x > 0, [1.0] * 5)

    check(function, floats(5))


def test_known_arguments() -> None:
    check(lambda x: [np.linalg.norm(x, ord=3.0) * x, np.split(x, np.array([1, 2]))], floats(3))


def test_known_arrays_may_change() -> None:
    places = np.array([1, 2])

    def sizes(x: Any) -> Any:
        return [part.size for part in np.split(x, places)], np.sum(np.split(x, places)[0])

    for first in (1, 0, 1):
        places[0] = first
        (found, _), pullback = da.vjp(sizes, floats(3), level=LEVEL)
        assert found == [first, 2 - first, 1]
        np.testing.assert_array_equal(pullback(([0, 0, 0], 1.0))[0], [float(first), 0.0, 0.0])


def test_ints_and_bools_have_no_derivative() -> None:
    def function(x: Any) -> Any:
        index = np.argmax(x)
        count = np.zeros(3, int)
        count[index] += 2
        mask = np.zeros(3, bool)
        mask[:2] = x[:2] > 0
        return x[index] * count, x * mask, np.floor(x) * x, x * np.arange(3)[index]

    check(function, floats(3))
