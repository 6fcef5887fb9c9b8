"""A comparison as a table: its cells, which all forms share, and the form for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from dialectad.comparison import units
from dialectad.comparison.inspection import LAST
from dialectad.comparison.meter import Blas
from dialectad.comparison.result import BAD, Comparison, LevelResult

COLUMNS: tuple[tuple[str, str], ...] = (
    ("level", "where differentiation acts"),
    ("error", "largest relative error along random directions, by differences of the loss"),
    ("run", "median seconds per call, of value and gradient"),
    ("× loss", "run time over that of the compiled loss"),
    ("compile", "how much longer the first call takes, without the cache on disk"),
    ("memory", "peak beyond the arguments, results included"),
    ("ops", "ops at the end of the level's own rung → instructions in the end"),
    ("BLAS", "calls in one run, and floating-point operations in them"),
    ("cached", "values kept for the reverse sweep, and the memory for them"),
)
"""Heading and explanation of each column."""

_SPEEDS = 6
"""So many columns make the first table where one would be too wide."""

_WIDEST = 160
"""Columns of characters that the table may take as plain text."""

_VERB = {
    "disagrees": "is WRONG",
    "refused": "can't do this program",
    "failed": "FAILED, which is a bug",
    "timeout": "took too long",
}


@dataclass(frozen=True)
class Row:
    """The cells of one line."""

    cells: tuple[str, ...]
    status: str = ""
    best: frozenset[int] = frozenset()
    """The columns in which no other level is better."""


def rows(comparison: Comparison) -> list[Row]:
    """The loss itself, and a line for each level."""
    primal = comparison.primal
    empty = units.NONE
    made = [
        Row(("loss, NumPy", "", _median(primal.numpy), _over_loss(comparison), *[""] * 5), "primal"),
        Row(
            (
                "loss, compiled",
                "",
                _median(primal.compiled),
                "1×" if primal.compiled else empty,
                units.seconds(primal.compile_seconds),
                units.size(primal.memory),
                "",
                blas_text(primal.blas),
                "",
            ),
            "primal",
        ),
    ]
    made += [_row(result) for result in comparison.results]
    return _with_best(comparison, made)


def _row(result: LevelResult) -> Row:
    if not result.ran:
        return Row((result.name, result.status, *[""] * (len(COLUMNS) - 2)), result.status)
    error = units.error(result.error if result.error is not None else result.apart)
    cells = (
        result.name,
        f"{error} ✗" if result.status == "disagrees" else error,
        _median(result.timing),
        units.ratio(result.ratio),
        units.seconds(result.compile_seconds),
        units.size(result.memory),
        ops_text(result),
        blas_text(result.blas),
        cached_text(result),
    )
    return Row(cells, result.status)


def _with_best(comparison: Comparison, made: list[Row]) -> list[Row]:
    """Mark the best run time, compile time and memory among levels that are right."""
    figures = {
        2: [r.timing.median if r.timing else None for r in comparison.results],
        4: [r.compile_seconds for r in comparison.results],
        5: [float(r.memory) if r.memory is not None else None for r in comparison.results],
    }
    right = [r.status == "agrees" for r in comparison.results]
    if sum(right) < 2:
        return made
    best: list[set[int]] = [set() for _ in made]
    for column, values in figures.items():
        known = [v for v, good in zip(values, right, strict=True) if good and v is not None]
        for i, (value, good) in enumerate(zip(values, right, strict=True)):
            if good and value is not None and value <= min(known):
                best[i + 2].add(column)
    return [Row(row.cells, row.status, frozenset(b)) for row, b in zip(made, best, strict=True)]


def _median(timing: object) -> str:
    return units.seconds(getattr(timing, "median", None))


def _over_loss(comparison: Comparison) -> str:
    primal = comparison.primal
    if primal.numpy is None or primal.compiled is None:
        return units.NONE
    return units.ratio(primal.numpy.median / primal.compiled.median)


def ops_text(result: LevelResult) -> str:
    """Ops at the own rung → instructions in the end."""
    if not result.ops:
        return units.NONE
    return f"{units.count(result.ops.get(result.rung))} → {units.count(result.ops.get(LAST))}"


def blas_text(blas: Blas | None) -> str:
    """Calls and flops."""
    if blas is None:
        return "?"
    if blas.uncounted:
        return f"{units.count(blas.total)} + ?"
    return f"{units.count(blas.total)}, {units.flops(blas.flops)}" if blas.total else "none"


def cached_text(result: LevelResult) -> str:
    """How many values, and their memory as far as it is known."""
    if not result.ops:
        return units.NONE
    if not result.caches:
        return "none"
    known = sum(c.bytes for c in result.caches if c.bytes is not None)
    sizes = [units.size(known)] if known else []
    sizes += ["growing"] if any(c.bytes is None for c in result.caches) else []
    return ", ".join([str(len(result.caches)), " + ".join(sizes)])


def heading(comparison: Comparison) -> str:
    """What was compared."""
    return f"{comparison.name}({comparison.arguments})"


def primal_verb(comparison: Comparison) -> str:
    """What is the matter with the compiled loss."""
    return "the compiled loss is WRONG" if comparison.primal.wrong else "the loss can't be compiled"


def complaints(comparison: Comparison) -> list[tuple[LevelResult, str, str]]:
    """Levels without a right gradient: what happened, and why."""
    return [
        (result, _VERB[result.status], result.reason)
        for result in comparison.results
        if result.status != "agrees"
    ]


_STYLE = {
    "primal": "dim",
    "disagrees": "bold red",
    "failed": "bold red",
    "refused": "yellow",
    "timeout": "yellow",
}


@dataclass(frozen=True)
class ForTerminal:
    """What rich prints: one table where it is wide enough, otherwise two, one below the other."""

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        every = range(len(COLUMNS))
        whole = _table(self.comparison, every)
        yield Text(heading(self.comparison), style="bold")
        if Measurement.get(console, options.update(width=_WIDEST), whole).maximum <= options.max_width:
            yield whole
        else:
            yield _table(self.comparison, every[:_SPEEDS])
            yield _table(self.comparison, [0, *every[_SPEEDS:]])
        yield from _below(self.comparison)


def _table(comparison: Comparison, columns: Sequence[int]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(COLUMNS[column][0], justify="left" if column == 0 else "right", no_wrap=True)
    for row in rows(comparison):
        cells = [_cell(row, column) for column in columns]
        if any(cell.plain for cell in cells[1:]):
            made.add_row(*cells, style=_STYLE.get(row.status, ""))
    return made


def _cell(row: Row, column: int) -> Text:
    text = row.cells[column]
    return Text(text.replace("(", "\n(") if column == 0 else text, "bold green" if column in row.best else "")


def _below(comparison: Comparison) -> Sequence[RenderableType]:
    parts: list[RenderableType] = []
    for result, verb, reason in complaints(comparison):
        style = "bold red" if result.status in BAD else "yellow"
        parts.append(Text.assemble((f"{result.name} {verb}: ", style), reason))
    if comparison.primal.reason:
        parts.append(Text.assemble((f"{primal_verb(comparison)}: ", "yellow"), comparison.primal.reason))
    parts += [Text(note, style="italic") for note in comparison.notes]
    parts.append(Text(comparison.machine, style="dim"))
    return parts


def text(comparison: Comparison) -> str:
    """The same without colour, as wide as it needs."""
    stream = StringIO()
    console = Console(file=stream, width=_WIDEST, color_system=None, emoji=False, highlight=False)
    console.print(ForTerminal(comparison))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
