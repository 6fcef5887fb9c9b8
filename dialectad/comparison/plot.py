"""A comparison as a figure in a file, by matplotlib."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from dialectad.comparison.chart import Panel, panels
from dialectad.comparison.result import Comparison
from dialectad.comparison.table import heading
from dialectad.errors import CompileError

_ZEROS = re.compile(r"\.0+(?=\D|$)")

_INK, _PALE, _WRONG = "#222222", "#999999", "#c62828"

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "dialectad",
}


def write(comparison: Comparison, path: Path) -> Path:
    """Write the bars of a comparison."""
    drawn = panels(comparison)
    with matplotlib.rc_context(_STYLE):  # pyright: ignore[reportArgumentType]
        figure = Figure(figsize=(10.5, 1.3 + 0.36 * len(comparison)), layout="constrained")
        axes = figure.subplots(1, len(drawn), sharey=True)
        for axis, panel in zip(axes, drawn, strict=True):
            _draw(axis, panel)
        figure.suptitle(heading(comparison), x=0.01, ha="left", fontsize=11, fontweight="bold")
        path.parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
        try:
            figure.savefig(path, dpi=160, **options)
        except ValueError as error:  # the ending isn't one that matplotlib knows
            raise CompileError(f"can't plot to {path}: {error}", hint="use .png, .svg or .pdf") from error
    return path


def _short(figure: str) -> str:
    """A round figure without its zeros: 10.0 ms becomes 10 ms."""
    return _ZEROS.sub("", figure)


def _draw(axis: Any, panel: Panel) -> None:
    """Horizontal bars, the first level on top, each with its figure beside it."""
    low, high = panel.bounds
    for position, bar in enumerate(panel.bars):
        if bar.value is not None:
            hatch = "////" if bar.wrong else None
            axis.barh(
                position, max(0.0, bar.value - low), left=low, height=0.66,
                color=bar.color, edgecolor="white", lw=0, hatch=hatch, zorder=2,
            )  # fmt: skip
        axis.annotate(
            f"{bar.label} wrong" if bar.wrong else bar.label,
            (max(bar.value or low, low), position), (4, 0), textcoords="offset points", va="center",
            color=_WRONG if bar.wrong else _INK if bar.value is not None else _PALE,
            style="normal" if bar.value is not None else "italic",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8}, zorder=4,
        )  # fmt: skip
    if panel.is_log:
        axis.set_xscale("log")
        axis.set_xlim(low, high * (high / low) ** 0.38)
    else:
        axis.set_xlim(0, high * 1.38)
    if panel.baseline:
        axis.axvline(panel.baseline, color="#888", lw=0.9, ls=(0, (3, 2)), zorder=3)
    axis.set_yticks(range(len(panel.bars)), [bar.level.replace("(", "\n(") for bar in panel.bars])
    axis.set_ylim(len(panel.bars) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", which="both", length=0, labelsize=7, colors="#666")
    axis.grid(axis="x", color="#eee", zorder=0)
    axis.xaxis.set_major_locator(LogLocator(base=panel.base, numticks=5) if panel.is_log else MaxNLocator(4))
    axis.xaxis.set_major_formatter(lambda value, _: _short(panel.unit(value)))
    axis.xaxis.set_minor_formatter(lambda value, _: "")
    axis.set_title(panel.title + (" (log)" if panel.is_log else ""), loc="left", fontsize=9)
    if panel.baseline_label:
        axis.set_xlabel(f"dashed: {panel.baseline_label}", fontsize=7.5, color="#666", loc="left")
