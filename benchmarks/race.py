"""One race: set every contender up, compare their results with one another, then time who agrees."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.case import Call, Case, distance, leaves
from benchmarks.gradients import OURS, family
from benchmarks.measure import Timing, interleaved

REFERENCES = ("numpy", "c", "jax", "torch")
"""Whose results are right, the first that is there: those written by hand first."""


class TimeLimitError(Exception):
    """A contender took too long."""


@dataclass(frozen=True)
class Options:
    """How long to measure."""

    rounds: int = 11
    """Samples per contender."""
    seconds: float = 0.1
    """Length of a sample."""
    limit: float = 60.0
    """Seconds that a contender may take until its first result."""
    longest: float = 10.0
    """About how many seconds the samples of a contender may take together: who is slow gets fewer."""


@dataclass
class Outcome:
    """What a race gave, by contender."""

    timings: dict[str, Timing] = field(default_factory=dict)
    primals: dict[str, Timing] = field(default_factory=dict)
    """Times of the functions without gradients, by family."""
    first: dict[str, float] = field(default_factory=dict)
    """Seconds to the first result: compiling included, importing the library included for who comes first."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Who can't run the program, or not within the limit, and says why."""
    failures: dict[str, str] = field(default_factory=dict)
    """Who is missing, crashed, or gave a wrong result."""

    def over_primal(self, contender: str) -> float | None:
        """The gradient's time over its primal's."""
        primal, timing = self.primals.get(family(contender)), self.timings.get(contender)
        return timing.median / primal.median if timing and primal else None


def race(case: Case, chosen: Callable[[str], bool], options: Options) -> Outcome:
    """Run a case with the contenders that `chosen` says yes to."""
    outcome = Outcome()
    calls: dict[str, Call] = {}
    results: dict[str, Any] = {}
    for name in filter(chosen, case.contenders):
        start = time.perf_counter()
        try:
            with time_limit(options.limit):
                calls[name] = case.contenders[name]()
                results[name] = calls[name]()
        except Exception as error:  # a contender that is missing or fails must not stop the others
            calls.pop(name, None)
            (outcome.refusals if _is_refusal(name, error) else outcome.failures)[name] = _reason(error)
        else:
            outcome.first[name] = time.perf_counter() - start
    _drop_wrong(calls, results, case.rtol, outcome)
    alone = {name for name in case.primals if name not in case.contenders and chosen(name)}
    primals = _primals(case, {family(name) for name in calls} | alone, results, outcome, options)
    prefixed = {(name, "gradient"): call for name, call in calls.items()}
    prefixed |= {(name, "primal"): call for name, call in primals.items()}
    timed = interleaved(prefixed, rounds=options.rounds, seconds=options.seconds, longest=options.longest)
    outcome.timings = {name: timed[name, "gradient"] for name in calls}
    outcome.primals = {name: timed[name, "primal"] for name in primals}
    return outcome


def _reference(results: Mapping[str, Any]) -> str | None:
    return next((name for name in REFERENCES if name in results), None)


def _drop_wrong(calls: dict[str, Call], results: dict[str, Any], rtol: float, outcome: Outcome) -> None:
    if (reference := _reference(results)) is None:
        return
    for name in [name for name in calls if name != reference]:
        if problem := _difference(results[name], results[reference], rtol):
            outcome.failures[name] = f"result differs from {reference}'s{problem}"
            del calls[name]


def _difference(result: Any, expected: Any, rtol: float) -> str | None:
    try:
        apart = distance(result, expected)
    except ValueError as error:
        return f": {error}"
    return None if apart <= rtol else f" by {apart:.1e}"


def _primals(
    case: Case, families: set[str], results: Mapping[str, Any], outcome: Outcome, options: Options
) -> dict[str, Call]:
    """Calls of the functions without gradients; their values are compared with the gradient's."""
    reference = _reference(results)
    calls: dict[str, Call] = {}
    for name in sorted(families & set(case.primals)):
        try:
            with time_limit(options.limit):
                call = case.primals[name]()
                value = leaves(call())
        except Exception as error:
            outcome.failures[f"{name}, primal"] = _reason(error)
            continue
        expected = leaves(results[reference])[:1] if reference is not None else value
        if problem := _difference(value, expected, case.rtol):
            outcome.failures[f"{name}, primal"] = f"value differs from {reference}'s{problem}"
        else:
            calls[name] = call
    return calls


def _is_refusal(contender: str, error: Exception) -> bool:
    if isinstance(error, TimeLimitError):
        return True
    if family(contender) != OURS:
        return False
    from dialectad import CompileError

    return isinstance(error, CompileError)


def _reason(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else ""
    return first if isinstance(error, TimeLimitError) else f"{type(error).__name__}: {first}"


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in the main thread after so many seconds, when Python code runs next."""

    def raised(*_: Any) -> None:
        raise TimeLimitError(f"no result within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, raised)
    # again and again: an exception inside of a destructor or a callback is lost
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def chooser(contenders: Sequence[str], levels: Sequence[str] | None) -> Callable[[str], bool]:
    """Which contenders run: those named, and with `levels`, those of our levels (all, if it is empty)."""

    def chosen(name: str) -> bool:
        whose, _, label = name.partition(":")
        if not label:
            return name in contenders
        return whose == OURS and levels is not None and (not levels or label.partition(",")[0] in levels)

    return chosen
