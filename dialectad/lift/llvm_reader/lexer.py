"""LLVM IR text as a list of tokens, and what a recursive-descent parser does with it.

Only the tokens' texts are kept: their first character tells what they are, and where one stands is found out
by going through the text again, once something is wrong with it (or when every op needs its place).
"""

from __future__ import annotations

import linecache
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NoReturn, TypeVar

from dialectad.errors import CompileError, Location

PASS_NAME = "read-llvm-ir"

T = TypeVar("T")

_NAME = r"[-a-zA-Z$._][-a-zA-Z$._0-9]*"
_TOKEN = re.compile(
    r"(?:\s+|;[^\n]*)*+"  # white space and comments, never given back
    r"("
    r"[-a-zA-Z$._0-9]+:(?!:)"  # a label, or the key of a specialised metadata node
    rf"|[%@$](?:{_NAME}|\d+|\"[^\"]*\")"
    r"|c?\"[^\"]*\":?"
    r"|[a-zA-Z_][-a-zA-Z$._0-9]*"
    r"|0x[KLMHR]?[0-9A-Fa-f]+"
    r"|[-+]?\d+\.\d*(?:[eE][-+]?\d+)?"
    r"|-?\d+"
    rf"|!(?:{_NAME}|\d+)?"
    r"|#(?:\w+)"
    r"|\.\.\."
    r"|\S"
    r")"
)

_END = 8
"""Nobody looks farther ahead than so many tokens."""


class Tokens:
    """A cursor on the tokens of a text, which end in some empty ones, which nothing accepts."""

    def __init__(self, text: str, name: str):
        self.text = text
        self.name = name
        self.list: list[str] = [*_TOKEN.findall(text), *[""] * _END]
        self.at = 0

    # Where

    @cached_property
    def _starts(self) -> Sequence[int]:
        return [*(match.start(1) for match in _TOKEN.finditer(self.text)), len(self.text)]

    @cached_property
    def _lines(self) -> Sequence[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def location(self, position: int | None = None) -> Location:
        """The place of a token, by default of the next one."""
        start = self._starts[min(self.at if position is None else position, len(self._starts) - 1)]
        line = bisect_right(self._lines, start)
        return Location(self.name, line, start - self._lines[line - 1] + 1)

    def fail(self, message: str, position: int | None = None, hint: str | None = None) -> NoReturn:
        """Raise an error at a token, by default the next one."""
        location = self.location(position)
        if self.name not in linecache.cache:  # so that the error can show the line of a text without a file
            lines = self.text.splitlines(keepends=True)
            linecache.cache[self.name] = (len(self.text), None, lines, self.name)
        raise CompileError(message, location, hint=hint, pass_name=PASS_NAME)

    def unexpected(self, wanted: str) -> NoReturn:
        """Raise an error about the next token."""
        found = self.list[self.at]
        self.fail(f"{wanted} expected, found {f'`{found}`' if found else 'the end of the text'}")

    # What

    @property
    def next(self) -> str:
        """The next token, without taking it."""
        return self.list[self.at]

    def take(self) -> str:
        """The next token, taken."""
        token = self.list[self.at]
        self.at += token != ""
        return token

    def accept(self, token: str) -> bool:
        """Take the next token if it is this one."""
        if self.list[self.at] == token:
            self.at += 1
            return True
        return False

    def expect(self, token: str) -> None:
        """Take this token."""
        if self.list[self.at] != token:
            self.unexpected(f"`{token}`")
        self.at += 1

    def integer(self) -> int:
        """Take a plain integer."""
        try:
            value = int(self.list[self.at])
        except ValueError:
            self.unexpected("an integer")
        self.at += 1
        return value

    def string(self) -> bytes:
        """Take a quoted string."""
        token = self.list[self.at]
        if not token.startswith('"'):
            self.unexpected("a string")
        self.at += 1
        return unescape(token)

    def listed(self, item: Callable[[], T], close: str) -> list[T]:
        """Items between commas up to the closing bracket, which is taken too."""
        items: list[T] = []
        if self.accept(close):
            return items
        while True:
            items.append(item())
            if self.accept(close):
                return items
            self.expect(",")

    def skip_past(self, token: str) -> None:
        """Take everything up to and including this token."""
        try:
            self.at = self.list.index(token, self.at) + 1
        except ValueError:
            self.at = len(self.list) - _END
            self.unexpected(f"`{token}`")

    def balanced(self) -> str:
        """The text in parentheses that starts here, without the outermost ones."""
        self.expect("(")
        parts: list[str] = []
        depth = 1
        while True:
            token = self.take()
            if token == "":
                self.unexpected("`)`")
            depth += {"(": 1, ")": -1}.get(token, 0)
            if not depth:
                return _joined(parts)
            parts.append(token)


def _joined(tokens: Sequence[str]) -> str:
    """Tokens as LLVM spaces them: `argmem: readwrite, inaccessiblemem: none`."""
    text = " ".join(tokens)
    return re.sub(r" (?=[,)])|(?<=\() ", "", text)


_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2}|\\)")


def unescape(token: str) -> bytes:
    """The content of a string token: what is between the quotes, with `\\xx` and `\\\\` resolved."""
    raw = token[token.index('"') + 1 : token.rindex('"')].encode()
    if b"\\" not in raw:
        return raw
    return _ESCAPE.sub(lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 16)]), raw)


def symbol_name(token: str) -> str:
    """The name in `@name`, `%name`, `@"a name"` or `%0`."""
    if token[1:2] == '"':
        return unescape(token).decode("utf-8", "surrogateescape")
    return token[1:]
