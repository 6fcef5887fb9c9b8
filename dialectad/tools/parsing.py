"""Reading `.mlir` text: every op gets the location of its first token, and every failure a place."""

from __future__ import annotations

import linecache
import re
from bisect import bisect_right
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError

from dialectad import locations
from dialectad.errors import CompileError, Location

_SPLIT = re.compile(r"^(?://|;) -----.*$", re.MULTILINE)


@dataclass(frozen=True)
class Chunk:
    """A piece of an input file, padded with empty lines so that its line numbers are the file's."""

    name: str
    text: str
    first_line: int = 1


def split(name: str, text: str) -> list[Chunk]:
    """The pieces of `text` between lines that start with `// -----`; in LLVM IR, with `; -----`."""
    chunks: list[Chunk] = []
    line = 1
    for piece in _SPLIT.split(text):
        chunks.append(Chunk(name, "\n" * (line - 1) + piece, line))
        line += piece.count("\n")
    return chunks


class LocatedParser(Parser):
    """xDSL's parser, which by itself gives an op a location only where the text has a `loc(...)`."""

    def __init__(self, ctx: Context, chunk: Chunk):
        self._name = chunk.name
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", chunk.text))]
        super().__init__(ctx, chunk.text, chunk.name)

    def location(self, position: int) -> Location:
        line = bisect_right(self._line_starts, position)
        return Location(self._name, line, position - self._line_starts[line - 1] + 1)

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        op = super().parse_operation()
        if op.location == locations.UNKNOWN:
            op.location = locations.to_attr(self.location(start))
        return op


def parse(ctx: Context, chunk: Chunk) -> ModuleOp:
    """The module that `chunk` holds; whatever is wrong with the text is a `CompileError` with its place."""
    if not chunk.name.endswith(".mlir"):  # standard input has no file to show lines of
        lines = chunk.text.splitlines(keepends=True)
        linecache.cache[chunk.name] = (len(chunk.text), None, lines, chunk.name)
    parser: LocatedParser | None = None
    try:
        parser = LocatedParser(ctx, chunk)
        return parser.parse_module()
    except ParseError as error:
        at = error.span.get_location()
        message = _first_line(error.msg)
        raise CompileError(message, Location(at.file, at.line, at.col), pass_name="parse") from error
    except Exception as error:
        # Constructors of ops and attributes check their arguments while the text is being read.
        start = 0 if parser is None else parser._current_token.span.start
        place = Location(chunk.name, 1) if parser is None else parser.location(start)
        message = _first_line(str(error)) or type(error).__name__
        raise CompileError(message, place, pass_name="parse") from error


def _first_line(message: str) -> str:
    return message.strip().split("\n", 1)[0]
