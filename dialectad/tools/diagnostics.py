"""What `dialectad-opt` says about an error, and whether a file's `expected-error` lines foretold it.

    // expected-error {{text}}           on this line
    // expected-error@+2 {{text}}        two lines further down (`@-1`: one line up, `@12`: line 12)
    // expected-error@below {{text}}     the next line that holds no such comment (`@above`: the last one)
    // expected-error@unknown {{text}}   at no place in this file
    // expected-error-re {{a {{.*}} b}}  a pattern: what is in inner braces is a regular expression

The text must be part of the error's message or hint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dialectad.errors import CompileError

_EXPECTED = re.compile(
    r"//\s*expected-error(?P<re>-re)?\s*(?:@(?P<where>[+-]?\d+|above|below|unknown))?\s*\{\{(?P<text>.*)\}\}\s*$"
)
_MALFORMED = re.compile(r"//\s*expected-(error|warning|note|remark)")


@dataclass(frozen=True)
class Expected:
    """One `expected-error` comment."""

    comment_line: int
    line: int | None
    """The line at which the error has to be, None for an error with no place in the file."""
    text: str
    """As written."""
    pattern: re.Pattern[str]

    def matches(self, error: CompileError, file: str) -> bool:
        location = error.location
        line = location.line if location is not None and location.file == file else None
        return line == self.line and self.pattern.search(f"{error.message}\n{error.hint or ''}") is not None


def expectations(text: str, file: str) -> list[Expected]:
    """The `expected-error` comments of a piece of a file."""
    lines = text.split("\n")
    found: list[Expected] = []
    designators = {i for i, line in enumerate(lines, 1) if _EXPECTED.search(line)}
    for number, line in enumerate(lines, 1):
        if (match := _EXPECTED.search(line)) is None:
            if _MALFORMED.search(line):
                raise CompileError(f"{file}:{number}: can't read this expected-... comment: {line.strip()}")
            continue
        pattern = _regex(match["text"]) if match["re"] else re.escape(match["text"])
        at = _line(number, match["where"], designators)
        found.append(Expected(number, at, match["text"], re.compile(pattern)))
    return found


def _line(number: int, where: str | None, designators: set[int]) -> int | None:
    match where:
        case None:
            return number
        case "unknown":
            return None
        case "above" | "below":
            step = 1 if where == "below" else -1
            while number in designators:
                number += step
            return number
        case _ if where[0] in "+-":
            return number + int(where)
        case _:
            return int(where)


def _regex(text: str) -> str:
    pieces = re.split(r"\{\{(.*?)\}\}", text)
    return "".join(piece if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))


def mismatches(file: str, expected: Sequence[Expected], errors: Sequence[CompileError]) -> list[str]:
    """What is wrong: errors that nothing foretold, and foretold errors that didn't come."""
    missing = list(expected)
    wrong: list[str] = []
    for error in errors:
        match = next((e for e in missing if e.matches(error, file)), None)
        if match is None:
            wrong.append(render(error, "unexpected error"))
        else:
            missing.remove(match)
    for e in missing:
        where = "at no place" if e.line is None else f"at line {e.line}"
        wrong.append(f"{file}:{e.comment_line}: error: expected error {where} was not produced: {e.text}")
    return wrong


def render(error: CompileError, kind: str = "error") -> str:
    """`file:line:column: error: message`, the source line with a caret, the hint."""
    place = f"{error.location}: " if error.location is not None else ""
    suffix = f" ({error.pass_name})" if error.pass_name else ""
    lines = [f"{place}{kind}: {error.message}{suffix}"]
    if error.location is not None and (snippet := error.location.snippet()):
        lines.append(snippet)
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    return "\n".join(lines)
