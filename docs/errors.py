"""Makes `errors.md`: what the compiler can't take, why, and what to do. Each example is run."""

from __future__ import annotations

import warnings
from pathlib import Path

from error_lines import GROUPS, Line
from error_programs import MISTAKES, Mistake

from dialectad.errors import CompileError

PAGE = Path(__file__).with_suffix(".md")
FOLDER = f"{PAGE.parents[1]}/"
"""How the places in messages begin, which isn't the same on every machine."""

INTRODUCTION = """\
# What can't be compiled

Made by `docs/errors.py`, which raises each of these. An error is raised before anything runs; it says
where, and what to do instead. Wrong arguments of NumPy's functions raise what NumPy raises, and only a few
of these are listed. Nor is what a level can't differentiate: [the same code at every level](compare.md).

Source is needed: of a function typed into a plain prompt or made by `exec`, whose text is not to be had,
loops and branches can't be compiled, and the error says so.
"""

OF_ONE_LINE = """\
# In one line

`x` is a vector of floats, `z` one of complex numbers, `k` one of integers, `A` a matrix, `n` an integer, and
`rng` a random generator; all are arguments of what is compiled. `total` is `numpy.sum`, and
`with_vjp(f, fwd, bwd)` and `with_jvp(f, rule)` give `f` a derivative of its own.
"""


def remedy(mistake: Mistake | Line, hint: str | None) -> str:
    """What to do, which every mistake has to say."""
    if isinstance(mistake, Mistake) and mistake.remedy:
        return mistake.remedy
    if hint:
        return hint
    assert isinstance(mistake, Line), f"{mistake.function.__name__}: what to do instead?"
    assert mistake.is_refused_by_numpy(), f"{mistake.source}: what to do instead?"
    return "as in NumPy"


def message(error: CompileError) -> str:
    """What the error says, with places as seen from the repository's root."""
    return error.message.replace(FOLDER, "")


def section(mistake: Mistake) -> str:
    """A function, the error and what to do."""
    error = mistake.error
    told = [f"> {type(error).__name__}: {message(error)}"]
    told += [">", f"> hint: {error.hint}"] if error.hint else []
    told += ["", mistake.remedy] if mistake.remedy else []
    assert remedy(mistake, error.hint)
    title = mistake.cause.splitlines()[0].rstrip(".")
    return "\n".join([f"## {title}", "", "```python", mistake.source.rstrip(), "```", "", *told, ""])


def table(name: str, lines: tuple[Line, ...]) -> str:
    """A group of mistakes of one line."""
    rows = [f"## {name}", "", "| code | error | instead |", "|---|---|---|"]
    for line in lines:
        error = line.error
        cells = (f"`{line.source}`", message(error), remedy(line, error.hint))
        rows.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join([*rows, ""])


def page() -> str:
    """The text of `errors.md`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what NumPy says of some of them
        sections = [section(mistake) for mistake in MISTAKES]
        tables = [table(name, lines) for name, lines in GROUPS.items()]
    return "\n".join([INTRODUCTION, *sections, OF_ONE_LINE, *tables])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
