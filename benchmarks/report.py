"""Tables on the terminal, and the numbers as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.gradients import OURS, family
from benchmarks.measure import Timing
from benchmarks.memory import RESOLUTION
from benchmarks.problems import GRADIENTS
from benchmarks.race import Outcome


def seconds(value: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def table(title: str, timings: Mapping[str, Timing], failures: Mapping[str, str]) -> Table:
    """One line per contender; the ratio is its time over ours, so above 1 means that we are faster."""
    result = Table(title=title, title_justify="left")
    result.add_column("contender")
    for heading in ("median", "spread", f"time / {OURS}'s"):
        result.add_column(heading, justify="right")
    ours = timings.get(OURS)
    for name, timing in sorted(timings.items(), key=lambda item: item[1].median):
        ratio = f"{timing.median / ours.median:.2f}" if ours is not None else "-"
        result.add_row(name, seconds(timing.median), f"±{timing.spread:.0%}", ratio)
    for name, reason in failures.items():
        result.add_row(name, f"[red]{reason}[/red]", "", "")
    return result


def race_table(title: str, outcome: Outcome) -> Table:
    """One line per contender: its time, also over our default's, over C's, and over its own primal's; and the
    primal's time, and that over ours."""
    result = Table(title=title, title_justify="left", caption_justify="left")
    result.add_column("contender", no_wrap=True)
    for heading in ("median", "spread", f"/ {OURS}", "/ C", "/ primal", "primal", f"/ {OURS}"):
        result.add_column(heading, justify="right")
    for name in sorted(outcome.timings, key=lambda name: outcome.timings[name].median):
        timing = outcome.timings[name]
        over = [_over(timing, outcome.timings.get(other)) for other in (OURS, "c")]
        over_primal = outcome.over_primal(name)
        ratio = "-" if over_primal is None else f"{over_primal:.2f}"
        shown = _primal(outcome, name) if name == family(name) else ("", "")
        result.add_row(name, seconds(timing.median), f"±{timing.spread:.0%}", *over, ratio, *shown)
    for name in outcome.primals.keys() - outcome.timings.keys():
        result.add_row(name, *["-"] * 5, *_primal(outcome, name))
    refused = [f"[yellow]{name}: {escape(reason)}[/yellow]" for name, reason in outcome.refusals.items()]
    failed = [f"[red]{name}: {escape(reason)}[/red]" for name, reason in outcome.failures.items()]
    result.caption = "\n".join(refused + failed) or None
    return result


def _primal(outcome: Outcome, name: str) -> tuple[str, str]:
    timing = outcome.primals.get(name)
    return "-" if timing is None else seconds(timing.median), _over(timing, outcome.primals.get(OURS))


def _over(timing: Timing | None, other: Timing | None) -> str:
    return "-" if timing is None or other is None else f"{timing.median / other.median:.2f}"


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    versions: dict[str, str | None] = {}
    for package in ("dialectad", "numpy", "jax", "torch", "llvmlite", "xdsl", "scipy-openblas32"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "threads": 1,
        "load": round(os.getloadavg()[2], 1),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def entry(
    problem: str, name: str, timings: Mapping[str, Timing], failures: Mapping[str, str]
) -> dict[str, Any]:
    ours = timings.get(OURS)
    return {
        "problem": problem,
        "case": name,
        "seconds": {
            n: {"median": t.median, "spread": t.spread, "samples": t.samples} for n, t in timings.items()
        },
        "ratios": {n: t.median / ours.median for n, t in timings.items()} if ours is not None else {},
        "failures": dict(failures),
    }


def race_entry(problem: str, name: str, outcome: Outcome) -> dict[str, Any]:
    over_primal = {name: outcome.over_primal(name) for name in outcome.timings}
    return entry(problem, name, outcome.timings, outcome.failures) | {
        "primal_seconds": {n: {"median": t.median, "spread": t.spread} for n, t in outcome.primals.items()},
        "over_primal": {name: ratio for name, ratio in over_primal.items() if ratio is not None},
        "first_seconds": outcome.first,
        "refusals": outcome.refusals,
    }


@dataclass(frozen=True)
class Mean:
    """A contender over all problems that it can do. One with several cases counts once."""

    problems: int
    time: float | None
    """The geometric mean of its time over ours."""
    primal: float | None
    """The same of the functions alone."""
    over_primal: float | None
    """The geometric mean of the gradient's time over the function's."""
    first: float | None
    """That of the time to the first result over ours."""


def geometric_means(entries: Sequence[Mapping[str, Any]]) -> dict[str, Mean]:
    """Per contender, in order."""
    races = [e for e in entries if e["problem"] in GRADIENTS and OURS in e.get("seconds", {})]
    names = dict.fromkeys(name for race in races for name in (*race["seconds"], *race["primal_seconds"]))
    return {
        name: Mean(
            problems=len({r["problem"] for r in races if name in r["seconds"] | r["primal_seconds"]}),
            time=_mean((race["problem"], race["ratios"].get(name)) for race in races),
            primal=_mean((race["problem"], _primal_ratio(race, name)) for race in races),
            over_primal=_mean((race["problem"], race["over_primal"].get(name)) for race in races),
            first=_mean((race["problem"], _first_ratio(race, name)) for race in races),
        )
        for name in names
    }


def _primal_ratio(race: Mapping[str, Any], name: str) -> float | None:
    primals = race["primal_seconds"]
    both = name in primals and OURS in primals
    return primals[name]["median"] / primals[OURS]["median"] if both else None


def _first_ratio(race: Mapping[str, Any], name: str) -> float | None:
    first = race["first_seconds"]
    return first[name] / first[OURS] if name in first and OURS in first else None


def _mean(ratios: Iterable[tuple[str, float | None]]) -> float | None:
    """Over problems, of the mean over each problem's cases."""
    found: dict[str, list[float]] = {}
    for problem, ratio in ratios:
        if ratio is not None:
            found.setdefault(problem, []).append(ratio)
    of_problems = [statistics.geometric_mean(some) for some in found.values()]
    return statistics.geometric_mean(of_problems) if of_problems else None


def means_table(means: Mapping[str, Mean]) -> Table:
    """One line per contender."""
    result = Table(title="geometric means over the problems with gradients", title_justify="left")
    result.add_column("contender", no_wrap=True)
    for heading in ("problems", f"/ {OURS}", "/ primal", f"primal / {OURS}", f"first call / {OURS}"):
        result.add_column(heading, justify="right")
    for name, mean in means.items():
        numbers = (mean.time, mean.over_primal, mean.primal, mean.first)
        result.add_row(name, str(mean.problems), *("-" if n is None else f"{n:.2f}" for n in numbers))
    return result


def is_wrong(entry: Mapping[str, Any]) -> bool:
    """Whether one of our own contenders failed, or the one that users get by default was refused."""
    return OURS in entry.get("refusals", {}) or any(family(name) == OURS for name in entry["failures"])


def memory_table(title: str, peaks: Mapping[str, int], failures: Mapping[str, str]) -> Table:
    """One line per contender; the ratio is its memory over ours."""
    result = Table(title=title, title_justify="left")
    result.add_column("contender")
    result.add_column("peak", justify="right")
    result.add_column(f"memory / {OURS}'s", justify="right")
    ratios = memory_ratios(peaks)
    for name, peak in sorted(peaks.items(), key=lambda item: item[1]):
        result.add_row(name, megabytes(peak), f"{ratios[name]:.2f}" if name in ratios else "-")
    for name, reason in failures.items():
        result.add_row(name, f"[red]{reason}[/red]", "")
    return result


def megabytes(peak: int) -> str:
    if peak < RESOLUTION:
        return f"< {RESOLUTION / 2**20:.2g} MB"
    return f"{peak / 2**20:.3g} MB"


def memory_ratios(peaks: Mapping[str, int]) -> dict[str, float]:
    """Over ours, where both can be told from nothing."""
    ours = peaks.get(OURS, 0)
    return {name: p / ours for name, p in peaks.items() if p >= RESOLUTION} if ours >= RESOLUTION else {}


def memory_entry(
    problem: str, name: str, peaks: Mapping[str, int], failures: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "problem": problem,
        "case": name,
        "peak_bytes": dict(peaks),
        "ratios": memory_ratios(peaks),
        "failures": dict(failures),
    }


def write(path: Path, entries: list[dict[str, Any]], machine: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "results": entries}, indent=2) + "\n", encoding="utf-8")


def show(item: Table | str) -> None:
    Console().print(item)
