"""Compiled traces: guards, several ways, and what a failed guard leaves behind."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.tape.check import floats

TRACED = da.Level("tape", compile_trace=True)
V = floats(4)


def ways(function: Any) -> int:
    """How many ways of a function are compiled."""
    return sum(map(len, function._ways.values()))


def no_eager_runs(function: Any) -> None:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("not compiled")

    function._function = refused


def branching(x, n=2):
    total = 0.0
    for i in range(n):
        if x[i] > 0 and not x[i] > 5.0:
            total += x[i] ** 2
        else:
            total -= x[i] * x[0] if x[0] < 1 else 1.0
    while abs(total) > 10.0:
        total = total / 2
    return total


def test_each_way_is_compiled_once():
    gradient = da.grad(branching, level=TRACED)
    no_eager_runs(gradient)
    reference = da.grad(branching, level="tape")
    for _ in range(2):
        for signs in ([1, 1], [1, -1], [-1, 1], [-1, -1], [3, 7]):
            x = np.array([*signs, 1.0, 1.0]) * np.array([0.5, 0.7, 1.0, 1.0])
            np.testing.assert_allclose(gradient(x), reference(x))
    assert ways(gradient) == 5


def test_integers_that_count():
    def f(x, n):
        y = x
        for _ in range(n):
            y = y * x[int(y[0] * 0) + n - 1]
        return np.sum(y)

    gradient = da.grad(f, level=TRACED)
    no_eager_runs(gradient)
    for n in (1, 2, 3, 2, 1):
        np.testing.assert_allclose(gradient(V, n), da.grad(f, level="tape")(V, n), rtol=1e-12)
    assert ways(gradient) == 3


def test_integers_that_index_arrays_need_no_guard():
    def f(x, i):
        return x[i] * x[i + 1] + x[:i].sum()

    gradient = da.grad(f, level=TRACED)
    no_eager_runs(gradient)
    np.testing.assert_allclose(gradient(V, 1), da.grad(f, level="tape")(V, 1))
    gradient = da.grad(lambda x, i: x[i] * x[i + 1], level=TRACED)
    for i in (0, 1, 2):
        gradient(V, i)
    assert ways(gradient) == 1
    with pytest.raises(IndexError):
        gradient(V, 3)


def test_lists_and_dicts_are_looked_up_by_value():
    def f(x, i, key):
        functions = [np.sin, np.cos, np.tanh]
        factors = {1: 2.0, 2: 3.0}
        return np.sum(functions[i](x)) * factors[key]

    gradient = da.grad(f, level=TRACED)
    for i, key in ((0, 1), (2, 2), (0, 1), (0, 2), (2, 2)):
        np.testing.assert_allclose(gradient(V, i, key), da.grad(f, level="tape")(V, i, key), rtol=1e-12)
    assert ways(gradient) == 3


def test_a_failed_guard_leaves_arguments_alone():
    def f(x, log):
        log[0] = x[0] * 2.0
        if x[1] > 0:
            log[1] = 7.0
            x[2] = x[1] * x[0]
        log[2] = x[2]
        return np.sum(x * log)

    gradient = da.value_and_grad(f, level=TRACED)
    no_eager_runs(gradient)
    for sign in (1.0, -1.0, 1.0, -1.0):
        for order in range(2):
            x, log = V.copy(), np.full(3 + order, 0.5)
            x = np.resize(x, 3 + order)
            x[1] = sign * 0.3
            mine, theirs = (x.copy(), log.copy()), (x.copy(), log.copy())
            value, found = gradient(*mine)
            expected_value, expected = da.value_and_grad(f, level="tape")(*theirs)
            np.testing.assert_allclose(value, expected_value)
            np.testing.assert_allclose(found, expected)
            np.testing.assert_array_equal(mine[0], theirs[0])
            np.testing.assert_array_equal(mine[1], theirs[1])


def test_a_way_that_would_fail_elsewhere():
    def f(x, n):
        if n < 3:
            return x[n + 1] * x[0]
        return x[0] * x[0]

    gradient = da.grad(f, level=TRACED)
    no_eager_runs(gradient)
    for n in (0, 3, 2, 7):
        np.testing.assert_allclose(gradient(V, n), da.grad(f, level="tape")(V, n))


def test_errors_of_the_user_are_pythons():
    def f(x, n):
        x[0] = 2.0
        if n > 1:
            raise KeyError("too many")
        return x[n] * x[1]

    gradient = da.grad(f, level=TRACED)
    gradient(V.copy(), 0)
    x = V.copy()
    with pytest.raises(KeyError, match="too many"):
        gradient(x, 2)
    assert x[0] == 2.0  # as Python would have it


def test_no_more_ways_than_the_limit():
    from dialectad.tape.guarded.function import MOST

    def f(x, n):
        return np.sum(x) * len(list(range(n))) * x[0]

    gradient = da.grad(f, level=TRACED)
    for n in range(MOST + 3):
        np.testing.assert_allclose(gradient(V, n), da.grad(f, level="tape")(V, n))
    assert ways(gradient) == MOST


DATA = floats(4, seed=3)
SWITCH = [1.0]


def test_outer_arrays_are_data():
    class Model:
        weights = floats(4, seed=4)

    model = Model()

    def f(x):
        if DATA[0] > 0:
            return np.sum(x * x * DATA)
        return np.sum(x * model.weights * x)

    gradient = da.grad(f, level=TRACED)
    no_eager_runs(gradient)
    before = DATA.copy()
    try:
        for value in (1.0, -1.0, 2.0):
            DATA[0] = value
            model.weights[1] = value
            np.testing.assert_allclose(gradient(V), da.grad(f, level="tape")(V))
    finally:
        DATA[:] = before
    assert ways(gradient) == 2


REFUSED = {
    "float": (lambda x: array.array("d", [x[0]])[0] * np.sum(x), "a Python float"),
    "random": (lambda x: np.sum(x) * np.random.rand(), "would be called once"),
    "outer_list": (lambda x: SWITCH.append(1.0) or np.sum(x), "changes a list"),
    "outer_array": (lambda x: DATA.fill(0.0) or np.sum(x), "written into by a compiled function"),
    "unsupported": (lambda x: np.sum(np.roots(x).real), "roots"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_replayed_is_refused(case):
    function, message = case
    with pytest.raises(CompileError, match=message) as caught:
        da.grad(function, level=TRACED)(V)
    assert caught.value.location is not None
    assert "without compile_trace" in str(caught.value)


def test_products():
    def f(x):
        return (x * x[0] if x[1] > 0 else np.sin(x)), x[0]

    for x in (V, -V, V):
        out, pullback = da.vjp(f, x, level=TRACED)
        expected, pull = da.vjp(f, x, level="tape")
        np.testing.assert_allclose(out[0], expected[0])
        seeds = (np.ones(4), 2.0)
        np.testing.assert_allclose(pullback(seeds)[0], pull(seeds)[0])
        found = da.jvp(f, (x,), (np.ones(4),), level=TRACED)
        again = da.jvp(f, (x,), (np.ones(4),), level="tape")
        np.testing.assert_allclose(found[1][0], again[1][0])
        assert type(found[1][1]) is type(again[1][1])


def test_auxiliary_results_and_keywords():
    def f(params, *, scale, name="a"):
        loss = np.sum(params["w"] ** 2) * scale
        return loss, {"name": name, "twice": loss * 2}

    (value, aux), gradient = da.value_and_grad(f, has_aux=True, level=TRACED)({"w": V}, scale=2.0)
    np.testing.assert_allclose(gradient["w"], 4 * V)
    assert aux == {"name": "a", "twice": value * 2}
    gradient, aux = da.grad(f, has_aux=True, level=TRACED)({"w": V}, scale=2.0, name="b")
    assert aux["name"] == "b"


def test_ir_of_a_way():
    gradient = da.grad(branching, level=TRACED)
    text = gradient.lower(np.array([1.0, 2.0])).text("linalg")
    assert "scf.if" not in text
    assert "arith.cmpf" in text
