"""The one exception that the compiler raises for a program that it can't take."""

from __future__ import annotations

import linecache
from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """A place in the user's source: `line` counts from 1, `column` from 1 (0 when unknown)."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        column = f":{self.column}" if self.column else ""
        return f"{self.file}:{self.line}{column}"

    def snippet(self) -> str:
        """The source line with a caret below the column, or '' when the text is not to be had."""
        text = linecache.getline(self.file, self.line).rstrip("\n")
        if not text:
            return ""
        caret = f"\n    {' ' * (self.column - 1)}^" if self.column else ""
        return f"    {text}{caret}"


class CompileError(Exception):
    """A program that can't be compiled or differentiated, told before anything of it runs.

    Parameters
    ----------
    message : str
        What could not be done.
    location : Location, optional
        Where in the user's source.
    hint : str, optional
        What to do instead.
    level : str, optional
        The level of differentiation at which it happened.
    pass_name : str, optional
        The pass, or stage of the frontend, that gave up.
    """

    def __init__(
        self,
        message: str,
        location: Location | None = None,
        *,
        hint: str | None = None,
        level: str | None = None,
        pass_name: str | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint
        self.level = level
        self.pass_name = pass_name

    def __str__(self) -> str:
        where = [f"level {self.level}"] if self.level else []
        where += [f"pass {self.pass_name}"] if self.pass_name else []
        lines = [self.message + (f" ({', '.join(where)})" if where else "")]
        if self.location is not None:
            lines.append(f"  at {self.location}")
            lines += [snippet] if (snippet := self.location.snippet()) else []
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class ShapeError(CompileError, ValueError):
    """Shapes that don't fit, where NumPy would raise a ValueError."""


class IndexRangeError(CompileError, IndexError):
    """An index that is known to be out of range, where NumPy would raise an IndexError."""


class UnsupportedTypeError(CompileError, TypeError):
    """A dtype or a Python type that can't be compiled or differentiated."""


class MissingAttributeError(CompileError, AttributeError):
    """An attribute that a value known only at run time doesn't have.

    It is an AttributeError, too: that is the answer which `hasattr`, `getattr` with a default, and NumPy in
    search of protocols wait for.
    """
