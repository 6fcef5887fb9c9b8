"""The runner: `python -m benchmarks`, or a part of it: `python -m benchmarks lorenz --levels loop llvm`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import first_call, growth, memory, pages, report
from benchmarks.gradients import COMPILED_TORCH
from benchmarks.measure import Timing
from benchmarks.problems import GRADIENTS, PROBLEMS
from benchmarks.race import Options, chooser, race

CONTENDERS = ("dialectad", "jax", "torch", "numpy", "c", "numba")
SLOW_TO_START = (COMPILED_TORCH,)
"""Contenders that are there for who asks for them: their compilers take minutes where loops are unrolled."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("problems", nargs="*", metavar="problem", help=", ".join(PROBLEMS))
    parser.add_argument(
        "--contenders", nargs="+", choices=[*CONTENDERS, *SLOW_TO_START], default=list(CONTENDERS)
    )
    parser.add_argument(
        "--levels", nargs="*", metavar="level", help="gradients at these levels too; without names, at all"
    )
    parser.add_argument("--rounds", type=int, default=11, help="samples per contender")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a sample")
    parser.add_argument(
        "--limit", type=float, default=60.0, help="seconds that a contender may take to its first result"
    )
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
    if unknown := set(options.problems) - set(PROBLEMS):
        parser.error(f"unknown problems: {', '.join(sorted(unknown))}")
    if options.write_docs and (options.problems or set(options.contenders) != set(CONTENDERS)):
        parser.error("--write-docs needs all problems and contenders")
    chosen = options.problems or PROBLEMS
    if options.again is not None:
        run = json.loads(options.again.read_text(encoding="utf-8"))
        entries, machine = run["results"], run["machine"]
    else:
        entries, machine = [], report.machine()
        for problem in chosen:
            entries += _MEASURED.get(problem, partial(_problem, problem))(options)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        report.write(options.output / f"{stamp}.json", entries, machine)
        report.show(f"written: {options.output / stamp}.json")
    if means := report.geometric_means(entries):
        report.show(report.means_table(means))
    for problem in chosen:
        _plot(problem, entries, options.output)
    if options.write_docs:
        figures = [options.output / f"{name}.png" for name in ("loop_access", *pages.PLOTTED)]
        pages.write(entries, machine, figures)
        report.show(f"written: {pages.PAGE}")
    return 1 if any(report.is_wrong(entry) for entry in entries) else 0


def _problem(problem: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    os.environ["DIALECTAD_CACHE"] = "0"  # first results are those of a first compilation
    module = import_module(f"benchmarks.{problem}")
    entries: list[dict[str, Any]] = []
    chosen = chooser(options.contenders, options.levels)
    how = Options(options.rounds, options.seconds, options.limit)
    for case in module.cases():
        outcome = race(case, chosen, how)
        entries.append(report.race_entry(problem, case.name, outcome))
        report.show(report.race_table(f"{problem}: {case.name}", outcome))
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
    memory_cases = module.memory_cases() if hasattr(module, "memory_cases") else ()
    peaks = [(case, found[case.name]["peak_bytes"]) for case in memory_cases if case.name in found]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{problem}.png"
    module.plot(times, peaks, path)
    report.show(f"plot: {path}")


def _first_calls(options: argparse.Namespace) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    rounds = max(1, min(5, options.rounds))
    for problem, case in first_call.problems(GRADIENTS):
        with_import = problem == first_call.IMPORTED
        compared = first_call.CONTENDERS if with_import else first_call.COMPILERS
        contenders = [name for name in options.contenders if name in compared]
        measured, failures = first_call.measure(problem, contenders, rounds)
        for part, timings in measured.items():
            if part == "first call" or with_import:
                name = part if part == "import" else f"{part}, {problem} {case.name}"
                report.show(report.table(f"first_call: {name}", timings, failures))
                entries.append(report.entry("first_call", name, timings, failures))
    return entries


def _growth(options: argparse.Namespace) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    contenders = [name for name in options.contenders if name in first_call.COMPILERS]
    for index, case in enumerate(growth.cases()):
        measured, failures = first_call.measure(
            "growth", contenders, 1, index=index, limit=options.limit, warm_up=False
        )
        timings = measured["first call"]
        report.show(report.table(f"growth: {case.name}", timings, failures))
        refusals = {name: why for name, why in failures.items() if why.startswith("no result within")}
        failures = {name: why for name, why in failures.items() if name not in refusals}
        entries.append(report.entry("growth", case.name, timings, failures) | {"late": refusals})
    return entries


_MEASURED = {"first_call": _first_calls, "growth": _growth}


if __name__ == "__main__":
    sys.exit(main())
