"""The runner: `python -m benchmarks`, or `python -m benchmarks mlp_gradient --contenders dialectad jax`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import first_call, memory, pages, report
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
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="renew docs/benchmarks.md and its figure (needs all problems)",
    )
    parser.add_argument(
        "--again", type=Path, metavar="JSON", help="measure nothing: plots and page from an earlier run"
    )
    options = parser.parse_args()
    if unknown := set(options.problems) - {*PROBLEMS, "first_call"}:
        parser.error(f"unknown problems: {', '.join(sorted(unknown))}")
    if options.write_docs and (options.problems or set(options.contenders) != set(CONTENDERS)):
        parser.error("--write-docs needs all problems and contenders")
    chosen = options.problems or [*PROBLEMS, "first_call"]
    if options.again is not None:
        run = json.loads(options.again.read_text(encoding="utf-8"))
        entries, machine = run["results"], run["machine"]
    else:
        entries, machine = [], report.machine()
        for problem in chosen:
            entries += _first_calls(options) if problem == "first_call" else _problem(problem, options)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        report.write(options.output / f"{stamp}.json", entries, machine)
        report.show(f"written: {options.output / stamp}.json")
    for problem in chosen:
        _plot(problem, entries, options.output)
    if options.write_docs:
        pages.write(entries, machine, options.output / "loop_access.png")
        report.show(f"written: {pages.PAGE}")
    return 1 if any("dialectad" in entry["failures"] for entry in entries) else 0


def _problem(problem: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    module = import_module(f"benchmarks.{problem}")
    entries: list[dict[str, Any]] = []
    for case in module.cases():
        timings, failures = _case(case, options)
        entries.append(report.entry(problem, case.name, timings, failures))
        report.show(report.table(f"{problem}: {case.name}", timings, failures))
    for case in module.memory_cases() if hasattr(module, "memory_cases") else ():
        bytes_, failures = memory.measure(case, options.contenders)
        entries.append(report.memory_entry(problem, case.name, bytes_, failures))
        report.show(report.memory_table(f"{problem}, memory: {case.name}", bytes_, failures))
    return entries


def _plot(problem: str, entries: list[dict[str, Any]], folder: Path) -> None:
    """The problem's plot of what a run gave, if it has one."""
    module = import_module(f"benchmarks.{problem}")
    found = {entry["case"]: entry for entry in entries if entry["problem"] == problem}
    if not found or not hasattr(module, "plot"):
        return
    times = [
        (case, {name: Timing(tuple(t["samples"])) for name, t in found[case.name]["seconds"].items()})
        for case in module.cases()
        if case.name in found
    ]
    peaks = [(case, found[case.name]["peak_bytes"]) for case in module.memory_cases() if case.name in found]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{problem}.png"
    module.plot(times, peaks, path)
    report.show(f"plot: {path}")


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
    measured, failures = first_call.measure(options.contenders, max(1, min(5, options.rounds)))
    entries: list[dict[str, Any]] = []
    for part, timings in measured.items():
        report.show(report.table(f"first_call, MLP gradient, {first_call.DTYPE}: {part}", timings, failures))
        entries.append(report.entry("first_call", part, timings, failures))
    return entries


if __name__ == "__main__":
    sys.exit(main())
