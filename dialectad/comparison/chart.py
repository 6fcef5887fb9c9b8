"""The bars of a comparison as data: matplotlib draws them for a file, the page and the notebook as SVG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

from dialectad.comparison import units
from dialectad.comparison.result import Comparison, LevelResult

_COLORS = {
    "tape": "#e0a030",
    "graph": "#b5697e",
    "linalg": "#4269d0",
    "loop": "#3ca951",
    "llvm": "#8b5fd6",
    "mixed": "#2aa5a0",
    "auto": "#7d8794",
}
"""The colour of a level, the same in every figure."""
_OTHER = "#9c6b4e"

_LOG_FROM = 20.0
"""A panel whose largest and smallest figure are further apart than this has a log axis."""


@dataclass(frozen=True)
class Bar:
    """A level in a panel."""

    level: str
    color: str
    value: float | None
    """None for a level without the figure; `label` tells why."""
    label: str
    wrong: bool = False
    """Whether the gradient is."""


@dataclass(frozen=True)
class Panel:
    """Bars of one figure."""

    title: str
    unit: Callable[[float | None], str]
    bars: tuple[Bar, ...]
    is_log: bool
    baseline: float | None = None
    """Where the loss itself lies."""
    baseline_label: str = ""
    base: int = 10
    """Of the marks of a log axis."""

    @property
    def values(self) -> list[float]:
        """The figures that there are."""
        return [bar.value for bar in self.bars if bar.value is not None]

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the axis begins and ends."""
        every = [*self.values, *([self.baseline] if self.baseline else [])]
        top = max(every, default=1.0) or 1.0
        if not self.is_log:
            return 0.0, top
        return min(v for v in every if v > 0) / 2, top

    def fraction(self, value: float) -> float:
        """How far along the axis a figure lies."""
        low, high = self.bounds
        if not self.is_log:
            return value / high
        return 0.0 if value <= low else log(value / low) / log(high / low)


def color_of(result: LevelResult) -> str:
    """The colour of a level; paler for one with options."""
    color = _COLORS.get(result.level.name, _OTHER)
    if result.name == result.level.name:
        return color
    return "#" + "".join(f"{(int(color[i : i + 2], 16) + 255) // 2:02x}" for i in (1, 3, 5))


def panels(comparison: Comparison) -> list[Panel]:
    """Run time, memory and compile time by level."""
    primal = comparison.primal
    base = primal.compiled or primal.numpy
    unit = base.median if base is not None else None
    of_loss = "over that of the compiled loss" if primal.compiled else "over that of the loss in NumPy"

    def run(result: LevelResult) -> float | None:
        return result.timing.median / unit if result.timing is not None and unit else None

    return [
        _panel(comparison, f"run time, {of_loss}", run, units.ratio, 1.0),
        _panel(comparison, "peak memory", lambda r: r.memory, units.size, primal.memory),
        _panel(
            comparison, "compile time", lambda r: r.compile_seconds, units.seconds, primal.compile_seconds
        ),
    ]


def _panel(
    comparison: Comparison,
    title: str,
    figure: Callable[[LevelResult], float | None],
    unit: Callable[[float | None], str],
    baseline: float | None,
) -> Panel:
    bars = []
    for result in comparison.results:
        value = figure(result) if result.ran else None
        label = unit(value) if result.ran else result.status
        bars.append(Bar(result.name, color_of(result), value, label, result.status == "disagrees"))
    known = [bar.value for bar in bars if bar.value]
    every = [*known, *([baseline] if baseline else [])]
    is_log = bool(every) and max(every) / min(every) > _LOG_FROM and all(bar.value != 0 for bar in bars)
    of_loss = f"loss {unit(baseline)}" if baseline else ""
    return Panel(title, unit, tuple(bars), is_log, baseline, of_loss, 2 if unit is units.size else 10)
