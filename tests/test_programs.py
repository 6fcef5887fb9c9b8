"""Every real program gives what NumPy gives, and its derivatives are those of finite differences."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.frontend import pytrees
from tests.gradients import directional_difference, fresh, inner, random_direction
from tests.programs import PROGRAMS, Program

DIFFERENTIABLE = [p for p in PROGRAMS if p.by is not None]
ROTATION = ("linalg", "loop", "llvm")
"""Each program is differentiated in one mode at level auto, and in the other at one of these, in turn: all of
them would take minutes, and `tests/test_levels.py` does that to smaller programs."""

each = functools.partial(pytest.mark.parametrize, ids=lambda p: p.name if isinstance(p, Program) else None)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")


@each("program", PROGRAMS)
def test_value(program: Program) -> None:
    ours, theirs = fresh(program.args), fresh(program.args)
    expected, structure = pytrees.flatten(program.function(*theirs))
    found, same = pytrees.flatten(da.jit(program.function)(*ours))
    assert same == structure
    for f, e in zip(found, expected, strict=True):
        assert type(f) is type(e)
        assert getattr(f, "dtype", None) == getattr(e, "dtype", None)
        assert np.shape(f) == np.shape(e)
        _close(f, e)
    for o, t in zip(pytrees.flatten(ours)[0], pytrees.flatten(theirs)[0], strict=True):
        _close(o, t)


def _close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


# --- derivatives -------------------------------------------------------------------------------


@each(("program", "number"), [(p, n) for n, p in enumerate(DIFFERENTIABLE)])
def test_derivatives(program: Program, number: int) -> None:
    function, at = loss(program), program.args[program.by or 0]
    direction = random_direction(at)
    slope = directional_difference(function, (fresh(at),), direction, 1e-6)
    levels = "auto", ROTATION[number % len(ROTATION)]
    in_reverse, forward = levels if number % 2 == 0 else levels[::-1]
    _slope(inner(da.grad(function, level=in_reverse)(fresh(at)), direction), slope)
    _slope(da.jvp(function, (fresh(at),), (direction,), level=forward)[1], slope)


def _slope(found: float, expected: float) -> None:
    assert abs(float(found) - expected) < 2e-5 * max(1.0, abs(expected)), f"{found}, not {expected}"


def loss(program: Program) -> Callable[[Any], Any]:
    """A weighted sum of the floats that a program returns and writes, as a function of one argument."""
    by = program.by
    args = fresh(program.args)
    result = program.function(*args)
    written = [n for n, (a, b) in enumerate(zip(args, program.args, strict=True)) if _differs(a, b)]
    weights = [_weights(x) for x in pytrees.flatten((result, [args[n] for n in written]))[0]]

    def function(x):
        taken = [x if n == by else a for n, a in enumerate(program.args)]
        for n in written:
            taken[n] = taken[n].copy()
        result = program.function(*taken)
        outputs = pytrees.flatten((result, [taken[n] for n in written]))[0]
        return sum(np.sum(w * y) for w, y in zip(weights, outputs, strict=True) if w is not None)

    return function


def _differs(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and not np.array_equal(a, b)


def _weights(x: Any) -> Any:
    """Some number for each, so that no two results cancel; None for integers."""
    if np.asarray(x).dtype.kind != "f":
        return None
    return np.cos(np.arange(np.size(x), dtype=np.float64)).reshape(np.shape(x))


def test_names_are_unique() -> None:
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)
