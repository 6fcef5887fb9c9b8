"""Names that stand for the same memory, or might: as in NumPy, or refused, but never a lost write."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees

X = np.arange(1.0, 6.0)
M = np.arange(12.0).reshape(3, 4) + 1


def alias_before_a_loop(x):
    a = np.zeros(5)
    b = a
    for i in range(5):
        b[i] = x[i] * 2
    return a


def alias_made_in_a_loop(x):
    a = np.zeros(5)
    for i in range(5):
        b = a
        b[i] = x[i]
        a[0] += 1
    return a, b


def write_then_rebind(x):
    a = np.zeros(5)
    for i in range(5):
        a[i] = x[i]
        a = a * 2
    return a


def rebind_then_write(x):
    for i in range(5):
        x = x * 2
        x[i] = 7.0
    return x


def double_buffer(x):
    a = x.copy()
    b = np.zeros(5)
    for _ in range(4):
        for j in range(1, 4):
            b[j] = a[j - 1] + a[j + 1]
        a, b = b, a
    a[0] = 50.0
    return a, b


def view_taken_before_a_loop(x):
    a = np.zeros((3, 5))
    v = a[1]
    for i in range(5):
        v[i] = x[i]
        a[0] += v
    return a, v


def best_row(x):
    best = M[0] * x[0]
    for i in range(3):
        if M[i, 0] > best[0]:
            best = M[i] + x[0]
    return best


def swap_in_a_branch(x):
    a = x.copy()
    b = x * 2
    if x[0] > 0:
        a, b = b, a
    a[0] = 100.0
    return a, b


def either_array_written(x):
    a = np.zeros(5)
    b = np.ones(5)
    c = a if x[0] > 0 else b
    c[0] = 5.0
    return c


def rebound_by_a_loop_on_one_way(x):
    a = np.zeros(5)
    for i in range(3):
        if x[i] > 1.5:
            for v in x:
                a[1] += v
                a = a * 0.5
        else:
            a[i] += 2.0
    a[0] += 1.0
    return a


@pytest.mark.parametrize(
    "function",
    [
        rebound_by_a_loop_on_one_way,
        alias_before_a_loop,
        alias_made_in_a_loop,
        write_then_rebind,
        rebind_then_write,
        double_buffer,
        view_taken_before_a_loop,
        best_row,
        swap_in_a_branch,
        either_array_written,
    ],
    ids=lambda f: f.__name__,
)
def test_as_numpy(function):
    agrees(function, X)


def either_of_either(x):
    a, b, e = np.zeros(5), np.ones(5), np.ones(5)
    c = a if x[0] > 0 else b
    d = c if x[1] > 0 else e
    d[0] = 50.0
    return a


def write_makes_the_next_iteration_unknown(x):
    a, b = np.zeros(5), np.ones(5)
    t = 0.0
    c = a if x[0] > 0 else b
    for i in range(3):
        t += c[0]
        a[0] = i
    return t


def row_kept_by_a_loop_is_written_after(x):
    a = M * x[0]
    best = a[0]
    for i in range(3):
        if a[i, 0] > 2:
            best = a[i]
    best[0] = 100.0
    return a


def last_row_of_a_loop_is_written_after(x):
    a = M * x[0]
    for r in a:
        t = r[0]
    r[0] = t
    return a


def row_of_the_iteration_before_is_written(x):
    a = M * x[0]
    row = np.zeros(4)
    for i in range(3):
        row[0] = i + 50.0
        row = a[i]
    return a, row


def row_of_the_iteration_before_is_read(x):
    a = M * x[0]
    row = np.zeros(4)
    t = 0.0
    for i in range(3):
        a[i - 1, 0] = 5 + i
        t += row[0]
        row = a[i]
    return t


def swapped_arguments_written_after(x):
    y = x
    x = x + 1
    for _ in range(3):
        x, y = y, x
    x[0] = 100.0


def two_names_first_bound_in_a_loop(x):
    for _ in range(3):
        y = np.zeros(5)
        z = y
    z[0] = x[0]
    return y


def two_names_bound_in_a_branch(x):
    if x[0] > 0:
        y = np.zeros(5)
        z = y
    else:
        y = np.ones(5)
        z = y
    z[0] = 9.0
    return y


def two_names_rebound_in_a_loop(x):
    y = z = x
    for _ in range(3):
        y = np.zeros(5)
        z = y
    z[0] = 9.0
    return y


def alias_of_what_a_loop_writes_and_rebinds(x):
    a = x.copy()
    b = a
    for i in range(3):
        a[i] = 100.0
        a = a + 1
    return a, b


@pytest.mark.parametrize(
    "function",
    [
        either_of_either,
        write_makes_the_next_iteration_unknown,
        row_kept_by_a_loop_is_written_after,
        last_row_of_a_loop_is_written_after,
        row_of_the_iteration_before_is_written,
        row_of_the_iteration_before_is_read,
        swapped_arguments_written_after,
        two_names_first_bound_in_a_loop,
        two_names_bound_in_a_branch,
        two_names_rebound_in_a_loop,
        alias_of_what_a_loop_writes_and_rebinds,
    ],
    ids=lambda f: f.__name__,
)
def test_refused(function):
    with pytest.raises(CompileError, match=r"written into|writes into") as caught:
        da.jit(function)(X.copy())
    assert caught.value.location is not None
    assert "cop" in str(caught.value.hint)


TABLE = np.arange(6.0).reshape(2, 3).T
ROW = np.arange(6.0)[::2]


def test_arrays_of_the_surrounding_program_of_any_layout():
    table, row = TABLE.copy().T.copy().T, ROW.copy()[::-1]

    @da.jit
    def f(x):
        return table @ x + row

    for _ in range(2):
        np.testing.assert_allclose(f(np.ones(2)), table @ np.ones(2) + row)
        table[0], row[0] = 7.0, 100.0


def written_row_by_row(x):
    for row in TABLE:
        row[:] = x[0]


def written_then_rebound(x):
    y = TABLE
    for i in range(3):
        y[i] = x[0]
        y = y + 1
    return y


def written_if_chosen(x):
    y = TABLE if x[0] > 0 else np.zeros((3, 2))
    y[0] = x[0]


def written_by_a_view(x):
    row = TABLE[1:]
    row += x[0]


@pytest.mark.parametrize(
    "function",
    [written_row_by_row, written_then_rebound, written_if_chosen, written_by_a_view],
    ids=lambda f: f.__name__,
)
def test_arrays_of_the_surrounding_program_are_not_written(function):
    before = TABLE.copy()
    with pytest.raises(CompileError, match="written into"):
        da.jit(function)(X)
    np.testing.assert_array_equal(TABLE, before)


def test_argument_that_is_also_an_array_of_the_surrounding_program():
    table = X.copy()

    @da.jit
    def f(x):
        x[0] = 100.0
        return table[0]

    for _ in range(2):
        with pytest.raises(ValueError, match="shares memory"):
            f(table)
        assert f(X.copy()) == 1.0


def test_written_argument_of_a_differentiated_function_is_no_other_one():
    def g(a, b):
        a[0] = 5.0
        return np.sum(a * b)

    def f(x):
        y = x.copy()
        return da.grad(g)(y, y[::-1])

    with pytest.raises(CompileError, match="shares memory"):
        da.jit(f)(X)


@pytest.mark.parametrize("make", [lambda: np.ma.masked_array(X, X > 2), lambda: np.matrix(X)])
def test_kinds_of_arrays_that_mean_something_else(make):
    with pytest.raises(CompileError, match="no plain array"):
        da.jit(lambda x: x * x)(make())


def swapped_contents(x):
    t, u, k = x[:1].copy(), x[1:2].copy(), 0
    while k < 4 and np.sum(u) < 5.0:
        v = t.copy()
        t[:] = u
        u[:] = v * x[k] + v
        k += 1
        last = v
    return np.sum(t * u) + last[0]


def test_arrays_that_take_one_anothers_content_in_a_while() -> None:
    x = np.array([0.3, 0.4, 0.5, 0.6])
    assert da.jit(swapped_contents)(x) == pytest.approx(swapped_contents(x), rel=1e-15)
