"""Python as people write it, where values are known only at run time: as NumPy, and with derivatives."""

from __future__ import annotations

import functools
import itertools
import math
import operator

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees, derivatives_agree

X = np.array([0.4, 1.7, 0.9, 1.3, 0.6])


def kink(v):
    return v * v if v > 1.0 else 2 * v


def functions_as_arguments(x):
    total = sum(map(kink, x)) + functools.reduce(operator.mul, x)
    total += functools.reduce(lambda a, b: a * b if b > 1 else a + b, x, 0.5)
    total += sum(map(math.sin, x)) + sum(map(lambda a, b: a * b, x, [1.0, 2.0]))
    total += sum(filter(lambda i: i % 2, range(5))) * x[0]
    return total + sorted([(2, x[1]), (1, x[0])], key=lambda pair: pair[0])[0][1]


def extremes_by_key(x):
    a, b = max([(0, x[0]), (1, x[1]), (2, x[2])], key=lambda pair: pair[1])
    total = min(x, key=lambda v: (v - 1) ** 2) * max(x[0], x[1], key=lambda v: -v)
    return total + a * b + min([], key=kink, default=3)


def left_out(x):
    total = sum(v * v for v in x if v > 1.0) + sum(1 for v in x if v > 1.0) * x[0]
    total += sum(v * w for v in x for w in x if v > w)
    if any(v > 1.5 for v in x if v < 1.6):
        total += 100.0
    if all(v > 1.2 for v in x if v > 1.0):
        total = total * x[3]
    return total


def pairs(x):
    i = 0
    while i < 4:
        yield x[i], kink(x[i + 1])
        i += 1
    yield from ((v, v * v) for v in x[:2])


def generators(x):
    total = 0.0
    for a, b in pairs(x):
        total += a * b
    numbers = iter([1, 2, 3])
    for i in range(3):
        total += next(numbers) * x[i]
    return total + sum(v for v, _ in pairs(x))


OPERATIONS = [("add", 1.5), ("scale", 2.0), ("negate",), ("powers", 2, 3)]


def patterns(x):
    total = 0.0
    for i in range(4):
        for operation in OPERATIONS:
            match operation:
                case ("add", v):
                    total += v * x[i]
                case ("scale", v) if total > 3.0:
                    total = total * v * 0.5
                case ("scale", v):
                    total *= v * x[i]
                case ("negate",):
                    total = -total if total > 100 else total
                case (_, *powers):
                    total += sum(powers) * x[0]
    match int(x[1] * 3):
        case 0:
            total += x[0]
        case 5 as n if total > 0:
            total += n * x[0]
        case 1 | 2 | 5:
            total += 2 * x[0]
        case _:
            total += 3 * x[0]
    match [x[0], {"weight": x[1]}]:
        case [int(), _]:
            total += 100
        case [float(v), {"weight": np.floating() as w}]:
            total += v * w
    return total


def places(x):
    table = np.outer(x, x)
    total = 0.0
    for i, j in np.ndindex(table.shape):
        total += table[i, j] * i * kink(x[j])
    for (i, j), v in np.ndenumerate(table[:2]):
        total += v * v * (i + j)
    return total + sum(x[i] for (i,) in np.ndindex(3))


PROGRAMS = [functions_as_arguments, extremes_by_key, left_out, generators, patterns, places]


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_as_numpy(function):
    agrees(function, X)
    agrees(function, X[::-1].copy())


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_derivatives(function):
    derivatives_agree(function, X)


def test_places_stay_a_loop():
    def f(x):
        total = 0.0
        for i, j in np.ndindex(x.shape):
            total += x[i, j] * i
        return total

    sizes = [len(da.jit(f).lower(np.ones((n, n))).text("traced")) for n in (3, 30)]
    assert sizes[1] < sizes[0] + 50


def test_generator_that_control_flow_of_values_decides():
    def f(x):
        def positive():
            for v in x:
                if v > 0:  # here
                    yield v

        return sum(positive())

    with pytest.raises(CompileError, match="known only when it runs") as caught:
        da.jit(f)(X)
    assert "# here" in str(caught.value)


def goes_on(x):
    total = 0.0
    numbers, rows = iter([1.0, 2.0, 3.0]), zip([1, 2, 3], [4, 5, 6], strict=True)
    lazy, counted = (2 * v for v in x), itertools.count()
    made = pairs(x)
    for i in range(3):
        for v in numbers:
            total += v * x[i]
            break
        total += sum(a * b for a, b in rows) * x[i]
        total += len(list(lazy)) * x[0] + next(counted) * x[1] + next(made)[1]
    return total


def test_iterators_go_on_in_loops():
    agrees(goes_on, X)
    derivatives_agree(goes_on, X)


def test_iterators_are_not_used_up_by_branches_or_from_outside():
    def f(x):
        numbers = iter([1.0, 2.0])
        if x[0] > 0:
            x = x * next(numbers)  # here
        return x * next(numbers)

    with pytest.raises(CompileError, match="known only at run time") as caught:
        da.jit(f)(X)
    assert "# here" in str(caught.value)
    numbers = iter(range(3))
    with pytest.raises(CompileError, match="from outside"):
        da.jit(lambda x: x * next(numbers))(X)
    assert next(numbers) == 0


def test_iterators_that_got_somewhere_unknown():
    def f(x):
        rest = iter([1.0, 2.0, 3.0])
        for _, v in enumerate(rest):
            if v > x[0]:
                break
        return x * sum(rest)  # here

    with pytest.raises(CompileError, match="how far this iterator got") as caught:
        da.jit(f)(X)
    assert "# here" in str(caught.value)
