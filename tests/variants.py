"""The levels to test: those that are registered, plain and with each option that one takes changed."""

from __future__ import annotations

from dataclasses import fields

import dialectad as da
from dialectad.errors import CompileError
from dialectad.levels import Level


def variants() -> list[Level]:
    """`da.levels()`, each followed by what its options make of it."""
    found = []
    for level in da.levels():
        found.append(level)
        for option in fields(Level):
            if not isinstance(option.default, bool):
                continue
            try:
                found.append(Level(level.name, **{option.name: not option.default}))
            except CompileError:  # the level hasn't this option
                continue
    return found


VARIANTS = variants()

NO_DYNAMIC_LOOP = "no loop whose count depends on data"
NO_DYNAMIC_SHAPE = "no array whose shape depends on data"
NO_WRITTEN_ARGUMENT = "writes into its argument"

REASONS: dict[str, tuple[str, ...]] = {
    "graph": (NO_DYNAMIC_LOOP, NO_DYNAMIC_SHAPE, NO_WRITTEN_ARGUMENT),
}
"""Level -> for what it may refuse a program that other levels take: parts of its messages."""


def is_refusal(problem: BaseException, level: Level) -> bool:
    """Whether an error says what the level is known not to do."""
    return (
        isinstance(problem, CompileError)
        and problem.level == level.name
        and any(reason in problem.message for reason in REASONS.get(level.name, ()))
    )
