"""Functions that call themselves under conditions that are known only at run time."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees
from tests.gradients import directional_difference

X = np.arange(1.0, 4.0)


def power(x, n):
    if n <= 0:
        return 1.0
    return x * power(x, n - 1)


def doubled(x, n):
    return x if n <= 0 else doubled(x * 2, n - 1) + 1


def in_loop_and_twice(x, n):
    total = 0.0
    for i in range(n):
        total += np.sum(doubled(x, i))
    return total + np.sum(doubled(x, n)) + np.sum(doubled(3.0 * x, 2))


def count_and_sum(x, n):
    if n == 0:
        return x, 0
    total, count = count_and_sum(0.5 * x, n - 1)
    return total + x, count + 1


def closure(x, n):
    scale = np.sum(x)

    def inner(k, total):
        if k == 0:
            return total
        return inner(k - 1, total + scale * k)

    first = inner(n, 0.0)
    scale = scale + 1.0
    return first + inner(n, 0.0) + inner(n - 1, 1)


def total_of_tree(first, children, value, node):
    total = value[node]
    for c in range(first[node], first[node + 1]):
        total += 0.5 * total_of_tree(first, children, value, children[c]) * value[node]
    return total


class Growth:
    def __init__(self, rate):
        self.rate = rate

    def after(self, x, n):
        return x if n == 0 else self.after(x * self.rate, n - 1)


def two_objects(x, n):
    return Growth(2.0).after(x, n) + Growth(3.0).after(x, n)


def changed_between(x, n):
    settings, memory = {"factor": 1.0}, np.zeros(2)

    def inner(k):
        if k == 0:
            return x + memory[0]
        return inner(k - 1) * settings["factor"]

    first = inner(n)
    memory[0] = 5.0
    second = inner(n)
    settings["factor"] = 3.0
    return first, second, inner(n)


def rows(n):
    y = np.zeros(2)
    if n == 0:
        return y
    y = rows(n - 1)
    y += n
    return y


def assigns(x):
    count = 0

    def counted(k):
        step()
        return x if k == 0 else counted(k - 1)

    def step():
        nonlocal count
        count += 1

    return counted(np.int64(x)) + count


def writes(x):
    memory = np.zeros(5)

    def inner(k):
        if k > 0:
            memory[k] = x
            inner(k - 1)

    inner(np.int64(x))
    return memory


def write_down(a, n):
    if n > 0:
        a[n - 1] = n * a[n]
        write_down(a, n - 1)


TREE = np.array([0, 2, 3, 3, 3]), np.array([1, 2, 3])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (power, (1.5, 5)),
        (power, (np.float32(1.5), 2)),
        (doubled, (X, 3)),
        (in_loop_and_twice, (X, 4)),
        (count_and_sum, (2.0, 4)),
        (closure, (X, 3)),
        (total_of_tree, (*TREE, np.arange(1.0, 5.0), 0)),
        (two_objects, (1.5, 3)),
        (changed_between, (1.5, 2)),
        (rows, (3,)),
        (write_down, (np.ones(4), 3)),
    ],
    ids=lambda p: getattr(p, "__name__", ""),
)
def test_values(function, args):
    agrees(function, *args)


def squared_norm(x):
    return np.sum(doubled(x, 2) ** 2) + closure(x, 3) * power(x[0], 3)


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
def test_derivatives(level):
    direction = np.array([0.3, -1.0, 0.5])
    slope = directional_difference(squared_norm, (X,), direction, 1e-6)
    assert da.grad(squared_norm, level=level)(X) @ direction == pytest.approx(slope, rel=1e-6)
    assert da.jvp(squared_norm, (X,), (direction,), level=level)[1] == pytest.approx(slope, rel=1e-6)


def halves(a):
    if len(a) <= 1:
        return np.sum(a * a)
    middle = len(a) // 2
    return halves(a[:middle]) * 0.5 + np.sin(halves(a[middle:])) + a[0]


@pytest.mark.parametrize("level", ["loop", "llvm"])
def test_slices_of_sizes_that_are_known_at_run_time(level):
    def function(x, n):
        return halves(x[:n])

    agrees(function, X, 3)
    direction = np.array([0.3, -1.0, 0.5])
    slope = directional_difference(lambda x: function(x, 3), (X,), direction, 1e-6)
    assert da.grad(function, level=level)(X, 3) @ direction == pytest.approx(slope, rel=1e-6)
    forward = da.jvp(lambda x, n: function(x, n.astype(int)), (X, 3.0), (direction, 0.0), level=level)[1]
    assert forward == pytest.approx(slope, rel=1e-6)


def powers(x, n):
    return np.sum(doubled(x, n) ** 2) * power(x[0], n)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [("linalg", "linalg"), ("linalg", "loop"), ("loop", "linalg"), ("loop", "loop"), ("loop", "llvm")],
)
def test_second_derivatives(inner, outer):
    direction = np.array([0.3, -1.0, 0.5])
    twice = da.grad(lambda x, n: np.sum(da.grad(powers, level=inner)(x, n) * direction), level=outer)
    first = da.grad(powers, level="tape")
    slope = (first(X + 1e-5 * direction, 2) - first(X - 1e-5 * direction, 2)) / 2e-5
    np.testing.assert_allclose(twice(X, 2), slope, rtol=1e-6)
    assert da.grad(da.grad(power, level=inner), level=outer)(1.5, 5) == pytest.approx(20 * 1.5**3)


def test_second_derivatives_in_forward_mode():
    def tangent(x, n):
        return da.jvp(lambda x, k: power(x, k.astype(int)), (x, n), (1.0, 0.0), level="loop")[1]

    assert da.grad(tangent, level="loop")(1.5, 5.0) == pytest.approx(20 * 1.5**3)


def handed_around(x, n):
    a, b = np.sin(x), x * x
    for _ in range(n):
        a, b = b, 0.5 * a + b
    return a[0] if n == 0 else handed_around(b, n - 1) * a[1] + np.sum(a)


def kept_of_loops(x, n):
    total, k = x[0], n
    while k > 0 and total < 5.0:
        part = np.sin(total * x)
        total += np.sum(part * part) * kept_of_loops(0.8 * part, n - 2)
        k -= 1
    return total if n <= 0 else total * kept_of_loops(x[::-1] * total, n - 2)


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
def test_what_a_call_keeps_is_found_again(level):
    """Arrays, the contents of memory, and what loops have kept, on one tape."""
    x, direction = 0.3 * X, np.array([0.3, -1.0, 0.5])

    def function(x, n):
        return handed_around(x, n) + kept_of_loops(x, n)

    slope = directional_difference(function, (x, 3), direction, 1e-6)
    assert da.grad(function, level=level)(x, 3) @ direction == pytest.approx(slope, rel=1e-6)


CALLS = [0]


def count(x):
    CALLS[0] += 1
    return x


def counted(x):
    return x + 0.0 * da.host_callback(count, 0.0, da.stop_gradient(x))


def chain(x, n):
    return counted(x) if n == 0 else np.sin(chain(counted(x), n - 1)) * x


def bisected(a, b, depth):
    middle = counted((a + b) / 2)
    if depth == 0 or np.exp(-middle * middle) * (b - a) < 0.05:
        return (b - a) * np.exp(-middle * middle)
    return bisected(a, middle, depth - 1) + bisected(middle, b, depth - 1)


def determinant(a):
    if len(a) == 1:
        return counted(a[0, 0])
    total, sign = 0.0, 1.0
    for j in range(len(a)):
        minor = np.concatenate((a[1:, :j], a[1:, j + 1 :]), axis=1)
        total += sign * a[0, j] * determinant(minor)
        sign = -sign
    return total


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
@pytest.mark.parametrize(
    ("function", "args"),
    [
        (chain, (0.5, 10)),
        (chain, (0.5, 900)),
        (lambda b: bisected(0.1, b, 12), (2.0,)),
        (lambda a: determinant(a), (np.arange(16.0).reshape(4, 4) % 5.0,)),
    ],
    ids=["chain", "long chain", "quadrature", "minors"],
)
def test_a_gradient_makes_each_call_once(function, args, level):
    def calls_of(called):
        CALLS[0] = 0
        called(*args)
        return CALLS[0]

    assert calls_of(da.grad(function, level=level)) == calls_of(function) > 4


def test_each_function_is_compiled_once():
    def calls(n):
        def program(x, k):
            total = 0.0
            for _ in da.unroll(range(n)):
                total += power(x, k) + np.sum(doubled(x * X, k))
            return total

        return da.jit(program).lower(1.0, 2).text("linalg").count("func.func")

    assert calls(1) == calls(5) == 3


def test_a_recursion_that_is_too_deep_raises_as_in_python():
    for function in (da.jit(power), da.grad(power, level="linalg"), da.grad(power, level="loop")):
        with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
            function(1.0, 10**6)


def never(x):
    if x > 0:
        return never(x - 1)
    return never(x + 1)  # no way ends


def first_two(x, n):
    return x[:2] if n == 0 else first_two(x, n - 1)


def changes_a_list(x, n, seen):
    seen.append(n)
    return x if n == 0 else changes_a_list(x, n - 1, seen)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (never, "has no end"),
        (lambda x: np.sum(first_two(x * X, np.int64(x))), "view of its argument"),
        (assigns, "recursion"),
        (writes, "writes into an array of the surrounding"),
        (lambda x: changes_a_list(x, np.int64(x), []), "entries of a list"),
    ],
)
def test_refused(function, message):
    with pytest.raises(CompileError, match=message):
        da.jit(function)(1.0)


def test_the_level_graph_refuses_it():
    with pytest.raises(CompileError, match="calls itself"):
        da.grad(power, level="graph")(1.5, 3)


def test_a_derivative_at_level_llvm_is_not_differentiated_again():
    with pytest.raises(CompileError, match="can't be differentiated again"):
        da.grad(da.grad(power, level="llvm"), level="llvm")(1.5, 3)
