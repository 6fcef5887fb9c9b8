"""Generators: the same numbers as NumPy's, the same state afterwards, and derivatives by what isn't drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.harness import same


def _in_a_loop(rng: Any) -> Any:
    total = 0.0
    for i in range(20):
        if rng.random() < 0.5:
            total += rng.normal(1.0, i)
        else:
            total -= rng.integers(1, 7)
    return total


def _orders(rng: Any) -> Any:
    x = np.arange(14.0).reshape(7, 2)
    rng.shuffle(x)
    return x, rng.permutation(10), rng.permutation(x, axis=1)


def _in_place(rng: Any) -> Any:
    out = np.zeros((2, 3))
    rng.random(out=out)
    return out


CASES: dict[str, Callable[[Any], Any]] = {
    "random": lambda rng: (rng.random(), rng.random((2, 3)), rng.random(3, np.float32), rng.random(())),
    "out": _in_place,
    "uniform": lambda rng: (rng.uniform(-1.3, 2.7, 10), rng.uniform(0, [1.0, 2.0])),
    "normal": lambda rng: (rng.normal(), rng.normal([1.0, 2.0], [[3], [4]]), rng.normal(2.0, 0.0, 2)),
    "many normal": lambda rng: rng.standard_normal(20_000),
    "many normal, single": lambda rng: rng.standard_normal(20_000, np.float32),
    "many exponential": lambda rng: (rng.standard_exponential(20_000), rng.exponential(2.0)),
    "many exponential, single": lambda rng: rng.standard_exponential(20_000, np.float32),
    "laplace": lambda rng: (rng.laplace(), rng.laplace([1.0, 2.0], [[3], [4]]), rng.laplace(2, 3, 500)),
    "logistic": lambda rng: (rng.logistic(), rng.logistic([1.0, 2.0], 3), rng.logistic(2, 3, 500)),
    "gumbel": lambda rng: (rng.gumbel(), rng.gumbel([1.0, 2.0], 3), rng.gumbel(2, 3, 500)),
    "rayleigh, cauchy": lambda rng: (rng.rayleigh(), rng.rayleigh([1.0, 2.0]), rng.standard_cauchy(500)),
    "integers": lambda rng: (
        rng.integers(5),
        rng.integers(-5, 2**40, 4),
        rng.integers(3, 3, 2, endpoint=True),
    ),
    "integers of 32 bits": lambda rng: (
        rng.integers(0, 2**32, 3, np.uint32),
        rng.integers(-3, 9, 5, np.int32),
    ),
    "choice": lambda rng: (
        rng.choice(10, (2, 2)),
        rng.choice([1.5, 2.5]),
        rng.choice(3, 9, p=[0.2, 0.3, 0.5]),
    ),
    "sample": lambda rng: (rng.choice(20, 5, replace=False), rng.choice(20, 5, replace=False, shuffle=False)),
    "large sample": lambda rng: rng.choice(10_500, 600, replace=False),
    "orders": _orders,
    "loop": _in_a_loop,
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_and_state(case: str) -> None:
    mine, theirs = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(2):
        same(da.jit(CASES[case])(mine), CASES[case](theirs), 0.0 if case != "loop" else 1e-14)
        assert mine.bit_generator.state == theirs.bit_generator.state


@pytest.mark.parametrize("seed", [0, 5, 2**40 + 3])
def test_seeds(seed: int) -> None:
    def drawn(seed: Any) -> Any:
        known = np.random.Generator(np.random.PCG64(7))
        return np.random.default_rng(seed).random(), np.random.default_rng(42).random(), known.integers(100)

    assert da.jit(drawn)(seed) == drawn(seed)


def test_generators_in_containers_and_results() -> None:
    rng = np.random.default_rng(1)
    _, given = da.jit(lambda d: (d["rng"].random(), d["rng"]))({"rng": rng})
    assert given is rng
    made = da.jit(lambda: np.random.default_rng(3))()
    assert made.random() == np.random.default_rng(3).random()


def _loss(x: Any, rng: Any) -> Any:
    total = 0.0
    for _ in range(4):
        z = rng.normal(x[0], np.exp(x[1]))
        if rng.random() < 0.5:
            total += np.sin(z)
        else:
            total += z * rng.uniform(x[0], x[1] + 3)
    noise = rng.standard_normal(3) * x + rng.exponential(x[1] ** 2 + 1, size=3)
    return total + np.sum(noise * noise) + rng.choice(x)


X = np.array([0.3, 0.7, -0.2])


def _differences() -> Any:
    steps = 1e-6 * np.eye(3)
    at = [[_loss(X + sign * h, np.random.default_rng(4)) for h in steps] for sign in (1, -1)]
    return (np.array(at[0]) - at[1]) / 2e-6


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
def test_gradients(level: str) -> None:
    mine, theirs = np.random.default_rng(4), np.random.default_rng(4)
    value, gradient = da.value_and_grad(_loss, level=level)(X, mine)
    assert value == pytest.approx(_loss(X, theirs), rel=1e-13)
    np.testing.assert_allclose(gradient, _differences(), rtol=1e-6, atol=1e-6)
    assert mine.bit_generator.state == theirs.bit_generator.state


def test_forward_mode() -> None:
    found = da.jacfwd(_loss)(X, np.random.default_rng(4))
    np.testing.assert_allclose(found, _differences(), rtol=1e-6, atol=1e-6)


def test_derivatives_by_location_and_scale() -> None:
    def loss(x: Any, rng: Any) -> Any:
        y = rng.laplace(x[0], x[1]) + rng.logistic(x[1], x[0]) * rng.gumbel(x[0], x[1])
        return y + np.sum(rng.rayleigh(x, 3)) + x[2] * rng.standard_cauchy()

    x, steps = np.array([0.3, 0.7, 0.2]), 1e-6 * np.eye(3)
    ends = [[loss(x + sign * h, np.random.default_rng(4)) for h in steps] for sign in (1, -1)]
    expected = (np.array(ends[0]) - ends[1]) / 2e-6
    for derivative in (da.grad(loss), da.grad(loss, level="loop"), da.jacfwd(loss)):
        found = derivative(x, np.random.default_rng(4))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_tape_draws_anew() -> None:
    gradient = da.grad(lambda x, rng: np.sum(x * rng.standard_normal(3)), level="tape")
    mine, theirs = np.random.default_rng(4), np.random.default_rng(4)
    for _ in range(2):
        np.testing.assert_array_equal(gradient(X, mine), theirs.standard_normal(3))


OUTER = np.random.default_rng(0)

FAILING: dict[str, tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]] = {
    "twice": (lambda a, b: a.random() + b.random(), (OUTER, OUTER), ValueError, "twice"),
    "kind": (lambda r: r.random(), (np.random.Generator(np.random.MT19937(1)),), CompileError, "PCG64"),
    "outer": (lambda: OUTER.random(), (), CompileError, "as an argument"),
    "global": (lambda: np.random.rand(), (), CompileError, "default_rng"),
    "method": (lambda r: r.beta(1, 2), (OUTER,), CompileError, "beta"),
    "no seed": (lambda: np.random.default_rng().random(), (), CompileError, "seed"),
    "scale": (lambda r, s: r.normal(0, s), (OUTER, -1.0), ValueError, "scale < 0"),
    "seed": (lambda s: np.random.default_rng(s).random(), (-1,), ValueError, "non-negative"),
    "empty": (lambda r, n: r.integers(n), (OUTER, 0), ValueError, "low >= high"),
    "dtype": (lambda r: r.integers(3, dtype=np.uint8), (OUTER,), CompileError, "uint8"),
    "probabilities": (lambda r, p: r.choice(2, p=p), (OUTER, np.ones(2)), ValueError, "sum to 1"),
    "sample": (lambda r: r.choice(2, 3, replace=False), (OUTER,), ValueError, "larger sample"),
}


@pytest.mark.parametrize("case", FAILING)
def test_errors(case: str) -> None:
    function, args, kind, message = FAILING[case]
    with pytest.raises(kind, match=message):
        da.jit(function)(*args)
