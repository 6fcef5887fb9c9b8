"""Keys and what they give: as in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.frontend.numpy_like import agrees, derivatives_agree

X = np.arange(1.0, 6.0)
M = np.arange(12.0).reshape(3, 4) + 1


CASES = [
    (lambda a: (a[()], a[...] * 1, a + 1), np.array(3.0)),
    (lambda x: (x[0, ...], x[..., 0], x[None], x[:, None]), X),
    (lambda m: (m[1, ..., 2], m[..., None, 1]), M),
    (lambda m: (m[range(3), range(3)], m[[0, -1]], m[1, (0, 2)]), M),
    (lambda x: (np.sum(x * np.arange(5)[::-1]), np.sum(x[1::2] * np.arange(5.0)[3::-2])), X),
    (lambda m: (m[::-1], m[:, ::-2], m[2:0:-1], m[-1:-3:-1], m[5:1], m[:, 3:1:-1]), M),
]


@pytest.mark.parametrize(("function", "x"), CASES)
def test_loads(function, x):
    agrees(function, x)


def elements(a):
    a[1][2] = 9
    a[0][1:3][0] = 8
    a.T[1] = 7
    a.T[3, 2] = 6
    a.reshape(-1)[0] = 5
    a[::2] += 1
    a[::-1][0] *= 2
    a[:, ::-1][:, 0] = 3
    a.reshape(4, 3)[1] = 0
    a.ravel()[-1] = 77
    a[..., 0] += 1
    a[None, 1] -= 1
    a[1][None][0, 0] = 55


def copies(a):
    a.T.reshape(-1)[0] = 100
    a[:, 1:3].reshape(-1)[0] = 9
    a.flatten()[0] = 100
    np.array(a)[0, 0] = 9
    np.asarray(a)[0, 1] = 4
    a.astype(float)[:] = 0


def operators(a):
    v = a[1:]
    v += a[:2]
    v -= 1
    v *= 2
    v /= 3
    v //= 0.5
    v %= 7
    v **= 2


def overlaps(a):
    a[0], a[1] = a[1], a[0]
    a[[0, 2]] = a[[2, 0]]
    a[:, 1:] = a[:, :-1]
    a[::-1] = a
    a[0, 0], a[1, 1] = a[1, 1], a[0, 0]


def outs(a):
    np.multiply(a[:2], 2, a[1:])
    np.add(a, 1, out=a)
    np.sqrt(a[0], out=a[0])
    np.subtract(a[0], 1, out=a[:, :].T[:, 1], where=a[1] > 5)


def repeated(a):
    a[[0, 0, 1], [1, 1, 2]] += 10
    a[[2, 2], [3, 3]] = [5, 6]
    a[[-1, 0]] *= 2


@pytest.mark.parametrize(
    "function", [elements, copies, operators, overlaps, outs, repeated], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("layout", [np.array, lambda m: np.repeat(m, 2, 1)[:, ::2], lambda m: m[::-1]])
def test_stores(function, layout):
    agrees(function, layout(M))


@pytest.mark.parametrize(("start", "stop"), [(1, 3), (7, -9), (-2, 5), (3, 1), (0, 0), (-100, 100)])
def test_bounds_known_at_run_time(start, stop):
    def loads(x, a, b):
        return [x[a:b].sum(), x[:b].sum(), x[a:].sum(), x[-b:].sum(), x[a::2].sum(), x[a : b - 1 : 2].sum()]

    def stores(x, a, b):
        x[a:b] = 0
        x[b:] += 10
        x[:a] *= 2
        x[-a:] -= 5

    agrees(loads, X, start, stop)
    agrees(stores, X, start, stop)


@pytest.mark.parametrize("start", [0, 2, 4, 9, -1, -2, -5, -9])
@pytest.mark.parametrize("stop", [0, 1, 3, 8, -1, -3, -6, -9])
def test_negative_steps_with_bounds_known_at_run_time(start, stop):
    def loads(x, a, b):
        parts = [x[a:b:-1], x[a::-1], x[:b:-1], x[a:b:-2], x[:b:-3], x[a::-2], x[a:][::-1]]
        return [np.sum(np.cumsum(part)) for part in parts]

    def stores(x, a, b):
        x[a:b:-1] = 0
        x[:b:-1] += 10
        x[a::-2] *= np.cumsum(x[a::-2])

    agrees(loads, X, start, stop)
    agrees(stores, X, start, stop)


def test_slice_of_the_other_sign_of_bound():
    """A bound that wraps comes behind one that doesn't, though it is smaller."""

    def loads(x):
        total = 0.0
        for i in range(3):
            total += np.sum(x[i - 1 : i + 1 : 2]) + np.sum(x[i + 1 : i - 1 : -2])
            total += np.sum(x[-1:i]) + np.sum(x[i:-1]) + np.sum(x[-3 : i - 2 : -1])
        return total

    def bound(x, k):
        return np.sum(x[k - 1 : k + 1 : 2]) + np.sum(x[k + 1 : k - 1 : -1]) + np.sum(x[-2:k])

    agrees(loads, X)
    for k in range(-3, 4):
        agrees(bound, X, k)


def test_slices_of_slices_whose_extent_is_known_at_run_time():
    def loads(x, k):
        part = x[:k]
        parts = [part[-3:-1], part[-1:-3:-1], part[::-1], part[k::-1], part[len(part) :: -2], part[::-1][:k]]
        return [np.sum(np.cumsum(part)) for part in parts]

    for k in range(6):
        agrees(loads, X, k)


def windows(x):
    total = 0.0
    for i in range(len(x)):
        total += np.sum(x[i : i + 3] ** 2) * i
    for i in range(0, len(x), 2):
        total += x[i : i + 2] @ np.array([1.0, 2.0])[: len(x[i : i + 2])]
    start = 0
    while start < len(x):
        part = x[start : start + 4]
        total += np.sum(part) * part[0] + len(part)
        start += 4
    return total


def window_writes(x):
    y = x.copy()
    for i in range(len(x)):
        y[i : i + 3] *= x[i]
        y[i - 2 : i + 2] += 1.0
        part = y[i:]
        part += x[0]
    return np.sum(y**2)


def tiles(x):
    table = np.outer(x, x)
    total = 0.0
    for i in range(0, len(x), 3):
        for j in range(0, len(x), 3):
            total += np.sum(table[i : i + 3, j : j + 3] ** 2) * (i + 2 * j)
    return total


@pytest.mark.parametrize("function", [windows, window_writes, tiles], ids=lambda f: f.__name__)
def test_slices_past_the_end_are_shortened(function):
    x = np.linspace(0.4, 1.3, 7)
    agrees(function, x)
    derivatives_agree(function, x)


def test_slices_that_fit_have_a_known_size():
    @da.jit
    def f(x):
        rows = np.zeros((3, 2))
        for i in range(0, 6, 2):
            rows[i // 2] = x[i : i + 2]
            last = x[i : i + 2]
        return rows, last

    x = np.arange(6.0)
    np.testing.assert_array_equal(f(x)[1], x[4:])


def test_prefixes_in_another_shape():
    def f(x):
        total = 0.0
        for i in range(1, 4):
            y = np.zeros(i)
            y[:] = x[:i] ** 2
            total += np.sum(y.reshape(1, -1) * i)
        return total

    agrees(f, np.arange(5.0))
    derivatives_agree(f, np.arange(5.0), levels=("loop",))
