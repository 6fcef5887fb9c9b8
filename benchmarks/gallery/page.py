"""The parts of `docs/gallery.md` that are written from what was measured.

<!-- NAME: written by docs/gallery.py -->
...
<!-- end of NAME -->
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.gallery.figures import LABELS, label
from benchmarks.gallery.stories import BEFORE, Story, growth, stories
from benchmarks.gradients import OURS
from dialectad.comparison import units

CLOSE = 1.1
"""Times within this factor of one another count as the same."""

Found = Mapping[str, Mapping[str, Any]]


def renew(text: str, parts: Mapping[str, str]) -> str:
    """The page with its parts written anew."""
    for name, part in parts.items():
        begin, end = f"<!-- {name}: written by docs/gallery.py -->\n", f"<!-- end of {name} -->\n"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"the page has lost the markers of its part {name!r}")
        text = f"{head}{begin}{part.rstrip()}\n{end}{tail}"
    return text


def parts(found: Found, machine: Mapping[str, Any]) -> dict[str, str]:
    """All parts that there are figures for, by name."""
    made = {"machine": _machine(machine), "overview": _overview(found)}
    for story in stories():
        if story.name in found:
            made[story.name] = _part(story, found[story.name])
    if "normalize" in found:
        made["normalize"] = _growth(found["normalize"]["sizes"])
    return made


def _machine(machine: Mapping[str, Any]) -> str:
    versions = machine["versions"]
    others = ", ".join(
        f"{title} {versions[package]}"
        for package, title in (("numpy", "NumPy"), ("jax", "JAX"), ("torch", "PyTorch"))
        if versions.get(package)
    )
    return (
        f"{machine['time'][:10]}, {machine['cpu']}, one thread; Python {machine['python']}, {others}."
        f" The machine's load was {machine['load']}, which the spreads show."
    )


def _overview(found: Found) -> str:
    """A table of all programs: the time of each level over that of the fastest."""
    programs = {name: f for name, f in found.items() if "race" in f}
    names = list(dict.fromkeys(level for f in programs.values() for level in f["levels"] if "(" not in level))
    lines = _table(["", *names, "C by hand"])
    for name, f in programs.items():
        times = _times(f)
        ours = {level: times[f"{OURS}:{level}"] for level in names if f"{OURS}:{level}" in times}
        best = min(ours.values(), default=math.nan)
        cells = [f"[{name}](#{name})"]
        for level in names:
            mark = "**" if ours.get(level) == best else ""
            cells.append(
                f"{mark}{_factor(ours[level] / best)}{mark}" if level in ours else _short(f["levels"], level)
            )
        cells.append(_factor(times["c"] / best) if "c" in times else "")
        lines.append(_row(cells))
    return "\n".join(lines)


def _factor(value: float) -> str:
    """Three digits: 1.23, 12.3, 123."""
    return units.ratio(value).removesuffix("×")


def _short(levels: Mapping[str, Any], level: str) -> str:
    return {"refused": "refuses", "timeout": "too long"}.get(levels.get(level, {}).get("status", ""), "")


def _part(story: Story, found: Mapping[str, Any]) -> str:
    lines = [*source(story.shown), "", f"![time by level](gallery/{story.name}.png)", "", *_levels(found)]
    lines += ["", _fastest(found), *_refusals(found), *_kept(found)]
    return "\n".join(lines)


def source(functions: tuple[Callable[..., Any], ...]) -> list[str]:
    """The functions as code of the page."""
    return ["```python", "\n\n\n".join(inspect.getsource(f).rstrip() for f in functions), "```"]


def _levels(found: Mapping[str, Any]) -> list[str]:
    heading = ["", "time", "time / C", "time / loss", "compiled in", "memory", "ops", "instructions"]
    lines = _table([*heading, "BLAS calls", "kept values"])
    race = found["race"]
    for level, facts in found["levels"].items():
        name = f"{OURS}:{level}"
        if name in race["seconds"]:
            lines.append(_row([f"`{level}`", *_speed(race, name), *_cells(facts)]))
    for peer in LABELS:
        if peer in race["seconds"]:
            lines.append(_row([label(peer), *_speed(race, peer), *[""] * 6]))
    return lines


def _speed(race: Mapping[str, Any], name: str) -> list[str]:
    timing, c = race["seconds"][name], race["seconds"].get("c")
    over_c = units.ratio(timing["median"] / c["median"] if c else None)
    time = f"{units.seconds(timing['median'])} ±{timing['spread']:.0%}"
    return [time, over_c, units.ratio(race["over_primal"].get(name))]


def _cells(facts: Mapping[str, Any]) -> list[str]:
    if facts["ops"] is None:  # no IR: the level records what Python does
        return ["", units.size(facts["memory"]), *[""] * 4]
    kept = facts["cached"]
    sizes = [c["bytes"] for c in kept]
    total = f" ({units.size(sum(sizes))})" if kept and None not in sizes else ""
    return [
        units.seconds(facts["compile_seconds"]),
        units.size(facts["memory"]),
        units.count(facts["ops"]),
        units.count(facts["instructions"]),
        units.count(facts["blas_calls"]),
        f"{len(kept)}{total}",
    ]


def _fastest(found: Mapping[str, Any]) -> str:
    times = _times(found)
    ours = sorted((time, name) for name, time in times.items() if name not in LABELS)
    if not ours:
        return "No level gave a gradient."
    (best, name), (worst, last) = ours[0], ours[-1]
    near = [f"`{label(other)}`" for time, other in ours[1:] if time <= CLOSE * best]
    over = found["race"]["over_primal"].get(name)
    said = f"Fastest is `{label(name)}` with {units.seconds(best)}"
    said += f", {over:.1f} times the loss alone" if over else ""
    said += f" and {best / times['c']:.2f} times C's" if "c" in times else ""
    said += f". Within {CLOSE - 1:.0%} of it: {', '.join(near)}" if near else ""
    said += f". `{label(last)}` takes {_factor(worst / best)} times as long" if worst > CLOSE * best else ""
    return said + "."


def _kept(found: Mapping[str, Any]) -> list[str]:
    """What the fastest level keeps for its reverse sweep, by source line."""
    ours = {level: time for level in found["levels"] if (time := _times(found).get(f"{OURS}:{level}"))}
    level = min(ours, key=lambda level: ours[level], default=None)
    if level is None or not (kept := found["levels"][level]["cached"]):
        return []
    counted = Counter((c["name"], c["type"], c["times"], c["bytes"]) for c in kept)
    lines = ["", f"<details><summary>What <code>{level}</code> keeps for the reverse sweep</summary>", ""]
    for (name, type_, times, size), count in counted.items():
        often = "as often as the loop runs" if times is None else f"up to {units.count(times)} times"
        values = f"{count} values of `{type_}`" if count > 1 else f"`{type_}`"
        lines.append(
            f"- `{name}`: {values}, {often}{'' if size is None else f', {units.size(count * size)}'}"
        )
    return [*lines, "", "</details>"]


def _refusals(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- `{level}`: {facts['reason']}"
        for level, facts in found["levels"].items()
        if f"{OURS}:{level}" not in found["race"]["seconds"]
    ]
    race = found["race"]
    for peer, reason in {**race["refusals"], **race["failures"]}.items():
        if peer in LABELS:
            lines.append(f"- {label(peer)}: {reason.partition(': ')[2] or reason}")
    return ["", *lines] if lines else []


def _growth(sizes: Mapping[str, Mapping[str, Any]]) -> str:
    story = growth(int(next(iter(sizes))))
    lines = [*source(story.shown), "", "![time by size](gallery/normalize.png)", ""]
    lines += _table(["elements", *sizes, "grows as"])
    first = {name: True for f in sizes.values() for name in f["race"]["seconds"]}
    exponents = {}
    for name in first:
        times = [_times(found).get(name) for found in sizes.values()]
        exponents[name] = _exponent(list(sizes), times)
        cells = [units.seconds(t) for t in times]
        grows = "" if exponents[name] is None else f"n^{exponents[name]:.1f}"
        lines.append(_row([f"`{label(name)}`" if name not in LABELS else label(name), *cells, grows]))
    return "\n".join([*lines, "", _before_and_after(sizes, exponents)])


def _exponent(sizes: list[str], times: list[float | None]) -> float | None:
    """The slope between the two largest sizes."""
    if len(times) < 2 or times[-1] is None or times[-2] is None:
        return None
    return math.log(times[-1] / times[-2]) / math.log(int(sizes[-1]) / int(sizes[-2]))


def _before_and_after(sizes: Mapping[str, Mapping[str, Any]], exponents: Mapping[str, float | None]) -> str:
    n, found = list(sizes.items())[-1]
    times = _times(found)
    before, after = f"{OURS}:{BEFORE}", f"{OURS}:{BEFORE.name}"
    if before not in times or after not in times:
        return ""
    slow, fast = times[before], times[after]
    return (
        f"At {n} elements the gradient of the program as written takes {units.seconds(slow)}, and that of the"
        f" optimised program {units.seconds(fast)}: {slow / fast:.0f} times less."
    )


def _times(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: timing["median"] for name, timing in found["race"]["seconds"].items()}


def _table(heading: list[str]) -> list[str]:
    return [_row(heading), "|---|" + "--:|" * (len(heading) - 1)]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
