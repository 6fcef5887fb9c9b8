"""The level `auto` where a program has two halves: work on arrays, and loops over single elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import StringAttr

import dialectad as da
from dialectad.ad import choose_level
from dialectad.dialects import ad
from dialectad.errors import CompileError
from dialectad.frontend import compiled, tuning
from dialectad.runtime import cache
from tests.gradients import directional_difference, inner, random_direction

RNG = np.random.default_rng(5)
W = RNG.standard_normal((6, 6)) / 3
X = RNG.standard_normal((6, 6))
V = RNG.standard_normal(6)


def features_then_recurrence(w, x):
    """A small network whose outputs drive a recurrence in place."""
    h = np.tanh(np.tanh(x @ w) @ w)
    z = np.sum(h, axis=1)
    for i in range(1, len(z)):
        z[i] = 0.9 * z[i - 1] + np.sin(z[i - 1] * z[i])
    return np.sum(z * z)


def kernel_then_cholesky(w, x):
    """The covariance of features, factored in place."""
    h = np.tanh(x @ w)
    a = h @ h.T + np.eye(len(h))
    value = 0.0
    for i in range(len(a)):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        a[i, i] = np.sqrt(a[i, i])
        value += np.log(a[i, i])
    return value + np.sum(a[1:] * a[:-1])


def sweeps_between_products(w, x):
    """Products, Gauss-Seidel sweeps, products, sweeps again."""
    u = np.tanh(w @ x[0])
    for _ in range(3):
        for i in range(1, len(u) - 1):
            u[i] += 0.1 * np.sin(u[i - 1] - 2 * u[i] + u[i + 1])
    u = np.tanh(w.T @ np.tanh(w @ u) + np.sin(x) @ u)
    for i in range(1, len(u)):
        u[i] *= np.cos(u[i - 1])
    return np.sum(u**2)


def cells_then_while(w, x):
    """A recurrent network, then steps until an energy is reached, element by element."""
    h = np.zeros(len(w))
    for t in range(len(x)):
        h = np.tanh(w @ h + x[t])
    energy, n = 1.0, 0
    while energy < 4.0 and n < 20:
        for i in range(1, len(h)):
            h[i] += 0.2 * np.cos(h[i - 1])
            energy += h[i] * h[i] * 0.1
        n += 1
    return energy + np.sum(h)


def writes_into_its_argument(w, x):
    x[:] = np.tanh(x @ w)
    for i in range(1, len(x)):
        for j in range(len(x)):
            x[i, j] *= np.cos(x[i - 1, j])
    return np.sum(np.sin(x @ w))


def of_slices(w, x):
    """Views go into the loops and out of them."""
    y = np.sin(w @ x)
    v = y[1:4]
    for i in range(1, 3):
        for j in range(6):
            v[i, j] += v[i - 1, j] * y[0, j]
    u = y[2:5, 1:]
    return np.sum(np.tanh(u @ u.T)) + np.sum(y * w)


PROGRAMS = [
    features_then_recurrence,
    kernel_then_cholesky,
    sweeps_between_products,
    cells_then_while,
    writes_into_its_argument,
    of_slices,
]

programs = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)


@pytest.fixture
def parts_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that small programs are mixed, too."""
    monkeypatch.setattr(choose_level, "_CROSSING", 0.0)
    monkeypatch.setattr(choose_level, "_ARRAY_AT_LOOP", 100.0)


def parts(function: Callable[..., Any], *args: Any) -> int:
    """How many parts have a level of their own; all are run once."""
    text = da.grad(function, (0, 1)).lower(*args).text("linalg")
    assert text.count('"ad.augmented"') == text.count('"ad.pullback"')
    assert '"ad.vjp"' not in text
    return text.count('"ad.augmented"')


def gradient(function: Callable[..., Any], level: str | da.Level = "auto") -> Any:
    return da.grad(function, (0, 1), level=level)(W.copy(), X.copy())


@programs
def test_gradients(program: Callable[..., Any], parts_are_free: None) -> None:
    assert parts(program, W, X) == (2 if program is sweeps_between_products else 1)
    found = gradient(program)
    for mine, theirs in zip(found, gradient(program, "linalg"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)
    for seed in range(2):
        direction = random_direction((W, X), seed)
        expected = directional_difference(lambda pair: program(*pair), ((W, X),), direction, 1e-6)
        assert inner(list(found), list(direction)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@programs
def test_tangents(program: Callable[..., Any], parts_are_free: None) -> None:
    if program is writes_into_its_argument:
        return
    primals, tangents = (W, X), (np.cos(W), np.sin(X))
    found = da.jvp(program, primals, tangents)
    np.testing.assert_allclose(found, da.jvp(program, primals, tangents, level="linalg"), rtol=1e-10)
    pulled = sum(np.sum(d * t) for d, t in zip(gradient(program), tangents, strict=True))
    assert found[1] == pytest.approx(pulled, rel=1e-10)


@programs
def test_second_derivatives(program: Callable[..., Any], parts_are_free: None) -> None:
    if program is writes_into_its_argument:
        return

    def along(level: str, at: np.ndarray) -> Any:
        return da.hvp(lambda w: program(w, X), (at,), (np.cos(W),), level=level)

    found = along("auto", W)
    np.testing.assert_allclose(found, along("linalg", W), rtol=1e-9, atol=1e-9)
    step = 1e-5
    moved = [da.grad(program)(W + s * np.cos(W), X) for s in (step, -step)]
    np.testing.assert_allclose(found, (moved[0] - moved[1]) / (2 * step), rtol=1e-5, atol=1e-5)


def test_values_and_writes(parts_are_free: None) -> None:
    mine, theirs = X.copy(), X.copy()
    value, _ = da.value_and_grad(writes_into_its_argument)(W, mine)
    assert value == pytest.approx(writes_into_its_argument(W, theirs))
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_a_pullback_runs_it_again_for_each_cotangent(parts_are_free: None) -> None:
    _, pullback = da.vjp(features_then_recurrence, W, X)
    for cotangent in (1.0, -2.0):
        for mine, theirs in zip(pullback(cotangent), gradient(features_then_recurrence), strict=True):
            np.testing.assert_allclose(mine, cotangent * theirs, rtol=1e-12)


def test_jacobians(parts_are_free: None) -> None:
    def outputs(w):
        y = np.tanh(w @ V)
        for i in range(1, len(y)):
            y[i] += y[i - 1] * y[i]
        return np.sin(w @ y)

    expected = da.jacrev(outputs, level="linalg")(W)
    for jacobian in (da.jacrev(outputs)(W), da.jacfwd(outputs)(W)):
        np.testing.assert_allclose(jacobian, expected, rtol=1e-10, atol=1e-12)


# --- what is chosen ----------------------------------------------------------------------------


def chosen(function: Callable[..., Any], *args: Any, auto: str = "") -> tuple[set[str], list[str]]:
    """The levels of requests, and those of parts."""
    from dialectad import passes
    from dialectad.dialects import context

    module = da.grad(function, (0, 1)).lower(*args).module("traced")
    passes.run(context(), module, f"choose-level{{only={auto}}}" if auto else "choose-level")
    levels = [op.attributes[ad.LEVEL] for op in module.ops if ad.LEVEL in op.attributes]
    requests = {op.level.data for op in module.walk() if isinstance(op, ad.VJPOp | ad.JVPOp)}
    return requests, [level.data for level in levels if isinstance(level, StringAttr)]


def big(*shape: int) -> np.ndarray:
    return np.ones(shape)


def test_what_is_chosen() -> None:
    def slices_then_cholesky(w, x):
        x = x.copy()
        for _ in range(30):
            x[:, 1:-1] += 0.1 * (x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:])
        return kernel_then_cholesky(w, x)

    assert chosen(slices_then_cholesky, big(40, 40), big(40, 40)) == ({"mixed"}, ["loop"])
    # a short recurrence isn't worth it, nor is what surrounds a long one
    assert chosen(features_then_recurrence, big(64, 64), big(64, 64)) == ({"linalg"}, [])
    assert chosen(kernel_then_cholesky, big(64, 64), big(64, 64)) == ({"loop"}, [])
    assert chosen(features_then_recurrence, big(64, 64), big(64, 64), auto="mixed") == ({"mixed"}, ["loop"])


def test_where_there_are_no_parts() -> None:
    def product(w, x):
        return np.sum(np.tanh(w @ x))

    assert chosen(product, W, X, auto="mixed") == ({"linalg"}, [])
    assert chosen(product, W, X) == ({"linalg"}, [])


def test_what_is_annotated_is_left_alone() -> None:
    def annotated(w, x):
        with da.at_level("llvm"):
            y = np.sin(w) @ V
        for i in range(1, len(y)):
            y[i] *= y[i - 1]
        return np.sum(y) + np.sum(x)

    assert chosen(annotated, W, X) == ({"mixed"}, ["llvm"])


def test_arrays_of_unknown_shape_stay_outside() -> None:
    def unknown(w, x):
        n = 2
        while w[0, n] > 10:
            n += 1
        y = (w[:n] * 2.0) @ x
        for i in range(1, n):
            y[i, 0] *= y[i - 1, 0]
        return np.sum(np.tanh(y @ x))

    assert chosen(unknown, big(6, 6), big(6, 6), auto="mixed")[1] in ([], ["loop"])
    for mine, theirs in zip(gradient(unknown), gradient(unknown, "linalg"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)


def test_a_part_that_cannot_be_done_is_done_at_linalg(
    parts_are_free: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = gradient(sweeps_between_products, "linalg")
    original = compiled.passes.run

    def run(context: Any, module: Any, pipeline: str) -> None:
        if "augment-calls" in pipeline:
            raise CompileError("not this part", level="loop")
        original(context, module, pipeline)

    monkeypatch.setattr(compiled.passes, "run", run)
    with cache.disabled():
        found = da.grad(sweeps_between_products, (0, 1))(W, X)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_parts_are_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def best_times(functions: Any, leaves: Any) -> list[float]:
        measured.append(len(functions))
        return [float(len(functions) - k) for k in range(len(functions))]

    monkeypatch.setattr(tuning, "best_times", best_times)
    level = da.Level("auto", tune=True)
    with cache.disabled():
        found = gradient(sweeps_between_products, level)
        da.grad(lambda w: np.sum(np.tanh(w @ w)), level=level)(W)
    assert measured == [len(compiled.TUNED), len(compiled.TUNED) - 1]
    for mine, theirs in zip(found, gradient(sweeps_between_products, "linalg"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)
