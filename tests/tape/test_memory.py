"""Views and writes: NumPy's own semantics, and the derivatives of what was there when it was read."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.tape.check import LEVEL, check, floats

V = floats(6)
M = floats(4, 4)


def overwritten_after_use(x):
    y = x * 1.0
    z = y * y
    y[:] = 3.0
    return z * y


def overwritten_operand_of_a_view(x):
    y = x * 1.0
    z = np.exp(y[1:4])
    y[2] = y[0] * z[0]
    return y, z


def overwritten_result(x):
    y = np.tanh(x)
    y *= 2.0
    y **= 2
    return y


def in_place_operators(x):
    y = x.copy()
    y += x
    y -= 0.3 * x
    y *= x
    y /= 2.0 + x * x
    y **= 2
    return y


def added_to_itself(x):
    y = x * 2.0
    y += y
    y[1:] += y[:-1]
    y[:-1] -= y[1:]
    return y


def writes_through_a_chain_of_views(x):
    a = np.zeros((3, 4))
    b = a.T[1:, ::-1]
    c = b.reshape(3, 3)[::2]
    c[:] = x[:6].reshape(2, 3)
    b[0] *= x[0]
    return a * a, b


def view_read_before_and_after_a_write(x):
    y = x.copy()
    v = y[1:4]
    before = v * v
    y[2] = x[0] * x[5]
    after = v * v
    v[0] = 0.0
    return before, after, y


def write_of_fewer_axes(A):
    B = A.copy()
    B[1:3] = A[0]
    B[:, 0] = A[1, 1]
    B[0] += A[2, 0]
    return B


def repeated_scatter(x):
    y = np.zeros(5)
    np.add.at(y, [0, 1, 1, 4, 0, 1], x)
    np.subtract.at(y, ([3, 3],), x[:2])
    return y


def repeated_store(x):
    y = x.copy()
    y[[0, 2, 0, 2, 5]] = x[:5] * 2.0
    return y * x


def gathers(A):
    rows = np.array([0, 2, 2])
    return A[rows], A[rows, [1, 1, 3]], A[:, rows][1], A[A > 0.3], A[np.arange(4) % 2 == 0]


def masked_writes(x):
    y = x.copy()
    y[x > 0] = 2.0 * x[x > 0]
    y[x < -0.5] *= x[0]
    np.multiply(x, x, out=y, where=x > 0.4)
    return y


def out_arguments(x):
    y = np.empty(6)
    np.sin(x, y)
    np.add(y, x, out=y[::-1])
    np.cumsum(x, out=y[:])
    return y, np.sum(x.reshape(2, 3), axis=0, out=np.zeros(3))


def first_inactive_then_active(x):
    y = np.ones(3)
    z = y * 2.0
    v = y[:2]
    y[1] = x[0]
    y[0] = 2.0
    return v * x[1], z, y


def filled(x):
    y = np.zeros((2, 3))
    y.fill(x[0])
    y[0].fill(x[1] * x[2])
    z = np.full((2,), x[3])
    z[0] += x[4]
    return y, z


def made_from_numbers(x):
    y = np.array([[x[0], 1.0], [x[1] * x[2], x[0]]])
    y[1, 1] *= x[3]
    z = np.stack([x[0], x[1]])
    return y, z


def swapped(x):
    y = x.copy()
    y[0], y[1] = y[1], y[0]
    y[2:4], y[4:6] = y[4:6].copy(), y[2:4].copy()
    return y * x


def read_only_views(A):
    B = A.copy()
    d = np.diagonal(B)
    wide = np.broadcast_to(B[0], (3, 4))
    first = d * 2.0 + wide[1]
    B[0, 0] = A[1, 1] * A[2, 2]
    return first, d * d, wide


def rows_while_iterating(A):
    B = A.copy()
    for i, row in enumerate(B):
        row[i] = row[0] * row[-1]
    return B


def list_of_views(A):
    parts = np.split(A.copy(), 2)
    parts[0][:] = parts[1] * parts[0]
    return np.concatenate(parts)


def zero_dimensional(x):
    y = np.array(x[0])
    y += x[1]
    y[...] = y * y
    return y * x


def zero_dimensional_views(x):
    y = np.array(x[0])
    v = y[...]
    z = v * x[1]
    w = y.reshape(1)
    w[0] = z * x[2]
    return v * w, np.where(x[0] > -9.0, x[1], x[2]) * 2.0


def numbers_of_single_precision(x):
    y = x.astype(np.float32)
    z = np.zeros(6)
    z[:] = y * y
    z[0] = np.float32(2.0) * y[1]
    return z


VECTORS = [
    overwritten_after_use,
    overwritten_operand_of_a_view,
    overwritten_result,
    in_place_operators,
    added_to_itself,
    writes_through_a_chain_of_views,
    view_read_before_and_after_a_write,
    repeated_scatter,
    repeated_store,
    masked_writes,
    out_arguments,
    first_inactive_then_active,
    filled,
    made_from_numbers,
    swapped,
    zero_dimensional,
    zero_dimensional_views,
]
MATRICES = [write_of_fewer_axes, gathers, read_only_views, rows_while_iterating, list_of_views]


@pytest.mark.parametrize("function", VECTORS, ids=lambda f: f.__name__)
def test_vectors(function):
    check(function, V)


@pytest.mark.parametrize("function", MATRICES, ids=lambda f: f.__name__)
def test_matrices(function):
    check(function, M)


def test_single_precision():
    gradient = da.grad(lambda x: np.sum(numbers_of_single_precision(x)), level=LEVEL)(V)
    expected = 2.0 * V
    expected[0] = 0.0
    expected[1] += 2.0
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_arguments_are_written():
    def f(x, y):
        x[0] = x[1] * 2.0
        y[:] = x * 3.0
        return np.sum(y * x)

    x, y, mine, theirs = V.copy(), np.zeros(6), V.copy(), np.zeros(6)
    expected = f(mine, theirs)
    value, gradient = da.value_and_grad(f, argnums=(0, 1), level=LEVEL)(x, y)
    assert value == expected
    np.testing.assert_array_equal(x, mine)
    np.testing.assert_array_equal(y, theirs)
    np.testing.assert_array_equal(gradient[1], np.zeros(6))
    assert gradient[0][0] == 0.0


def test_strided_arguments_are_written():
    base = floats(3, 8)
    x = base[1, ::-2]

    def f(x):
        x[1:] *= x[0]
        return np.sum(x.reshape(2, 2)[:, 1] ** 2)

    expected = da.grad(f, level="linalg")(x.copy())
    other = base.copy()
    np.testing.assert_allclose(da.grad(f, level=LEVEL)(x), expected)
    f(other[1, ::-2])
    np.testing.assert_array_equal(base, other)


def test_results_keep_their_identity():
    x = V.copy()
    out, _ = da.vjp(lambda x: x, x, level=LEVEL)
    assert out is x
    out, _ = da.vjp(lambda x: x[1:], x, level=LEVEL)
    assert np.shares_memory(out, x)


def test_pullback_outlives_writes_of_the_user():
    x = V.copy()
    out, pullback = da.vjp(lambda x: np.exp(x * x), x, level=LEVEL)
    expected = 2.0 * V * np.exp(V * V)
    x[:] = 0.0
    out[:] = 0.0
    for _ in range(2):
        np.testing.assert_allclose(pullback(np.ones(6))[0], expected)


def test_gradients_are_arrays_of_their_own():
    a, b = da.grad(lambda x, y: np.sum(x + y), argnums=(0, 1), level=LEVEL)(V.copy(), V.copy())
    a[0] = 7.0
    assert b[0] == 1.0


def test_layouts():
    A = np.asfortranarray(floats(3, 4))
    check(lambda A: (A.reshape(-1, order="F") * 2.0, A.T.reshape(-1) ** 2, A.ravel() * 3.0), A)

    def f(A):
        B = A.copy(order="F")
        flat = B.T.reshape(-1)
        flat[2] = A[0, 0]
        return B * B

    check(f, A)


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0), (1, 1), (0, 3)])
def test_empty_and_single(shape):
    def f(x):
        y = x * 2.0
        y[...] += x
        z = y.T.copy()
        z[:1] = 1.0
        return z * z, np.concatenate([x.ravel(), y.ravel()]), np.sum(y, axis=0)

    check(f, floats(*shape))


def test_the_same_array_twice():
    x = V.copy()
    a, b = da.grad(lambda x, y: np.sum(x * y * y), argnums=(0, 1), level=LEVEL)(x, x)
    np.testing.assert_allclose(a, V * V)
    np.testing.assert_allclose(b, 2 * V * V)


def test_cost_is_the_work():
    """A loop that touches one element of a large array each time never handles the whole array."""
    n = 200_000

    def f(x):
        y = np.zeros(n)
        for i in range(300):
            y[i] = x[i] * x[i + 1]
            y[i + 1 : i + 3] += x[i]
        return y[7] + y[100]

    import time

    start = time.perf_counter()
    da.grad(f, level=LEVEL)(np.ones(n))
    assert time.perf_counter() - start < 1.0  # 600 arrays of that size take longer
