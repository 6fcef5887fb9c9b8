"""Who is wrong isn't timed, who refuses says why, and who takes too long is stopped."""

from __future__ import annotations

import time
from dataclasses import astuple
from importlib.util import find_spec
from typing import Any

import pytest

from benchmarks import pages, report
from benchmarks.case import Call, Case
from benchmarks.measure import Timing
from benchmarks.problems import PROBLEMS
from benchmarks.race import Options, Outcome, chooser, race
from dialectad import CompileError

QUICK = Options(rounds=2, seconds=1e-4, limit=0.2)


def _everyone(_: str) -> bool:
    return True


def _gives(result: Any) -> Any:
    return lambda: lambda: result


def _raises(error: Exception) -> Any:
    def setup() -> Call:
        raise error

    return setup


def _slow() -> Call:
    while True:
        time.sleep(0.01)


def test_outcomes():
    contenders = {
        "dialectad": _gives((1.0, [2.0])),
        "dialectad:graph": _raises(CompileError("no loops here", level="graph")),
        "dialectad:loop": _gives((1.0, [2.5])),
        "dialectad:tape": _slow,
        "torch": _raises(ImportError("no torch")),
        "c": _gives((1.0, [2.0])),
    }
    case = Case("test", "case", contenders, primals={"dialectad": _gives(1.0), "c": _gives(3.0)})
    outcome = race(case, _everyone, QUICK)
    assert set(outcome.timings) == {"dialectad", "c"}
    assert outcome.refusals == {
        "dialectad:graph": "CompileError: no loops here (level graph)",
        "dialectad:tape": "no result within 0.2 s",
    }
    assert set(outcome.failures) == {"dialectad:loop", "torch", "c, primal"}
    assert "differs from c's" in outcome.failures["dialectad:loop"]
    assert outcome.over_primal("dialectad") is not None
    assert outcome.over_primal("c") is None
    assert report.is_wrong(report.race_entry("test", "case", outcome)), "a level that is wrong is a failure"


def test_refusals_of_levels_and_failures_of_peers_are_no_failures_of_ours():
    contenders = {
        "dialectad": _gives(1.0),
        "dialectad:graph": _raises(CompileError("no")),
        "jax": _raises(ValueError("no")),
    }
    entry = report.race_entry("test", "case", race(Case("test", "case", contenders), _everyone, QUICK))
    assert not report.is_wrong(entry)
    refused = {"dialectad": _raises(CompileError("no"))}
    entry = report.race_entry("test", "case", race(Case("test", "case", refused), _everyone, QUICK))
    assert report.is_wrong(entry)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (None, {"dialectad"}),
        ([], {"dialectad", "dialectad:loop", "dialectad:linalg", "dialectad:linalg, before optimisation"}),
        (["linalg"], {"dialectad", "dialectad:linalg", "dialectad:linalg, before optimisation"}),
    ],
)
def test_chooser(levels: list[str] | None, expected: set[str]):
    names = {
        "dialectad",
        "dialectad:loop",
        "dialectad:linalg",
        "dialectad:linalg, before optimisation",
        "jax",
    }
    assert set(filter(chooser(["dialectad", "c"], levels), names)) == expected


def test_geometric_means():
    """A problem counts once, whatever number of cases it has; who can't do it doesn't count."""

    def entry(problem: str, jax: float | None, numba: float | None = None) -> dict[str, Any]:
        outcome = Outcome({"dialectad": Timing((2.0,))}, {"dialectad": Timing((1.0,))}, {"dialectad": 4.0})
        if jax is not None:
            outcome.timings["jax"], outcome.first["jax"] = Timing((jax,)), 1.0
        if numba is not None:
            outcome.primals["numba"] = Timing((numba,))
        return report.race_entry(problem, "case", outcome)

    entries = [entry("lstm", 1.0), entry("lstm", 4.0), entry("lorenz", 32.0, 8.0), entry("heat", None, 0.5)]
    means = report.geometric_means([*entries, entry("programs", 1e3)])
    assert means["dialectad"] == report.Mean(3, 1.0, 1.0, 2.0, 1.0)
    assert astuple(means["jax"]) == (2, pytest.approx(4.0), None, None, pytest.approx(0.25))
    assert astuple(means["numba"]) == (2, None, pytest.approx(2.0), None, None)
    page = pages.results(entries, report.machine())
    assert "| function alone | 1.00× |  | 2.00× |" in page
    assert "| problems | 3 | 2 | 2 |" in page


def test_problems_are_modules():
    for name in PROBLEMS:
        assert find_spec(f"benchmarks.{name}") is not None, name
