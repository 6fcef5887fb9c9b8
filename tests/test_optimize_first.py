"""What it costs to differentiate before optimising: the loop-invariant `normalize` example, counted.

The norm in the loop is the same in every iteration. Moved out first, it is differentiated once; moved out
afterwards, its adjoint, which depends on the iteration, stays behind in the reversed loop.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation

import dialectad as da
from tests.evaluate import Interpreter


def normalize(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = x[i] / np.sqrt(np.sum(x * x))
    return np.sum(y**3)


def uncertain(x, n):
    total = 0.0
    for _ in range(n):
        total += np.sqrt(x)
    return total


_BY_ELEMENT = (linalg.GenericOp, tensor.EmptyOp, tensor.InsertOp)
"""Ops whose work is counted elsewhere, or that bufferization makes free."""


def _size(op: Operation) -> int:
    shapes = [v.type.get_shape() for v in (*op.operands, *op.results) if isinstance(v.type, TensorType)]
    return max((math.prod(shape) for shape in shapes), default=1)


class Counter(Interpreter):
    """Counts the scalar operations, those of each element included."""

    work = 0

    def block(self, block, args, env):
        for op in block.ops:
            scalar = not any(isinstance(result.type, TensorType) for result in op.results)
            self.work += 1 if scalar or isinstance(op, _BY_ELEMENT) or op.regions else _size(op)
        return super().block(block, args, env)


def work(level: str | da.Level, n: int) -> int:
    """The operations that a gradient of `normalize` takes."""
    lowered = da.grad(normalize, level=level).lower(np.ones(n))
    counter = Counter(lowered.module("linalg"))
    x = np.linspace(0.3, 1.7, n)
    gradient = counter.call(lowered.program.name, [x])[0]
    np.testing.assert_allclose(gradient, by_hand(x), rtol=1e-10)
    return counter.work


def by_hand(x):
    norm = np.sqrt(np.sum(x * x))
    return 3 * x**2 / norm**3 - 3 * np.sum(x**3) * x / norm**5


def test_differentiation_after_optimisation_is_linear() -> None:
    short, long = work("linalg", 32), work("linalg", 64)
    assert 1.7 < long / short < 2.1


def test_differentiation_before_optimisation_is_quadratic() -> None:
    unoptimized = da.Level("linalg", optimize_first=False)
    short, long = work(unoptimized, 32), work(unoptimized, 64)
    assert 3.5 < long / short < 4.1
    assert long > 5 * work("linalg", 64)


@pytest.mark.parametrize("level", da.levels(), ids=str)
def test_what_does_not_run_has_no_derivative(level: da.Level) -> None:
    """The root, which has an infinite derivative at 0, stays in the loop that doesn't run."""
    if level.name == "graph":
        with pytest.raises(da.CompileError, match="whose count depends on data"):
            da.grad(uncertain, level=level)(0.0, 0)
    else:
        assert da.grad(uncertain, level=level)(0.0, 0) == 0.0
    assert da.grad(uncertain, level="linalg")(0.25, 3) == 3.0
