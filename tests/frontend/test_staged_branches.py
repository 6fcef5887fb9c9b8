"""Branches that raise."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.frontend.numpy_like import agrees

X = np.arange(1.0, 6.0)


def guard(x):
    if x[0] > 2:
        raise ValueError("too large")
    return x * 2


def otherwise(x):
    if x[0] < 2:
        y = x * 3
    else:
        raise ZeroDivisionError("no")
    return y


def chain(x):
    if x[0] > 100:
        raise OverflowError("far")
    elif x[0] > 2:
        raise ValueError(f"near {x.shape}")
    return x[0]


def after_a_return(x):
    if x[0] < 2:
        return x[1]
    raise ValueError("not found")


def in_a_loop(x):
    total = 0.0
    for v in x:
        if v > 5.5:
            raise ValueError("too large")
        total += v
    return total


def not_found(x):
    for i in range(5):
        if x[i] == 3.0:
            return i
    raise LookupError("not found")


def in_a_helper(x):
    def checked(v):
        if v > 2:
            raise ValueError("too large")
        return v * 2

    y = checked(x[0])
    return checked(x[0] - 1) + y if x[1] > 0 else y


def known_assertion(x):
    if x[0] > 2:
        assert x.ndim == 2, "two axes expected"
    return x


def in_a_while(x):
    i = 0
    while True:
        if i >= 5:
            raise IndexError("past the end")
        if x[i] == 3:
            return i
        i += 1


CASES = [
    *(guard, otherwise, chain, after_a_return, in_a_loop, not_found, in_a_helper, known_assertion, in_a_while)
]


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shift", [0.0, 2.0, 200.0])
def test_raises_as_python(function, shift):
    agrees(function, X + shift)


def test_message_and_place():
    with pytest.raises(ValueError, match=r"^too large \(at .*test_staged_branches.py:\d+:9\)"):
        da.jit(guard)(X + 5)


def test_gradient():
    np.testing.assert_allclose(da.grad(lambda x: np.sum(guard(x)))(X), 2 * np.ones(5))
    with pytest.raises(ValueError, match="too large"):
        da.grad(lambda x: np.sum(guard(x)))(X + 5)


class OwnError(Exception):
    pass


def test_exceptions_of_the_users():
    def f(x):
        if x[0] > 2:
            raise OwnError("mine")  # here
        return x

    np.testing.assert_array_equal(da.jit(f)(X - 5), X - 5)
    with pytest.raises(OwnError, match=r"^mine \(at .*test_staged_branches.py:\d+:13\)"):
        da.jit(f)(X + 5)


class Diverged(Exception):
    def __init__(self, step, *, why):
        super().__init__(step, why)
        self.step = step


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
def test_exceptions_that_hold_more_than_a_message(level):
    def f(x):
        total = 0.0
        for i in range(3):
            total += x[i] ** 2
            if total > 50:
                raise Diverged(3, why="grows")
        if total < 0.1:
            raise Diverged(0, why="shrinks")
        return total

    np.testing.assert_allclose(da.grad(f, level=level)(X[:3] / 10 + 0.2), X[:3] / 5 + 0.4)
    for shift, args in ((9.0, (3, "grows")), (-X[:3], (0, "shrinks"))):
        with pytest.raises(Diverged) as caught:
            da.grad(f, level=level)(X[:3] + shift)
        assert caught.value.args == args
        assert caught.value.step == args[0]
        assert "test_staged_branches.py" in caught.value.__notes__[0]


def test_mistakes_are_not_taken_for_raise_statements():
    def f(x):
        if x[0] > 2:
            return x.no_such_attribute
        return x

    with pytest.raises(AttributeError):
        da.jit(f)(X)
