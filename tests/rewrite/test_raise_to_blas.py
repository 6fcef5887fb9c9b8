"""`raise-to-blas`: sums that products of another shape are added to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import dialectad as da


def convolved(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    out = np.zeros((2, 4, 4, 5))
    for i in range(3):
        for j in range(3):
            out += x[:, i : i + 4, j : j + 4] @ w[i, j]
    return out


def subtracted(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.exp(x[..., :1]) - x @ w[0, 0]


def subtracted_from(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return x @ w[0, 0] - np.exp(x[:, :, :, [0, 1, 2, 0, 1]])


def read_again(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = np.sin(x[..., [0, 1, 2, 0, 1]])
    return (y + x @ w[1, 1]) * y


def in_a_slice(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    out = np.ones((2, 7, 6, 5))
    out[:, 1:] += x @ w[0, 1]
    out[:, ::2] -= x[:, :4] @ w[2, 1]
    return out


@pytest.mark.parametrize("function", [convolved, subtracted, subtracted_from, read_again, in_a_slice])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_with_products_that_are_reshaped(function: Callable[..., np.ndarray], dtype: str) -> None:
    draw = np.random.default_rng(0).standard_normal
    x, w = draw((2, 6, 6, 3)).astype(dtype), draw((3, 3, 3, 5)).astype(dtype)
    rtol = 1e-10 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(da.jit(function)(x, w), function(x, w), rtol=rtol, atol=rtol)
    if dtype == "float32":
        return

    def loss(x: np.ndarray, w: np.ndarray) -> float:
        return np.sum(np.cos(function(x, w)))

    dx, dw = draw(x.shape), draw(w.shape)
    h = 1e-6
    change = (loss(x + h * dx, w + h * dw) - loss(x - h * dx, w - h * dw)) / (2 * h)
    for level in ("linalg", "loop"):
        by_x, by_w = da.jit(da.grad(loss, (0, 1), level=level))(x, w)
        np.testing.assert_allclose(np.sum(by_x * dx) + np.sum(by_w * dw), change, rtol=1e-7)


def test_a_convolution_accumulates_in_place() -> None:
    x, w = np.ones((2, 6, 6, 3)), np.ones((3, 3, 3, 5))
    text = da.jit(convolved).lower(x, w).text("linalg")
    assert text.count("blas.gemm") == 1
    assert "beta = 1.0" in text
    assert "linalg.generic" not in text
