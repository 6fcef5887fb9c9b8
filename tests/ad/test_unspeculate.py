"""Branches that are not taken have no part in a derivative, whatever LLVM made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da

AT = np.array([-1.0, 0.0, 0.5, 2.0])
CASES: list[Any] = []


def case(*args: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(pytest.param(function, args or (AT,), id=function.__name__))
        return function

    return register


@case()
def square_root(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            s += np.sqrt(x[i])
    return s


@case()
def logarithm(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            s += np.log(x[i]) * x[i]
    return s


@case()
def quotient(x):
    s = 0.0
    for i in range(4):
        if x[i] != 0:
            s += 1 / x[i]
    return s


@case()
def powers(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            s += x[i] ** 0.5 + x[i] ** -1.5
    return s


@case(np.array([1.0, np.nan, 2.0, np.nan]))
def missing_values(x):
    s = 0.0
    for i in range(4):
        if not np.isnan(x[i]):
            s += x[i] ** 2
    return s


@case(np.array([1e200, 1.0, -1e180, -2.0]))
def overflow(x):
    s = 0.0
    for i in range(4):
        y = x[i] * x[i]
        if y < 1e300:
            s += y * y
    return s


@case(0.0)
def scalar(x):
    return np.sqrt(x) if x > 0 else 2 * x


@case()
def what_several_branches_share(x):
    s = 0.0
    for i in range(4):
        if x[i] > 1:
            s += np.log(x[i])
        elif x[i] > 0:
            s += 2 * np.log(x[i])
        else:
            s += x[i]
    return s


@case()
def branches_within_branches(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            t = 1 / x[i]
            if t < 1:
                s += t
            else:
                s -= np.sqrt(x[i]) * t
    return s


@case()
def a_condition_that_comes_later(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            s += np.log(x[i])
        if s > -0.6 and x[i] > 0:
            s += 2 * np.log(x[i])
    return s


@case()
def longer_than_one_operation(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            y = np.sqrt(x[i])
            z = y + 1.0
            s += z * z + 1 / y
    return s


@case(0.0, AT)
def out_of_a_loop(a, x):
    s = 0.0
    for i in range(4):
        if a > 0:
            s += np.sqrt(a) * x[i]
        if x[i] > 9:
            s += x[i] / a
    return s


@case(0.0, AT)
def out_of_two_loops(a, x):
    s = 0.0
    for i in range(4):
        for j in range(i):
            if a > 0:
                if x[j] > 1:
                    s += np.sqrt(a) * x[i]
                else:
                    s -= np.log(a) * x[i]
    return s


@pytest.mark.parametrize("level", ["loop", "llvm"])
@pytest.mark.parametrize(("function", "args"), CASES)
def test_gradient(function: Callable[..., Any], args: tuple[Any, ...], level: str) -> None:
    value, gradient = da.value_and_grad(function, level=level)(*args)
    reference, expected = da.value_and_grad(function, level="linalg")(*args)
    np.testing.assert_allclose(value, reference, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)
    assert np.all(np.isfinite(gradient))


def residual(a, x):
    """A square that is 0 where it is differentiated, computed on a condition."""
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            s += (a[i] - x[i]) * (a[i] - x[i])
    return s


def test_second_derivative_where_the_first_is_zero() -> None:
    product = da.hvp(lambda a: residual(a, AT), (AT,), (np.ones(4),), level="llvm")
    np.testing.assert_allclose(product, [0.0, 0.0, 2.0, 2.0])
    gradient = da.grad(lambda a: np.sum(da.grad(residual, level="llvm")(a, AT)), level="llvm")(AT)
    np.testing.assert_allclose(gradient, [0.0, 0.0, 2.0, 2.0])
