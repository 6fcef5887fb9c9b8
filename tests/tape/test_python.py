"""Any Python may be between the operations: control flow, classes, closures, generators, recursion."""

from __future__ import annotations

import functools
import itertools
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import dialectad as da
from tests.tape.check import LEVEL, check, floats

V = floats(5)


def recursion(x):
    def power(y, n):
        if n == 0:
            return np.ones(len(y))
        half = power(y, n // 2)
        return half * half * (y if n % 2 else 1.0)

    return power(x, 11)


def generators(x):
    def running(values):
        total = 0.0
        for v in values:
            total = total + v
            yield total * v

    return sum(running(x)) * max(v for v in x)


def exceptions(x):
    result = np.zeros(3)
    for i in range(9):
        try:
            result[i % 3] += x[i] * x[i]
        except IndexError:
            result[0] *= x[0]
            break
        finally:
            result[1] = result[1] * 1.5
    else:
        result[:] = 0.0
    return result


def matching(x):
    found = []
    for item in ("double", ("scale", 3.0), {"add": 1}, None):
        match item:
            case "double":
                found.append(x * 2.0)
            case ("scale", factor):
                found.append(x * factor)
            case {"add": number} if number > 0:
                found.append(x + number)
            case _:
                found.append(np.zeros_like(x) + x[0])
    return found


def comprehensions(x):
    squares = {i: v * v for i, v in enumerate(x) if v > -9}
    rows = [[a * b for a in x] for b in x[:2]]
    return squares[1], np.array(rows), np.stack([np.zeros(5) + r for r in squares.values()])


def walrus_and_conditionals(x):
    if (y := np.tanh(x))[0] > 5 or (z := y * x).sum() > 99 or not len(z):
        return y
    return (z if -9 < x[0] <= 9 else y) * (1.0 if x[1] == x[1] else 2.0)


def higher_order(x):
    total = functools.reduce(lambda a, b: a * 0.5 + b, x)
    mapped = list(map(lambda v: v * v, x))  # noqa: C417
    ordered = sorted(x, key=lambda v: -v)
    partial = functools.partial(scaled, by=3.0)
    return total, mapped[2], ordered[0] * ordered[-1], partial(x), list(itertools.accumulate(x))[-1]


def scaled(x, *, by):
    out = np.empty(len(x))
    out[:] = x
    return out * by


def counted(function):
    @functools.wraps(function)
    def wrapper(*args):
        wrapper.count += 1
        return function(*args)

    wrapper.count = 0
    return wrapper


@counted
def decorated(x):
    y = np.zeros(5)
    y[1:] = x[:-1]
    return y * x


class Layer:
    def __init__(self, size):
        self.buffer = [np.full(size, 0.5)]
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        scratch = np.zeros(len(x))
        scratch += x * self.buffer[0]
        return self.twice(scratch)

    @staticmethod
    def twice(x):
        y = np.zeros(x.shape)
        y[...] = 2.0 * x
        return y

    @property
    def norm(self):
        return np.sum(self.buffer[0])


LAYER = Layer(5)


def objects(x):
    return LAYER(x) * LAYER.norm, Layer.twice(x)


class State(NamedTuple):
    position: Any
    velocity: Any


@dataclass
class Model:
    weights: Any
    bias: float

    def apply(self, x):
        return np.tanh(self.weights * x + self.bias)


def structures(x):
    state = State(x, x * 0.1)
    for _ in range(3):
        state = state._replace(position=state.position + state.velocity)
    model = Model(x[:2], 0.5)
    model.weights = model.weights * 2.0
    return state, model.apply(x[3:])


FUNCTIONS = [
    recursion,
    generators,
    exceptions,
    matching,
    comprehensions,
    walrus_and_conditionals,
    higher_order,
    decorated,
    objects,
    structures,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_python(function):
    check(function, V)


def test_functions_that_change():
    def helper(x, factor=2.0):
        return np.sum(x) * factor

    assert da.grad(lambda x: helper(x), level=LEVEL)(V)[0] == 2.0
    helper.__defaults__ = (3.0,)
    assert da.grad(lambda x: helper(x), level=LEVEL)(V)[0] == 3.0
    helper.__code__ = (lambda x, factor=2.0: np.sum(x * x) * factor).__code__
    assert da.grad(lambda x: helper(x), level=LEVEL)(V)[0] == 6.0 * V[0]


def test_side_effects_happen_once():
    decorated.count = 0
    da.grad(lambda x: np.sum(decorated(x)), level=LEVEL)(V)
    assert decorated.count == 1


def test_structures_as_arguments():
    def loss(model, x, *, scale=1.0):
        return np.sum(model.apply(x) ** 2) * scale

    model = Model(floats(3, seed=2), 0.3)
    found = da.grad(loss, level=LEVEL)(model, floats(3), scale=2.0)
    expected = da.grad(loss, level="linalg")(model, floats(3), scale=2.0)
    assert isinstance(found, Model)
    np.testing.assert_allclose(found.weights, expected.weights)
    assert found.bias == pytest.approx(expected.bias)


def test_functions_without_source():
    space: dict[str, Any] = {"np": np}
    exec("def f(x):\n    y = np.tanh(x)\n    y[0] = 2.0 * x[1]\n    return np.sum(y)", space)
    assert da.grad(space["f"], level=LEVEL)(V)[1] == pytest.approx(2.0 + 1 / np.cosh(V[1]) ** 2)


def test_numpy_functions_themselves():
    np.testing.assert_allclose(da.grad(np.sum, level=LEVEL)(V), np.ones(5))
    np.testing.assert_allclose(da.grad(np.linalg.norm, level=LEVEL)(V), V / np.linalg.norm(V))
    assert da.grad(np.sin, level=LEVEL)(0.0) == 1.0


def test_jit_runs_the_function():
    @da.jit(level=LEVEL)
    def f(x):
        y = np.zeros(5)
        y[:] = x
        return np.sum(y * x)

    assert f(V) == np.sum(V * V)
    np.testing.assert_allclose(da.grad(f, level=LEVEL)(V), 2 * V)
    np.testing.assert_allclose(da.grad(f, level="linalg")(V), 2 * V)


def test_threads():
    def f(x):
        y = np.zeros(5)
        for i in range(50):
            y[i % 5] += x[i % 5] * np.sin(x[(i + 1) % 5])
        return np.sum(y * y)

    expected = da.grad(f, level=LEVEL)(V)
    wrong = []

    def work() -> None:
        for _ in range(10):
            if not np.array_equal(da.grad(f, level=LEVEL)(V), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def by_class(x, s):
    match x, s:
        case np.ndarray(), float():
            y = np.sum(x * x) * s
        case _:
            y = 0.0
    match y:
        case float() as z:
            return z + sum(v for v in (x[i] for i in range(3)) if v > 0)
        case _:
            return y


@pytest.mark.parametrize("level", ["tape", da.Level("tape", compile_trace=True)], ids=str)
def test_patterns_take_values_for_what_they_stand_for(level) -> None:
    x = np.array([0.3, -0.5, 0.8])
    value, (dx, ds) = da.value_and_grad(by_class, argnums=(0, 1), level=level)(x, 0.5)
    assert value == pytest.approx(by_class(x, 0.5))
    np.testing.assert_allclose(dx, x + (x > 0))
    assert ds == pytest.approx(np.sum(x * x))
