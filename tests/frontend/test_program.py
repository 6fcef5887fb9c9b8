"""Programs: signatures, and functions that call themselves."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees

X = np.arange(1.0, 6.0)


def halves(x):
    return x[0] if len(x) == 1 else halves(x[: len(x) // 2]) - 2.0 * halves(x[len(x) // 2 :])


def test_recursion_that_ends_by_shapes():
    agrees(halves, X)


def endless(x):
    return endless(x)  # here


def test_recursion_that_does_not_end():
    with pytest.raises(CompileError, match="recursion") as caught:
        da.jit(endless)(X)
    assert "test_program.py" in str(caught.value)


def test_errors_that_no_line_causes_are_placed_at_the_definition():
    def f(x):  # here
        return (i for i in [x])

    with pytest.raises(CompileError, match="generator can't be the result") as caught:
        da.jit(f)(X)
    assert "# here" in str(caught.value)
