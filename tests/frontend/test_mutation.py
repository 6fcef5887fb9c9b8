"""Changes of lists, dicts and attributes in branches and loops, and of objects from outside."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy_like import agrees, same

X = np.arange(1.0, 6.0)


class Counter:
    def __init__(self, total):
        self.total = total
        self.__steps = 0
        self.items = [total, total]

    def add(self, v):
        self.total += v
        if v > 2.0:
            self.items[-1] = v * self.total

    def steps(self):
        self.__steps = self.__steps + 1
        return self.__steps


def attribute_in_a_branch(x):
    o = Counter(0.0)
    if x[0] > 10:
        o.total = 5.0
    return o.total


def attribute_in_a_loop(x):
    o = Counter(0.0)
    for v in x:
        o.total += v
    return o.total


def attribute_in_a_while_loop(x):
    o = Counter(0.0)
    while o.total < 5.0:
        o.total += x[1]
    return o.total


def method_in_a_loop(x):
    o = Counter(0.0)
    for v in x:
        o.add(v)
    return o.total, o.items, o.steps()


def list_item_in_a_branch(x):
    o = [1.0, 2.0]
    if x[0] > 10:
        o[0] = 5.0
    elif x[0] > 0:
        o[-1] = x[1]
    return o


def dict_entry_in_a_branch(x):
    o = {"a": 1.0, "b": {"c": x}}
    if x[0] > 10:
        o["a"] = 2.0
    else:
        o["a"] = x[0]
        o["b"]["c"] = x + 1
    return o


def dict_entries_in_a_long_loop(x):
    s = {"sum": 0.0, "n": 0}
    for i in range(20_000):
        s["sum"] += x[i % 5]
        s["n"] += 1
    return s


def list_item_in_a_loop_that_breaks(x):
    s = [0.0, 0]
    for i in range(5):
        if x[i] > 3:
            break
        s[0] += x[i]
        s[1] = i
    return s


def conditional_expression(x):
    log = [0.0]

    def note(v):
        log[0] += v
        return v

    y = note(1.0) if x[0] > 0 else note(2.0)
    return y, log


def array_in_a_list_written(x):
    arrays = [np.zeros(5), x.copy()]
    for i in range(5):
        if x[i] > 2:
            arrays[0][i] += x[i]
            arrays[1] *= 2.0
    return arrays


def appended_in_an_unrolled_loop(x):
    out = []
    for i in range(3):
        v = x[i] * 2 if x[i] > 1 else 0.0
        out.append(v + 1.0)
    del out[0]
    return out


def array_in_an_argument_written(x):
    def f(d):
        d["w"] *= 2

    d = {"w": x}
    f(d)
    return d["w"]


@pytest.mark.parametrize(
    "function",
    [
        attribute_in_a_branch,
        attribute_in_a_loop,
        attribute_in_a_while_loop,
        method_in_a_loop,
        list_item_in_a_branch,
        dict_entry_in_a_branch,
        dict_entries_in_a_long_loop,
        list_item_in_a_loop_that_breaks,
        conditional_expression,
        array_in_a_list_written,
        appended_in_an_unrolled_loop,
        array_in_an_argument_written,
    ],
    ids=lambda f: f.__name__,
)
def test_as_python(function):
    agrees(function, X)


def test_gradient_of_a_loop_that_changes_attributes():
    def f(x):
        o = Counter(0.0)
        for v in x:
            o.total += v * v
        return o.total

    np.testing.assert_allclose(da.grad(f)(X), 2 * X)


def appended_in_a_branch(x):
    out = [x]
    if x[0] > 0:
        out.append(x)  # here
    return out[-1]


def new_key_in_a_branch(x):
    out = {}
    if x[0] > 0:
        out["a"] = 1.0  # here
    return x


LOG = []


def global_list(x):
    LOG.append(1)  # here
    return x


def given_list(x, kept):
    kept[0] = x.sum()  # here
    return x


def given_object(x, kept):
    kept.total = x.sum()  # here
    return x


def given_object_by_setattr(x, kept):
    setattr(kept, "total", x.sum())  # noqa: B010  # here
    return x


def random_numbers(x):
    return x + np.random.rand(5)  # here


def given_generator(x, rng):
    return x + rng.gamma(2.0, size=5)  # here


@dataclass
class State:
    w: np.ndarray
    n: int = 0


def given_dataclass(x, state):
    state.n += 1  # here
    return x


@pytest.mark.parametrize(
    ("function", "more"),
    [
        (appended_in_a_branch, ()),
        (new_key_in_a_branch, ()),
        (global_list, ()),
        (given_list, ([0.0],)),
        (given_object, (Counter(0.0),)),
        (given_object, (SimpleNamespace(total=1.0),)),
        (given_object_by_setattr, (Counter(0.0),)),
        (given_dataclass, (State(X),)),
        (random_numbers, ()),
        (given_generator, (np.random.default_rng(0),)),
    ],
)
def test_refused(function, more):
    with pytest.raises(CompileError) as caught:
        da.jit(function)(X, *more)
    assert "# here" in str(caught.value)
    assert not LOG


def test_variables_of_a_surrounding_function():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return x

    with pytest.raises(CompileError, match="'count'"):
        da.jit(f)(X)
    assert count == 0


def test_lists_of_a_surrounding_compiled_function():
    def f(x):
        kept = []

        def loss(y):
            kept.append(y * 2)
            return np.sum(y)

        return da.grad(loss)(x)

    with pytest.raises(CompileError, match="changes a list"):
        da.jit(f)(X)


def test_method_that_only_reads():
    class Model:
        def __init__(self):
            self.w = X * 2

        @da.jit
        def __call__(self, x):
            return self.w * x

    model = Model()
    same(model(X), 2 * X * X)
    model.w[0] = 100.0
    same(model(X)[0], np.float64(100.0))
    same(da.jit(functools.partial(model))(X)[0], np.float64(100.0))
