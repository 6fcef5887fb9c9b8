"""The runner: `python -m benchmarks`, or `python -m benchmarks mlp_gradient --contenders dialectad jax`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import first_call, report
from benchmarks.case import Call, Case, distance
from benchmarks.measure import Timing, interleaved

PROBLEMS = ("empty_call", "mlp_gradient", "ode_gradient", "loop_access")
CONTENDERS = ("dialectad", "jax", "torch", "numpy")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("problems", nargs="*", metavar="problem", help=", ".join([*PROBLEMS, "first_call"]))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=11, help="samples per contender")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a sample")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder for JSON and plots")
    options = parser.parse_args()
    if unknown := set(options.problems) - {*PROBLEMS, "first_call"}:
        parser.error(f"unknown problems: {', '.join(sorted(unknown))}")
    chosen = options.problems or [*PROBLEMS, "first_call"]
    entries: list[dict[str, Any]] = []
    for problem in chosen:
        entries += _first_calls(options) if problem == "first_call" else _problem(problem, options)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    report.write(options.output / f"{stamp}.json", entries)
    report.show(f"written: {options.output / stamp}.json")
    return 1 if any("dialectad" in entry["failures"] for entry in entries) else 0


def _problem(problem: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    module = import_module(f"benchmarks.{problem}")
    results: list[tuple[Case, dict[str, Timing]]] = []
    entries: list[dict[str, Any]] = []
    for case in module.cases():
        timings, failures = _case(case, options)
        results.append((case, timings))
        entries.append(report.entry(problem, case.name, timings, failures))
        report.show(report.table(f"{problem}: {case.name}", timings, failures))
    if hasattr(module, "plot"):
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / f"{problem}.png"
        module.plot(results, path)
        report.show(f"plot: {path}")
    return entries


def _case(case: Case, options: argparse.Namespace) -> tuple[dict[str, Timing], dict[str, str]]:
    """Set up, compare the results with one another, then time what agrees."""
    calls: dict[str, Call] = {}
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for name in options.contenders:
        if name not in case.contenders:
            continue
        try:
            calls[name] = case.contenders[name]()
            results[name] = calls[name]()
        except Exception as error:  # a peer that is missing or fails must not stop the others
            failures[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            calls.pop(name, None)
    reference = next((name for name in ("numpy", "jax", "torch") if name in results), None)
    for name in list(calls):
        if reference is None or name == reference:
            continue
        try:
            apart = distance(results[name], results[reference])
        except ValueError as error:
            failures[name] = f"result differs from {reference}'s: {error}"
            del calls[name]
            continue
        if not apart <= case.rtol:
            failures[name] = f"result differs from {reference}'s by {apart:.1e}"
            del calls[name]
    return interleaved(calls, rounds=options.rounds, seconds=options.seconds), failures


def _first_calls(options: argparse.Namespace) -> list[dict[str, Any]]:
    timings, failures = first_call.measure(options.contenders, max(1, min(5, options.rounds)))
    title = f"first_call: MLP gradient, {first_call.DTYPE}"
    report.show(report.table(title, timings, failures))
    return [report.entry("first_call", first_call.DTYPE, timings, failures)]


if __name__ == "__main__":
    sys.exit(main())
