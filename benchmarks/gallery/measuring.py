"""What the gallery shows, as plain data.

`da.compare` says what each level made of a program, and a race with C and the peers says how fast that is.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import peers, report
from benchmarks.case import Call, Case, Setup
from benchmarks.gallery.stories import GROWTH_SIZES, Story, find, growth, stories
from benchmarks.gradients import OURS
from benchmarks.race import Options, race
from dialectad import Level, compare
from dialectad.comparison.result import BAD, LevelResult

ROOT = Path(__file__).parents[2]
PEERS = ("c", "jax", "torch")
UNROLLING = ("graph",)
"""Levels whose code can be so long that LLVM doesn't return in time: a process of their own, which can be
ended, tries them first."""


def measure(
    options: Options, tell: Callable[[str], None], only: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Every story, or those named, by name.

    All comparisons come before all races: whoever has imported JAX runs its code at each garbage collection.
    """
    chosen = [story for story in stories() if not only or story.name in only]
    grown = {n: growth(n) for n in GROWTH_SIZES if not only or "normalize" in only}
    levels = {}
    for story in (*chosen, *grown.values()):
        tell(f"{story.name}, {story.title}: the levels")
        levels[story.name] = of_levels(story, options)
    races = {}
    for story in (*chosen, *grown.values()):
        tell(f"{story.name}, {story.title}: the race")
        races[story.name] = of_race(story, levels[story.name], options)

    def made(story: Story) -> dict[str, Any]:
        return {"levels": levels[story.name], "race": races[story.name]}

    found = {story.name: {"title": story.title, **made(story)} for story in chosen}
    if grown:
        found["normalize"] = {"sizes": {str(n): made(story) for n, story in grown.items()}}
    return found


def of_levels(story: Story, options: Options) -> dict[str, Any]:
    """What each level made of the program."""
    late = [level for level in story.levels if level.name in UNROLLING and _is_late(story, level, options)]
    compared = compare(
        story.loss,
        *story.arguments(),
        levels=[level for level in story.levels if level not in late],
        argnums=story.argnums,
        seconds=options.seconds,
        timeout=options.limit,
    )
    made = {result.name: _facts(result) for result in compared}
    made |= {str(level): _given_up(options.limit) for level in late}
    return {str(level): made[str(level)] for level in story.levels}


def of_race(story: Story, levels: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The race of the levels that gave the right gradient with C and the peers."""
    ran = [level for level in story.levels if levels[str(level)]["status"] == "agrees"]
    entry = report.race_entry(story.name, story.title, race(_case(story, ran), lambda _: True, options))
    for timing in entry["seconds"].values():
        del timing["samples"]
    return entry


def is_wrong(found: Mapping[str, Any]) -> bool:
    """Whether a level gave a wrong gradient, or failed, in what `measure` gave for a program."""
    return any(
        report.is_wrong(at["race"]) or any(f["status"] in BAD for f in at["levels"].values())
        for at in found.get("sizes", {"": found}).values()
    )


def _facts(result: LevelResult) -> dict[str, Any]:
    """What the page shows of a level. No paths: they would be those of whoever measured."""
    return {
        "status": result.status,
        "reason": result.reason.splitlines()[0] if result.reason else "",
        "error": result.error,
        "compile_seconds": result.compile_seconds,
        "memory": result.memory,
        "ops": result.ops.get(result.rung),
        "instructions": result.ops.get("llvm-ir"),
        "blas_calls": sum(result.blas.calls.values()) if result.blas else None,
        "blas_flops": result.blas.flops if result.blas else None,
        "cached": [
            {"name": c.name, "type": c.type, "times": c.times, "bytes": c.bytes, "reason": c.reason}
            for c in result.caches
        ],
    }


def _given_up(limit: float) -> dict[str, Any]:
    return {"status": "timeout", "reason": f"not compiled within {limit:g} s"}


def _case(story: Story, levels: Sequence[Level]) -> Case:
    """The race of these levels with C and the peers."""

    def setup(level: Level) -> Call:
        gradient = peers.dialectad().value_and_grad(story.loss, story.argnums, level=level)
        args = story.arguments()
        return lambda: gradient(*args)

    def primal() -> Call:
        compiled = peers.dialectad().jit(story.loss)
        args = story.arguments()
        return lambda: compiled(*args)

    others = {name: story.case.contenders[name] for name in PEERS if name in story.case.contenders}
    ours: Mapping[str, Setup] = {f"{OURS}:{level}": partial(setup, level) for level in levels}
    primals = {OURS: primal, **{n: story.case.primals[n] for n in PEERS if n in story.case.primals}}
    return Case(story.name, story.title, {**others, **ours}, story.case.rtol, primals=primals)


def _is_late(story: Story, level: Level, options: Options) -> bool:
    """Whether a process of its own doesn't get to a gradient, or a refusal, within the limit."""
    command = [sys.executable, "-m", "benchmarks.gallery.measuring", story.name, level.name]
    try:
        subprocess.run(command, timeout=options.limit, check=False, capture_output=True, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return True
    return False


def _child(name: str, level: str) -> None:
    _case(find(name), [Level(level)]).contenders[f"{OURS}:{level}"]()()


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
