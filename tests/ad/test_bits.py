"""What is found out about the bits of floats has no derivative."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.gradients import directional_difference


def signs_of_all(x):
    return np.sum(x * x * np.signbit(x)) + np.sum(np.copysign(x, x[0]) * x)


def number_of_signs(x):
    return np.sum(x * x) * np.sum(np.signbit(x))


def signs_in_an_array(x):
    negative, y = np.signbit(x), x.copy()
    for i in range(4):
        if negative[i]:
            y[i] = y[i] * y[i]
    return np.sum(y)


def kept_and_looked_at(x):
    y = np.zeros((4, 1), x.dtype)
    for i in range(4):
        y[i] = x[i : i + 1]
        if np.signbit(x[i]):
            y[i] = y[i] * x[0]
    return np.sum(y * y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", [signs_of_all, number_of_signs, signs_in_an_array, kept_and_looked_at])
def test_gradients(function, dtype) -> None:
    x, t = np.array([0.3, -0.7, 0.5, 1.1]), np.array([0.3, 0.2, -0.5, 0.7])
    expected = da.grad(function, level="linalg")(x)
    np.testing.assert_allclose(expected @ t, directional_difference(function, (x,), t, 1e-6), rtol=1e-6)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    for level in ("loop", "llvm"):
        gradient = da.grad(function, level=level)(x.astype(dtype))
        np.testing.assert_allclose(gradient, expected, rtol=rtol)
        tangent = da.jvp(function, (x.astype(dtype),), (t.astype(dtype),), level=level)[1]
        np.testing.assert_allclose(tangent, expected @ t, rtol=rtol)
