"""A large function that is called often is compiled once."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.gradients import directional_difference

X = np.array([0.3, -0.2])


def large(x, y):
    a, b = x, y
    for k in da.unroll(range(45)):
        a = np.sin(0.5 * a + b) + x / (k + 2.0)
        b = 0.4 * b * a - 0.1 * y
    return a + b


def program(calls):
    def in_loop_and_twice(x):
        total = 0.0
        for i in range(2):
            total = total + large(x[0], 0.5 * total + x[i])
        for _ in da.unroll(range(calls)):
            total = total + large(total, x[1]) * large(x[0], total)
        return total

    return in_loop_and_twice


def test_it_is_called():
    def lines(calls):
        text = da.jit(program(calls)).lower(X).text("linalg")
        assert text.count("func.func") == 2
        return len(text.splitlines())

    assert lines(6) - lines(3) < 50


def test_derivatives():
    function, direction = program(1), np.array([1.0, -0.5])
    np.testing.assert_allclose(da.jit(function)(X), function(X), rtol=1e-12)
    slope = directional_difference(function, (X,), direction, 1e-6)
    assert da.grad(function, level="linalg")(X) @ direction == pytest.approx(slope, rel=1e-5)
    assert da.jvp(function, (X,), (direction,), level="loop")[1] == pytest.approx(slope, rel=1e-5)
