"""Loops whose condition, index or items ask for more than one way of running them."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees

X = np.arange(1.0, 6.0)


def condition_known_at_first(x):
    n, total = 0, 0.0
    values = [0.0]
    while values[0] < 9.0:
        values[0] = values[0] + x[n]
        n += 1
    return n, values, total


def condition_known_throughout(x):
    i = 0
    parts = []
    while i < 3:
        parts.append(x[i])
        i += 1
    return parts


def steps(x):
    total = np.zeros(3)
    for i in range(4, -1, -1):
        total[0] = total[0] * 2 + x[i]
    for i in range(10, 0, -3):
        total[1] += i
    for i in range(10, 0, 3):
        total[1] += i
    for i in range(0, 5, 100):
        total[2] += x[i]
    for i in range(-3, 3):
        total[2] += x[i]
    return total, i


@pytest.mark.parametrize(
    "function", [condition_known_at_first, condition_known_throughout, steps], ids=lambda f: f.__name__
)
def test_as_python(function):
    agrees(function, X)


def test_condition_that_becomes_unknown_while_the_body_needs_python():
    def f(x):
        parts = [1.0]
        while parts[-1] < 9.0:
            parts.append(parts[-1] + x[len(parts)])
        return parts

    with pytest.raises(CompileError, match=r"container|list"):
        da.jit(f)(X)
