"""What the functions become is differentiable: gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da
from tests.frontend.numpy.arrays import floats
from tests.frontend.numpy.test_products import EINSUMS
from tests.frontend.numpy.test_shaping import CASES
from tests.frontend.numpy.test_ufuncs import BINARY, UNARY, name


def total(result: Any) -> Any:
    """A number that depends on all of a result."""
    if isinstance(result, list | tuple):
        return sum(total(part) for part in result)
    return 0.0 if isinstance(result, bool | int) else np.sum(np.sin(result * 1.3))


def check_gradient(function: Callable[[Any], Any], x: np.ndarray[Any, Any]) -> None:
    def scalar(a: Any) -> Any:
        return total(function(a))

    direction, step = floats(*x.shape), 1e-6
    expected = (scalar(x + step * direction) - scalar(x - step * direction)) / (2 * step)
    gradient = da.grad(scalar, level="linalg")(x)
    assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"nan_to_num", "copy", "questions", "types"}))
def test_functions(case: str) -> None:
    check_gradient(CASES[case], floats(2, 3, 4))


@pytest.mark.parametrize("ufunc", [u for u in UNARY if u not in (np.invert, np.bitwise_count)], ids=name)
def test_unary_ufuncs(ufunc: Any) -> None:
    x = abs(floats(4)) * 0.3 + (1.7 if ufunc is np.arccosh else 0.05)
    check_gradient(lambda a: [ufunc(a), ufunc(a[0])], x)


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
    check_gradient(lambda a: [ufunc(a[0], a[1]), ufunc(a[0, 0], a[1, 1]), ufunc(a, 1.7)], abs(floats(2, 4)))


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: c[0])
def test_einsum(case: Any) -> None:
    subscripts, *shapes = case
    sizes = [int(np.prod(shape)) for shape in shapes]

    def function(a: Any) -> Any:
        parts = np.split(a, np.cumsum(sizes)[:-1].tolist()) if len(sizes) > 1 else [a]
        return np.einsum(subscripts, *[p.reshape(s) for p, s in zip(parts, shapes, strict=True)])

    check_gradient(function, floats(sum(sizes)))


REDUCTIONS = [
    *(np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.ptp, np.nanmean, np.nanmax, np.average),
    *(np.linalg.norm, np.cumsum, np.cumprod, np.diff, np.gradient, np.trapezoid, np.logaddexp.reduce),
]


@pytest.mark.parametrize("function", REDUCTIONS, ids=name)
def test_reductions(function: Any) -> None:
    check_gradient(lambda a: [function(a[0]), function(a, axis=1)], floats(3, 4))


def test_gradients_at_equal_infinities_and_zeros() -> None:
    gradient = da.grad(lambda a: np.logaddexp(a[0], a[1]), level="linalg")
    for x in (1.0, np.inf, -np.inf):
        np.testing.assert_array_equal(gradient(np.array([x, x])), [0.5, 0.5])
    gradient = da.grad(lambda a: np.hypot(a[0], a[1]), level="linalg")
    np.testing.assert_array_equal(gradient(np.array([0.0, 0.0])), [0.0, 0.0])
    np.testing.assert_allclose(gradient(np.array([3.0, 4.0])), [0.6, 0.8])


def test_second_derivative_of_hypot_on_an_axis() -> None:
    for x, y in ((3.0, 0.0), (0.0, -2.0)):
        across = 1 if y == 0.0 else 0
        curvature = da.grad(da.grad(lambda x, y: np.hypot(x, y), argnums=across), argnums=across)
        assert curvature(x, y) == pytest.approx(1 / max(abs(x), abs(y)))
