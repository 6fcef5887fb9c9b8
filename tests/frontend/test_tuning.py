"""The level `auto`: what it stands for, how it is measured, and what it does where a level can't."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from dialectad.frontend import compiled, tuning
from dialectad.runtime import cache


def in_place(x):
    y = x.copy()
    for i in range(1, y.shape[0]):
        y[i] = y[i] * np.sin(y[i - 1])
    return np.sum(y * y)


X = np.linspace(0.2, 1.7, 9)


def test_the_shortest_time_of_each() -> None:
    calls: list[str] = []

    def slow(arguments: list[object]) -> None:
        calls.append("slow")
        sum(range(20000))

    def fast(arguments: list[object]) -> None:
        calls.append("fast")

    times = tuning.best_times([slow, fast], [X])
    assert times[1] < times[0]
    assert calls[:2] == ["slow", "fast"]


def test_arguments_are_copied() -> None:
    x = X.copy()

    def write(arguments: list[np.ndarray]) -> None:
        arguments[0][:] = 0

    tuning.best_times([write], [x])
    assert (x == X).all()


def test_tuned_agrees_with_the_others() -> None:
    expected = da.grad(in_place, level="linalg")(X)
    with cache.disabled():
        got = da.grad(in_place, level=da.Level("auto", tune=True))(X)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_tuned_measures_every_level_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def best_times(functions, leaves):
        measured.append(len(functions))
        return [3.0, 1.0, 2.0]

    monkeypatch.setattr(tuning, "best_times", best_times)
    with cache.disabled():
        gradient = da.grad(in_place, level=da.Level("auto", tune=True))
        gradient(X)
        gradient(X)
    assert measured == [len(compiled.TUNED)]


def test_auto_goes_on_where_the_chosen_level_cant(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = da.grad(in_place, level="linalg")(X)
    tried: list[str] = []
    original = compiled._compile

    def compile_(program, level, auto=""):
        tried.append(auto)
        if not auto:
            raise CompileError("not this one", level="loop")
        return original(program, level, auto)

    monkeypatch.setattr(compiled, "_compile", compile_)
    np.testing.assert_allclose(da.grad(in_place)(X), expected, rtol=1e-12)
    assert tried[:2] == ["", compiled.FALLBACK]


def test_errors_of_the_program_stay_what_they_are() -> None:
    def loss(x):
        return np.sum(np.roots(x).real)

    with pytest.raises(CompileError):
        da.grad(loss)(X)
