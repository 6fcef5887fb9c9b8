"""Sweeps are fused where that is the same, and only there; derivatives stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import scf

import dialectad as da
from dialectad import passes, verifier
from dialectad.dialects import ad, context
from tests.ad.memory_programs import Program
from tests.ad.test_memory_form import Generator
from tests.lower.machine import parse
from tests.lower.test_batch_caches import differentiated, gradient

X = np.array([0.3, -0.7, 1.9, 0.4, -1.2, 0.8, 2.1])


def each_by_itself(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += np.sin(x[i]) * np.cos(x[i])
    return total


def newton_for_each(x):
    total = 0.0
    for i in range(x.shape[0]):
        root = 1.0 + x[i] ** 2
        step = 1.0
        while abs(step) > 1e-12:
            step = (root**3 - root - 1.0 - x[i] ** 2) / (3.0 * root**2 - 1.0)
            root = root - step
        total += x[i] * root
    return total


def branches(x):
    total = 0.0
    for i in range(x.shape[0]):
        if x[i] < -1.0:
            total += np.exp(x[i])
        elif x[i] < 1.0:
            total += x[i]
        else:
            total += 1.0 + np.log(x[i])
    return total


def neighbours(x):
    """What the reverse sweep adds to two elements an iteration are sums."""
    total = 0.0
    for i in range(x.shape[0] - 1):
        total += np.sin(x[i]) * np.sin(x[i + 1])
    return total


def every_other(x):
    total = 0.0
    for i in range(1, x.shape[0], 2):
        total += np.tanh(x[i]) * i
    return total


def backwards(x):
    total = 0.0
    for i in range(x.shape[0] - 1, -1, -1):
        total += np.tanh(x[i]) * i
    return total


def pairs(x):
    """Nested loops: both can be fused."""
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            total += np.sin(x[i] * x[j])
    return total


def sums_of_rows(x):
    """The inner loop's result goes through a function: only the outer loops can be fused."""
    total = 0.0
    for i in range(x.shape[0]):
        row = 0.0
        for j in range(x.shape[0]):
            row += np.sin(x[i] * x[j])
        total += np.tanh(row)
    return total


def recurrence(x):
    s = 0.1
    for i in range(x.shape[0]):
        s = np.sin(s * x[i])
    return s


def of_the_total(x):
    """The cotangent is known only when the forward loop has ended."""
    total = 0.0
    for i in range(x.shape[0]):
        total += np.exp(x[i])
    return total * total


def of_what_is_written(x):
    y = np.zeros(x.shape[0])
    total = 0.0
    for i in range(x.shape[0]):
        y[i] = np.sin(x[i])
        total += y[i] * y[i]
    return total + np.sum(np.tanh(y))


def running_product(x):
    """What one iteration writes the next one reads."""
    y = np.zeros(x.shape[0] + 1)
    y[0] = 1.0
    total = 0.0
    for i in range(x.shape[0]):
        y[i + 1] = y[i] * np.sin(x[i])
        total += y[i + 1]
    return total


def overwritten(x):
    """The argument is written while others still read it."""
    total = 0.0
    for i in range(x.shape[0] - 1):
        total += np.sin(x[i]) * x[i + 1]
        x[i + 1] = np.cos(x[i])
    return total


def chosen(x):
    """Several iterations write one element: the last one counts."""
    y = np.zeros(3)
    total = 0.0
    for i in range(x.shape[0]):
        y[i % 3] = np.sin(x[i])
        total += y[(i + 1) % 3] * x[i]
    return total


def weighed_by_another_loop(x):
    """What comes between the loops depends on the first, but the second doesn't depend on that."""
    total = 0.0
    for i in range(x.shape[0]):
        total += np.sin(x[i])
    other = 1.0
    for i in range(x.shape[0]):
        other *= np.cos(x[i])
    return total + other


FUSED = (each_by_itself, newton_for_each, branches, neighbours, every_other, backwards, pairs, sums_of_rows)
APART = (recurrence, of_the_total, running_product, overwritten, chosen)
OTHERS = (of_what_is_written, weighed_by_another_loop)


def caches(function: Callable[..., Any], level: str, x: np.ndarray = X) -> int:
    return da.grad(function, level=level).lower(x).text(stage="loop").count('"ad.cache"')


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
@pytest.mark.parametrize("function", [*FUSED, *APART, *OTHERS], ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [7, 2, 1, 0])
def test_gradients(function: Callable[..., Any], level: str, size: int) -> None:
    if function is running_product and size == 0:
        size = 3
    x = X[:size].copy()
    expected = da.grad(function, level="tape")(x.copy())
    np.testing.assert_allclose(da.grad(function, level=level)(x.copy()), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("function", [f for f in FUSED if f is not newton_for_each and f is not sums_of_rows])
@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_nothing_is_cached_where_sweeps_are_fused(function: Callable[..., Any], level: str) -> None:
    assert caches(function, level) == 0


def test_the_cache_of_an_inner_while_serves_one_iteration() -> None:
    text = da.grad(newton_for_each, level="loop").lower(X).text(stage="loop")
    loops = [op for op in parse(text).walk() if isinstance(op, scf.ForOp)]
    both = [
        op
        for op in loops
        if {ad.ReserveOp, ad.PopOp} <= {type(o) for o in op.walk()}
        and not isinstance(op.parent_op(), scf.ForOp)
    ]
    assert len(both) == 1


@pytest.mark.parametrize("function", APART)
def test_what_depends_on_other_iterations_stays_apart(function: Callable[..., Any]) -> None:
    assert caches(function, "loop") > 0


@pytest.mark.parametrize("seed", range(25))
def test_results_of_random_programs_stay(seed: int) -> None:
    module = differentiated(Generator(seed).program())
    x = np.random.default_rng(seed).standard_normal(6)
    expected = gradient(module, x, 0.8)
    passes.run(context(), module, "fuse-sweeps")
    verifier.check(module, "loop")
    for one, other in zip(gradient(module, x, 0.8), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


COUNTED = """
%c0 = arith.constant 0 : index
%c1 = arith.constant 1 : index
%zero = arith.constant 0.0 : f64
%bound = arith.constant {bound} : index
%start = arith.constant {start} : index
%step = arith.constant {step} : index
%r = scf.for %i = %start to %bound step %step iter_args(%t = %zero) -> (f64) {{
  %a = memref.load %x0[%i] : memref<6xf64>
  %s = math.sin %a : f64
  %p = arith.mulf %s, %x1 : f64
  %q = math.tanh %p : f64
  %u = arith.addf %t, %q : f64
  scf.yield %u : f64
}}
memref.store %r, %y[%c0] : memref<6xf64>"""


@pytest.mark.parametrize(
    ("start", "bound", "step"), [(0, 6, 1), (1, 6, 2), (0, 6, 4), (3, 3, 1), (5, 2, 1), (1, 6, 3)]
)
def test_bounds_and_steps(start: int, bound: int, step: int) -> None:
    body = COUNTED.format(start=start, bound=bound, step=step)
    module = differentiated(Program(body, ["memref<6xf64>", "f64"], ["memref<6xf64>"]))
    x = np.linspace(-1.0, 2.0, 6)
    expected = gradient(module, x, 0.8)
    passes.run(context(), module, "fuse-sweeps")
    assert not any(isinstance(op, ad.PushOp) for op in module.walk())
    for one, other in zip(gradient(module, x, 0.8), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
