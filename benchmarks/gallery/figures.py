"""The gallery's plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.gradients import OURS, family
from dialectad.comparison import units

LABELS = {"c": "C by hand", "jax": "JAX", "torch": "PyTorch"}
COLORS = {
    **{"tape": "#b07aa1", "graph": "#9c755f", "linalg": "#4e79a7", "loop": "#f28e2b", "llvm": "#e15759"},
    **{"mixed": "#76b7b2", "auto": "#59a14f", "c": "#222222", "jax": "#999999", "torch": "#bbbbbb"},
}
OTHER = "#edc948"


def label(contender: str) -> str:
    """What a contender of a race is called."""
    return contender.partition(":")[2] or LABELS.get(contender, contender)


def color(contender: str) -> str:
    return COLORS.get(label(contender).partition("(")[0], COLORS.get(contender, OTHER))


def _seconds(race: Mapping[str, Any]) -> dict[str, float]:
    return {name: timing["median"] for name, timing in race["seconds"].items()}


def bars(found: Mapping[str, Any], title: str, path: Path) -> None:
    """Time of the gradient by level, with C's and the peers', and who gives none."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    race = found["race"]
    seconds = _seconds(race)
    names = [f"{OURS}:{level}" for level in found["levels"]] + [n for n in LABELS if n in seconds]
    names += [n for n in LABELS if n in race["refusals"] or n in race["failures"]]
    figure, axes = plt.subplots(figsize=(7.5, 0.8 + 0.3 * len(names)))
    primal = race["primal_seconds"].get(OURS, {}).get("median")
    shortest = min([*seconds.values(), primal or math.inf])
    axes.set_xscale("log")
    axes.set_xlim(shortest / 2, max(seconds.values()) * 12)
    for place, name in enumerate(names):
        if (time := seconds.get(name)) is None:
            axes.text(shortest, place, _why_not(found, name), va="center", color="#888888", fontsize=8)
            continue
        axes.barh(place, time, color=color(name), alpha=0.45 if "(" in name else 1.0)
        over = "" if name == "c" or "c" not in seconds else f", {units.ratio(time / seconds['c'])} C's"
        axes.text(time * 1.06, place, units.seconds(time) + over, va="center", fontsize=8)
    if primal is not None:
        axes.axvline(primal, color="#59a14f", linestyle=":", linewidth=1.5)
        axes.text(primal, -0.75, "the loss alone", ha="center", va="bottom", fontsize=7)
    axes.set_yticks(range(len(names)), labels=[label(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.8)
    axes.set_xlabel("seconds per value and gradient")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _why_not(found: Mapping[str, Any], name: str) -> str:
    if family(name) == OURS and (level := found["levels"].get(label(name))) is not None:
        reason = {"refused": "refuses this program", "timeout": level["reason"]}.get(level["status"])
        return reason or level["status"]
    return "refuses this program" if name in found["race"]["failures"] else found["race"]["refusals"][name]


def growth(sizes: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Time against size, a line for each level."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.2))
    lines: dict[str, list[tuple[int, float]]] = {}
    for n, found in sizes.items():
        for name, time in _seconds(found["race"]).items():
            lines.setdefault(name, []).append((int(n), time))
    for name, points in lines.items():
        style = "--" if "(" in name else "-"
        axes.loglog(*zip(*points, strict=True), style, marker="o", color=color(name), label=label(name))
    ticks = [int(n) for n in sizes]
    axes.set_xticks(ticks, labels=[str(n) for n in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("elements")
    axes.set_ylabel("seconds per value and gradient")
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_title("a vector divided by its norm, which is computed in the loop", fontsize=10)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
