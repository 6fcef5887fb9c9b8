"""A comparison as one page that needs no other file and no network."""

from __future__ import annotations

import json
import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from dialectad.comparison import units
from dialectad.comparison.caches import CachedValue
from dialectad.comparison.chart import color_of
from dialectad.comparison.inspection import LAST
from dialectad.comparison.result import BAD, Comparison, LevelResult
from dialectad.comparison.stages import Line
from dialectad.comparison.svg import charts
from dialectad.comparison.table import COLUMNS, complaints, heading, primal_verb, rows
from dialectad.errors import Location
from dialectad.levels import STAGES

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def page(comparison: Comparison) -> str:
    """The text of the page."""
    parts = {
        "title": escape(heading(comparison)),
        "where": escape(_where(comparison.location)),
        "machine": escape(comparison.machine),
        "css": _asset("page.css"),
        "js": _asset("page.js"),
        "verdict": verdict(comparison),
        "table": table(comparison),
        "charts": charts(comparison),
        "caches": caches(comparison),
        "notes": "".join(f"<p>{escape(note)}</p>" for note in comparison.notes),
        # "<" could end the script element
        "data": json.dumps(data(comparison), separators=(",", ":")).replace("<", "\\u003c"),
    }
    return _PLACEHOLDER.sub(lambda match: parts[match[1]], _asset("page.html"))


def _where(location: Location | None) -> str:
    """The place of the function, from the current folder where it lies in it."""
    if location is None:
        return ""
    file = Path(location.file)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}:{location.line}"


def _asset(name: str) -> str:
    return (files("dialectad.comparison") / "page" / name).read_text(encoding="utf-8")


def verdict(comparison: Comparison) -> str:
    """One line that says how it went."""
    wrong = [r.name for r in comparison.results if r.status in BAD]
    wrong += ["the compiled loss"] if comparison.primal.wrong else []
    if wrong:
        names = ", ".join(wrong)
        return f'<p class="verdict bad">Wrong or broken: <b>{escape(names)}</b>.</p>'
    fastest, right = comparison.fastest, sum(r.status == "agrees" for r in comparison.results)
    if fastest is None:
        return '<p class="verdict none">No level gives a gradient of this program.</p>'
    said = f"{right} of {len(comparison)} levels give the right gradient" if len(comparison) > 1 else "Right"
    of_loss = f", {units.ratio(fastest.ratio)} the loss" if fastest.ratio is not None else ""
    time = units.seconds(fastest.timing.median if fastest.timing else None)
    return (
        f'<p class="verdict good">{said}; the fastest is <b>{escape(fastest.name)}</b>: {time}{of_loss}.</p>'
    )


def table(comparison: Comparison) -> str:
    """The table of figures; a level without a right gradient has a line that tells why."""
    heads = "".join(f'<th title="{escape(why)}">{escape(name)}</th>' for name, why in COLUMNS)
    reasons = {result.name: (verb, result) for result, verb, _ in complaints(comparison)}
    colors = {result.name: color_of(result) for result in comparison.results}
    body = []
    for row in rows(comparison):
        name = row.cells[0]
        dot = f'<i class="dot" style="background:{colors[name]}"></i>' if name in colors else ""
        cells = [f"<th>{dot}{escape(name)}</th>"]
        for i, cell in enumerate(row.cells[1:], 1):
            best = ' class="best" title="the best"' if i in row.best else ""
            cells.append(f"<td{best}>{escape(cell)}</td>")
        body.append(f'<tr class="{row.status}">{"".join(cells)}</tr>')
        if name in reasons:
            body.append(_reason(*reasons[name]))
    if comparison.primal.reason:
        body.append(
            f'<tr class="why refused"><td colspan="{len(COLUMNS)}">{primal_verb(comparison)}:'
            f"<pre>{escape(comparison.primal.reason)}</pre></td></tr>"
        )
    return (
        f'<div class="scroll"><table class="figures"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _reason(verb: str, result: LevelResult) -> str:
    trace = (
        f"<details><summary>traceback</summary><pre>{escape(result.traceback)}</pre></details>"
        if result.traceback
        else ""
    )
    return (
        f'<tr class="why {result.status}"><td colspan="{len(COLUMNS)}">'
        f"<b>{escape(result.name)} {verb}:</b><pre>{escape(result.reason)}</pre>{trace}</td></tr>"
    )


def caches(comparison: Comparison) -> str:
    """For each level the values that are kept for the reverse sweep."""
    made = []
    for result in comparison.results:
        if result.caches:
            lines = "".join(_cache(c) for c in result.caches)
            made.append(
                f'<section class="scroll"><h3><i class="dot" style="background:{color_of(result)}"></i>'
                f"{escape(result.name)}</h3>"
                "<table><thead><tr><th>computed by</th><th>line</th><th>type</th><th>times</th>"
                f"<th>memory</th><th>why</th></tr></thead><tbody>{lines}</tbody></table></section>"
            )
    return "".join(made) or "<p>No level keeps any value: all that the reverse sweep needs is there.</p>"


def _cache(value: CachedValue) -> str:
    line = f"{value.location.line}" if value.location is not None else units.NONE
    times = units.count(value.times) if value.times is not None else "grows"
    memory = units.size(value.bytes) if value.bytes is not None else "?"
    cells = "".join(f"<td>{escape(t)}</td>" for t in (line, value.type, times, memory, value.reason))
    return f"<tr><th><code>{escape(value.name)}</code></th>{cells}</tr>"


# The explorer


def data(comparison: Comparison) -> dict[str, Any]:
    """What the script of the page shows: the IR of all levels and the source that it comes from."""
    shown = [r for r in comparison.results if r.stages]
    numbers = {file: i for i, file in enumerate(_files(shown))}
    return {
        "stages": [*STAGES, LAST],
        "levels": [_level(result, numbers) for result in comparison.results],
        "files": [_source(file, shown) for file in numbers],
    }


def _lines(results: Sequence[LevelResult]) -> Iterator[Line]:
    for result in results:
        for lines in result.stages.values():
            yield from lines


def _files(results: Sequence[LevelResult]) -> list[str]:
    found = dict.fromkeys(line.location.file for line in _lines(results) if line.location is not None)
    return [file for file in found if linecache.getlines(file)]


def _source(file: str, results: Sequence[LevelResult]) -> dict[str, Any]:
    """The part of a file that the IR comes from."""
    used = [at.line for line in _lines(results) if (at := line.location) is not None and at.file == file]
    text = [line.rstrip("\n") for line in linecache.getlines(file)]
    first = max(1, min(used))
    return {"name": Path(file).name, "first": first, "lines": text[first - 1 : max(used)]}


def _level(result: LevelResult, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": result.name,
        "color": color_of(result),
        "status": result.status,
        "reason": result.reason or result.no_ir,
        "rung": result.rung,
        "stages": {
            stage: {
                "text": "\n".join(line.text for line in lines),
                "from": [_origin(line, numbers) for line in lines],
                "ops": result.ops.get(stage),
            }
            for stage, lines in result.stages.items()
        },
    }


def _origin(line: Line, numbers: Mapping[str, int]) -> Any:
    """`[file, line, role]`, or 0 where a line comes from nowhere."""
    at = line.location
    if at is None or at.file not in numbers:
        return 0
    return [numbers[at.file], at.line, line.role] if line.role else [numbers[at.file], at.line]
