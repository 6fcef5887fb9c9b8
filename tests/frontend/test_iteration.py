"""What loops run over."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.frontend.numpy_like import agrees, same

X = np.arange(1.0, 6.0)


@pytest.mark.parametrize("start", [0, 4, -2])
@pytest.mark.parametrize("stop", [5, 0, -3])
@pytest.mark.parametrize("step", [1, 2, 7, -1, -3])
def test_range_of_which_nothing_is_known(start, stop, step):
    same(_numbers_compiled(start, stop, step), _numbers(start, stop, step))


def _numbers(start, stop, step):
    total, count, last = 0, 0, -100
    for i in range(start, stop, step):
        total = total * 3 + i
        count += 1
        last = i
    return total, count, last


_numbers_compiled = da.jit(_numbers)


def test_range_of_step_zero():
    with pytest.raises(ValueError, match="must not be zero"):
        _numbers_compiled(0, 5, 0)


def test_gradient_of_a_range_of_any_step():
    def f(x, step):
        total = 0.0
        for i in range(4, -1, step):
            total += x[i] ** 2
        return total

    np.testing.assert_allclose(da.grad(f)(X, -2), 2 * X * [1, 0, 1, 0, 1])


def iterables(x):
    total = 0.0
    for i, v in enumerate(x, 1):
        total += i * v
    for i, v in enumerate(x, start=3):
        total += i * v
    for (i, v), w in zip(enumerate(x), reversed(x), strict=True):
        total += i * v * w
    for i in reversed(range(3)):
        total = total * 1.5 + i
    for row in np.outer(x, x):
        for v in row:
            total -= v
    return total, i


def test_iterables():
    agrees(iterables, X)
