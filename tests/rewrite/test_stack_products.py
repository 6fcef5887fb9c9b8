"""Products by one matrix, and sums of products, in straight-line code: compared with NumPy and the tape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dialectad as da
from dialectad.dialects import blas
from tests.gradients import directional_difference, random_direction

SIZE = 8


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape) / 2


steps = st.tuples(st.sampled_from("wvW"), st.sampled_from("vm"), st.sampled_from("ianr"))


@settings(max_examples=10, deadline=None)
@given(st.lists(steps, min_size=2, max_size=9))
def test_random_straight_lines(line):
    """Products of rows that are inputs, slices of what was computed, or functions of that."""

    def function(w, v, x):
        found, total = [x[0:2]], 0.0
        for i, (matrix, shape, source) in enumerate(line):
            rows = {"i": x[i : i + 2], "a": found[0], "n": np.sin(found[-1]), "r": found[-1]}[source]
            by = {"w": w, "v": v, "W": w.T}[matrix]
            found.append(np.stack([by @ rows[1], by @ rows[0]]) if shape == "v" else rows @ by)
            total = total + np.sum(found[-1] * found[i // 2])
        return total

    args = normal(SIZE, SIZE), normal(SIZE, SIZE)[::-1].copy(), normal(16, SIZE)
    compiled, on_tape = (
        da.value_and_grad(function, argnums=(0, 1, 2), level=level)(*args) for level in ("linalg", "tape")
    )
    assert compiled[0] == pytest.approx(function(*args), rel=1e-9)
    for found, expected in zip(compiled[1], on_tape[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def unrolled(w, u, x):
    h = np.zeros(SIZE)
    for t in da.unroll(range(9)):
        h = np.tanh(w @ x[t] + u @ h)
    return np.sum(h * h)


@pytest.mark.parametrize("level", ["graph", "linalg", "loop", "llvm"])
def test_an_unrolled_recurrence_has_as_few_products_as_a_loop(level):
    args = normal(SIZE, SIZE + 1), normal(SIZE, SIZE), normal(9, SIZE + 1)
    gradient = da.grad(unrolled, argnums=(0, 1, 2), level=level)
    found = gradient(*args)
    direction = random_direction(args)
    rate = sum(np.sum(d * g) for d, g in zip(direction, found, strict=True))
    difference = directional_difference(lambda all_: unrolled(*all_), (args,), direction, 1e-6)
    assert rate == pytest.approx(difference, rel=1e-6)
    lowered = da.jit(gradient).lower(*args)
    assert "stack-products" in {remark.pass_name for remark in lowered.remarks()}
    if level in ("graph", "linalg"):
        ops = list(lowered.module().walk())
        assert not any(isinstance(op, blas.GerOp) for op in ops)
        assert sum(isinstance(op, blas.GemmOp) for op in ops) == 4  # w x; dw, du, dx


def test_infinity_and_nan_stay():
    x, w = normal(9, SIZE), normal(SIZE, SIZE)
    x[2, 3], x[4, 1] = np.inf, np.nan
    w[0] = 0.0

    def products(w, x):
        return [w @ x[t] for t in range(9)]

    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(da.jit(products)(w, x), products(w, x), rtol=1e-13)


def test_a_row_beyond_the_end_is_its_error():
    def too_far(w, x, n):
        first = w @ x[0]
        total = np.sum(first)
        for t in da.unroll(range(1, 9)):
            total += np.sum(w @ x[n + t])
        return total

    with pytest.raises(IndexError):
        da.jit(too_far)(normal(SIZE, SIZE), normal(9, SIZE), 1)
