"""Boolean masks as keys, in loads, in stores and with operators in place: as NumPy, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.harness import check, run
from tests.frontend.numpy.test_sorting import X, check_derivatives

W = np.cos(np.arange(12.0)).reshape(3, 4)
CONCRETE = W > 0


def statements(x: Any) -> Any:
    y, m = x * 2, x > 0
    y[m] *= 3
    y[m] += np.sin(x)[m]
    y[~m] = 0.5
    y[y > 2] **= 0.5
    y[x < -1] -= y[0, 0]
    return np.sum(y * W)


def rows(x: Any) -> Any:
    y, m = x * 1.0, x[:, 0] > 0
    y[m] *= x[0]
    y[m] -= np.array([[1.0, 2, 3, 4]])
    y[~m] = x[1]
    return np.sum(y * W)


def concrete(x: Any) -> Any:
    y = x * 1.0
    y[CONCRETE] *= np.arange(CONCRETE.sum())
    y[CONCRETE] = np.sin(y)[CONCRETE]
    return np.sum(y[CONCRETE] ** 2) + np.sum(y * W)


def picked(x: Any) -> Any:
    y, m = x * 1.0, x > 0
    y[m] = np.sort(x[m] * 2)
    p = y[m]
    p[0] = 5.0
    y[m] += p
    return np.sum(y * W) + np.mean(np.sin(x[m])) + np.sum(x[x[:, 0] > 0, 1:3] ** 2)


def in_control_flow(x: Any) -> Any:
    y = x * 1.0
    for i in range(3):
        y[i][y[i] > 0] *= x[i, 0]
        if x[i, 1] > 0:
            y[i, y[i] < 0] += 1.0
    return np.sum(y * W)


@pytest.mark.parametrize("function", [statements, rows, concrete, picked, in_control_flow])
def test_derivatives(function: Callable[..., Any]) -> None:
    for level in ("tape", "linalg"):
        check_derivatives(function, level, X)


@pytest.mark.parametrize(("function", "level"), [(statements, "graph"), (rows, "llvm"), (picked, "loop")])
def test_derivatives_at_other_levels(function: Callable[..., Any], level: str) -> None:
    check_derivatives(function, level, X)


@pytest.mark.parametrize("level", ["tape", "graph", "linalg", "loop", "llvm"])
def test_what_is_not_picked_takes_no_part(level: str) -> None:
    """Not even where its derivative would be infinite."""

    def function(x: Any) -> Any:
        y = x * 1.0
        y[x > 0] **= 0.5
        y[x > 10] /= x[0]
        return np.sum(y)

    np.testing.assert_array_equal(da.grad(function, level=level)(np.array([0.0, 4.0, -1.0])), [1, 0.25, 1])


def test_masks_of_all_kinds() -> None:
    def function(x: Any, n: Any) -> Any:
        y, z = x * 1, n * 1
        y[[True, False, True]] = 1
        y[CONCRETE[:, 0], 1] *= 5
        y[x[:, 0] > 0, 1:3] = 9
        y.T[x.T < -1] = np.arange(np.sum(x < -1))
        z[n > 1] //= 2
        z[n > 1] <<= 1
        z[n < 0] = 1.7
        m = n > 0
        m[m] ^= True
        w = x[:0]
        return y, z, m, x[x > 100].sum(), x[x > 0].shape[0], w[w > 0].sum(), x[x > 0] @ x[x > 0]

    check(function, X, np.array([3, 1, -2, 5]))
    check(function, X, np.array([3, 1, -2, 5], np.int8))


def test_arguments_are_written() -> None:
    def function(x: Any) -> None:
        x[x > 0] *= 2

    check(function, X)


def test_mistakes() -> None:
    def stores(value: Any) -> Callable[[Any], Any]:
        def function(x: Any) -> Any:
            x[x[:, 0] > -9] = value
            return x

        return function

    for function, message in [
        (lambda x: x[x[0] > 0], "size of axis is 3 but size of corresponding boolean axis is 4"),
        (stores(np.ones((2, 2))), "shape mismatch|broadcast"),
        (stores(np.ones(3)), "shape mismatch|broadcast"),
    ]:
        with pytest.raises(CompileError, match=message):
            run(function, X)
    with pytest.raises(ValueError, match="broadcast"):
        da.jit(stores(np.ones((2, 4))))(X.copy())
