"""Every sample program at every level and in every mode agrees with one expected value.

The expected derivative of a program is a difference quotient of what NumPy gives, and that of its derivative
is a difference quotient of the gradient at level linalg, which is itself checked here. Each is computed once.

A level that can't do a program says so: which, and why, is in `REFUSED`. What isn't there has to work.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from dialectad.frontend import pytrees
from dialectad.levels import Level
from tests.gradients import directional_difference, double, fresh, inner, random_direction
from tests.samples import SAMPLES, Sample
from tests.variants import NO_DYNAMIC_LOOP, NO_DYNAMIC_SHAPE, NO_WRITTEN_ARGUMENT, VARIANTS

REFUSED: dict[str, dict[str, str]] = {
    "graph": {
        "while_to_tolerance": NO_DYNAMIC_LOOP,
        "while_with_break": NO_DYNAMIC_LOOP,
        "early_return": NO_DYNAMIC_LOOP,
        "nested_data_dependent_bounds": NO_DYNAMIC_LOOP,
        "break_out_of_the_inner_loop": NO_DYNAMIC_LOOP,
        "bounds_from_carried_state": NO_DYNAMIC_LOOP,
        "while_inside_for": NO_DYNAMIC_LOOP,
        "while_that_writes": NO_DYNAMIC_LOOP,
        "newton_on_all": NO_DYNAMIC_LOOP,
        "loop_that_does_not_run": NO_DYNAMIC_LOOP,
        "dynamic_slices": NO_DYNAMIC_SHAPE,
        "writes_into_its_argument": NO_WRITTEN_ARGUMENT,
    },
}
"""Level -> program -> part of the reason why it is refused."""

REFUSED_INSIDE: dict[str, dict[str, str]] = {
    "tape": {"value_only_in_one_branch": "Python's control flow needs this value"},
}
"""Level -> program -> part of the reason why its derivative is refused where that is compiled: to be
differentiated at another level, for instance."""


def refusal(sample: Sample, level: Level) -> str | None:
    return REFUSED.get(level.name, {}).get(sample.name)


FEW = ("mlp", "value_only_in_one_branch")
"""Programs with products, loops and branches, for what takes long."""

SUPPORTED = [
    (s, v) for v in VARIANTS for s in SAMPLES if refusal(s, v) is None and (s.name in FEW or not v.tune)
]
UNSUPPORTED = [(s, v) for v in VARIANTS for s in SAMPLES if refusal(s, v) is not None]

PLAIN = [level for level in da.levels() if level.name not in ("mixed", "auto")]
"""All modes are checked at these, and reverse mode at the others, which choose among them or are options."""

PLAIN_SUPPORTED = [(s, v) for s, v in SUPPORTED if v in PLAIN]
SMOOTH = [(s, v) for s, v in PLAIN_SUPPORTED if s.smooth]

each = functools.partial(pytest.mark.parametrize, ids=lambda p: p.name if isinstance(p, Sample) else str(p))


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")


# --- one expected value ------------------------------------------------------------------------


def of_first(sample: Sample) -> Any:
    """The program as a function of the argument that it is differentiated by."""

    def function(first):
        return sample.function(first, *fresh(sample.args[1:]))

    return function


@functools.cache
def direction(name: str, seed: int = 0) -> Any:
    """A direction in the space of the first argument of a program."""
    return random_direction(_sample(name).args[0], seed)


@functools.cache
def slope(name: str) -> float:
    """The derivative along a direction."""
    sample = _sample(name)
    return directional_difference(sample.function, double(fresh(sample.args)), direction(name), 1e-6)


@functools.cache
def curvature(name: str) -> float:
    """The derivative along a direction of the derivative along another one."""
    sample = _sample(name)
    gradient = da.grad(of_first(sample), level="linalg")
    along, other = double(direction(name, 1)), direction(name, 2)
    first = (double(fresh(sample.args[0])),)
    return directional_difference(lambda x: inner(gradient(x), other), first, along, 1e-6)


@functools.cache
def _sample(name: str) -> Sample:
    return next(sample for sample in SAMPLES if sample.name == name)


def close(found: Any, expected: float, tolerance: float) -> None:
    assert abs(float(found) - expected) < tolerance * max(1.0, abs(expected)), f"{found}, not {expected}"


# --- modes -------------------------------------------------------------------------------------


@each(("sample", "level"), SUPPORTED)
def test_reverse(sample: Sample, level: Level) -> None:
    value, gradient = da.value_and_grad(sample.function, level=level)(*fresh(sample.args))
    np.testing.assert_allclose(value, sample.function(*fresh(sample.args)), rtol=sample.tolerance)
    assert pytrees.flatten(gradient)[1] == pytrees.flatten(sample.args[0])[1]
    close(inner(gradient, direction(sample.name)), slope(sample.name), 10 * sample.tolerance)


@each(("sample", "level"), PLAIN_SUPPORTED)
def test_forward(sample: Sample, level: Level) -> None:
    primals, tangents = (fresh(sample.args[0]),), (direction(sample.name),)
    value, tangent = da.jvp(of_first(sample), primals, tangents, level=level)
    np.testing.assert_allclose(value, sample.function(*fresh(sample.args)), rtol=sample.tolerance)
    close(tangent, slope(sample.name), 10 * sample.tolerance)


@each(("sample", "level"), SMOOTH)
def test_forward_over_reverse(sample: Sample, level: Level) -> None:
    first, along = double(fresh(sample.args[0])), double(direction(sample.name, 1))
    product = da.hvp(of_first(sample), (first,), (along,), level=level)
    close(inner(product, direction(sample.name, 2)), curvature(sample.name), 2e-5)


@each(("sample", "level"), UNSUPPORTED)
def test_refusal(sample: Sample, level: Level) -> None:
    reason = refusal(sample, level)
    assert reason is not None
    with pytest.raises(CompileError) as caught:
        da.grad(sample.function, level=level)(*fresh(sample.args))
    assert reason in caught.value.message
    assert caught.value.level == level.name
    assert caught.value.location is not None
    assert caught.value.location.file.endswith("samples.py")
    others = [other.name for other in da.levels() if other.name not in (level.name, "auto")]
    assert caught.value.hint is not None
    assert "copy" in caught.value.hint or any(name in caught.value.hint for name in others)


def test_what_is_refused_exists() -> None:
    names = {sample.name for sample in SAMPLES}
    assert all(names.issuperset(programs) for programs in REFUSED.values())


# --- a derivative at one level of a derivative at another ------------------------------------------

NESTED = [_sample(name) for name in FEW]
NESTABLE = [*PLAIN, Level("linalg", optimize_first=False)]
PAIRS = [(outer, inner) for outer in NESTABLE for inner in NESTABLE if outer != inner]


def slope_at(sample: Sample, level: Level) -> Any:
    """The derivative of a program along a direction, by its gradient, as a function of the first argument."""
    gradient = da.grad(of_first(sample), level=level)
    other = pytrees.flatten(direction(sample.name, 2))[0]

    def function(first):
        pulled = pytrees.flatten(gradient(first))[0]
        return sum(np.sum(g * o) for g, o in zip(pulled, other, strict=True))

    return function


@each("sample", NESTED)
@each(("outer", "inner_level"), PAIRS)
def test_reverse_over_reverse(sample: Sample, outer: Level, inner_level: Level) -> None:
    gradient = da.grad(slope_at(sample, inner_level), level=outer)
    first = double(fresh(sample.args[0]))
    reason = REFUSED_INSIDE.get(inner_level.name, {}).get(sample.name)
    if reason is not None:
        with pytest.raises(CompileError, match=reason):
            gradient(first)
        return
    close(inner(gradient(first), double(direction(sample.name, 1))), curvature(sample.name), 2e-5)
