"""`docs/benchmarks.md`: what is between its markers is written from one run of all problems."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.memory import RESOLUTION

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
BEGIN = "<!-- written by `python -m benchmarks --write-docs` -->\n"
END = "<!-- end of what is written -->\n"
PEERS = {"jax": "JAX", "torch": "PyTorch", "numpy": "NumPy"}
PLOTTED = ("growth",)
"""Problems whose times are in a figure only."""
COLUMNS = {**PEERS, "c": "C by hand"}


def write(entries: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], figures: Sequence[Path]) -> None:
    """Renew the page's tables and its figures."""
    text = PAGE.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has lost the markers between which results are written")
    PAGE.write_text(f"{head}{BEGIN}{results(entries, machine)}{END}{tail}", encoding="utf-8")
    (DOCS / "figures").mkdir(exist_ok=True)
    for figure in figures:
        shutil.copyfile(figure, DOCS / "figures" / figure.name)


def results(entries: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    """The part between the markers."""
    versions = machine["versions"]
    peers = ", ".join(f"{title} {versions[package]}" for package, title in PEERS.items())
    load = f" The machine's load was {machine['load']}." if "load" in machine else ""
    lines = [
        "",
        f"{machine['time'][:10]}, {machine['cpu']}, {machine['cores']} cores, one thread; "
        f"Python {machine['python']}, {peers}.{load}",
        "",
        "### Time",
        "",
        *_heading("time", COLUMNS | {"primal": "gradient / primal", "first": "first call (JAX's)"}),
    ]
    lines += [_time_row(e) for e in entries if "seconds" in e and e["problem"] not in PLOTTED]
    lines += ["", *_means(report.geometric_means(entries))]
    lines += ["", "### Memory", "", *_heading("peak", COLUMNS)]
    lines += [_memory_row(e) for e in entries if "peak_bytes" in e]
    lines += ["", f"`<`: under {RESOLUTION / 2**20:.2g} MB, which is how exactly the kernel counts."]
    return "\n".join(lines) + "\n\n"


def _means(means: Mapping[str, report.Mean]) -> list[str]:
    """The table of the geometric means: lines are what is compared."""
    rows = {
        "gradient": "time",
        "function alone": "primal",
        "gradient / function": "over_primal",
        "first call of the gradient": "first",
    }
    names = {
        name: title
        for name, title in ({report.OURS: "ours"} | COLUMNS | {"numba": "Numba"}).items()
        if name in means
    }
    lines = ["| geometric mean | " + " | ".join(names.values()) + " |", "|---|" + "--:|" * len(names)]
    for title, field in rows.items():
        numbers = [getattr(means[name], field) for name in names]
        lines.append(f"| {title} | " + " | ".join("" if n is None else _times(n) for n in numbers) + " |")
    counts = [str(means[name].problems) for name in names]
    return [*lines, "| problems | " + " | ".join(counts) + " |"]


def _heading(what: str, columns: Mapping[str, str]) -> list[str]:
    return [
        f"| problem | {what} | " + " | ".join(columns.values()) + " |",
        "|---|--:|" + "--:|" * len(columns),
    ]


def _time_row(entry: Mapping[str, Any]) -> str:
    seconds = entry["seconds"]
    ours = seconds[report.OURS]
    cached = f"{report.OURS} (disk cache)"
    cells = [
        f"{entry['problem']}: {entry['case']}",
        f"{report.seconds(ours['median'])} ±{ours['spread']:.0%}",
    ]
    if cached in seconds:
        cells[-1] += f" ({report.seconds(seconds[cached]['median'])} with disk cache)"
    cells += [_ratio(entry, peer) for peer in COLUMNS]
    over_primal = entry.get("over_primal", {}).get(report.OURS)
    cells.append("" if over_primal is None else f"{over_primal:.2f}")
    cells.append(_first(entry.get("first_seconds", {})))
    return "| " + " | ".join(cells) + " |"


def _first(seconds: Mapping[str, float]) -> str:
    if report.OURS not in seconds:
        return ""
    ours = seconds[report.OURS]
    return report.seconds(ours) + (f" ({_times(seconds['jax'] / ours)})" if "jax" in seconds else "")


def _memory_row(entry: Mapping[str, Any]) -> str:
    peaks = entry["peak_bytes"]
    cells = [f"{entry['problem']}: {entry['case']}", report.megabytes(peaks[report.OURS])]
    for peer in COLUMNS:
        cell = "" if peer not in peaks else report.megabytes(peaks[peer])
        cells.append(cell + (f" ({_ratio(entry, peer)})" if peer in entry["ratios"] else ""))
    return "| " + " | ".join(cells) + " |"


def _ratio(entry: Mapping[str, Any], peer: str) -> str:
    ratio = entry["ratios"].get(peer)
    return "" if ratio is None else _times(ratio)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}×" if ratio < 10 else f"{ratio:.0f}×"
