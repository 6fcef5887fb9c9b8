"""The programs of the gallery, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import kepler, lorenz, lstm, mlp_gradient, nbody, normalize, seidel, small_calls
from benchmarks.case import Case
from benchmarks.gradients import Problem
from dialectad import Level, levels


@dataclass(frozen=True)
class Story:
    """One program at one size."""

    name: str
    title: str
    shown: tuple[Callable[..., Any], ...]
    """The functions that the page shows; the last one is differentiated."""
    argnums: int | tuple[int, ...]
    arguments: Callable[[], Sequence[Any]]
    case: Case
    """How the peers and C do it."""
    extra: tuple[Level, ...] = ()
    """Levels with options, which only this program asks for."""

    @property
    def loss(self) -> Callable[..., Any]:
        return self.shown[-1]

    @property
    def levels(self) -> tuple[Level, ...]:
        """All registered ones, and `extra` behind those that they are variants of."""
        found: list[Level] = []
        for level in levels():
            found += [level, *(extra for extra in self.extra if extra.name == level.name)]
        return tuple(found)


def _of(
    problem: Problem,
    size: str,
    arguments: Callable[[], Sequence[Any]],
    *helpers: Callable[..., Any],
    name: str | None = None,
    extra: tuple[Level, ...] = (),
) -> Story:
    case = problem.case(size, arguments)
    shown = (*helpers, problem.loss)
    return Story(name or problem.name, size, shown, problem.argnums, arguments, case, extra)


def _mlp() -> Story:
    (case,) = (case for case in mlp_gradient.cases() if case.name == "float64")
    arguments = partial(mlp_gradient.arguments, "float64")
    title = f"{'-'.join(map(str, mlp_gradient.SIZES))}, batch {mlp_gradient.BATCH}"
    extra = (Level("loop", blas_rules=False),)
    return Story("mlp", title, (mlp_gradient.loss,), 0, arguments, case, extra)


LSTM_SIZE = (16, 16, 32, 64)
"""A short sequence, so that a static graph of it is compiled in seconds."""

GROWTH_SIZES = (64, 512, 4096)
BEFORE = Level("linalg", optimize_first=False)


def stories() -> list[Story]:
    """In the order of the page."""
    steps, batch, inputs, hidden = LSTM_SIZE
    size = f"{steps} steps, batch {batch}, {inputs} inputs, {hidden} units"
    return [
        _mlp(),
        _of(lstm.PROBLEM, size, partial(lstm.arguments, LSTM_SIZE), lstm.sigmoid),
        _of(seidel.PROBLEM, f"{seidel.SIZE} elements, {seidel.STEPS} sweeps", seidel.arguments),
        _of(nbody.PROBLEM, f"{nbody.SIZE} bodies, {nbody.STEPS} steps", nbody.arguments),
        _of(lorenz.PROBLEM, f"{lorenz.STEPS} steps", lorenz.arguments, lorenz.rhs),
        _of(kepler.PROBLEM, f"{kepler.SIZE} elements at once", kepler.arguments),
        _of(kepler.EACH, f"{kepler.SIZE} elements, one by one", kepler.arguments, name="kepler_each"),
        _of(small_calls.PROBLEM, f"{small_calls.SIZE:,} calls", small_calls.arguments, small_calls.bend),
    ]


def growth(n: int) -> Story:
    """The example of differentiating before and after optimisation, at one size."""
    arguments = partial(normalize.arguments, n)
    problem = normalize.problem()
    return _of(problem, f"{n} elements", arguments, normalize.norm, name=f"normalize-{n}", extra=(BEFORE,))


def find(name: str) -> Story:
    """The story of a name."""
    return next(story for story in (*stories(), *map(growth, GROWTH_SIZES)) if story.name == name)
