"""The program at the end of each rung, as text whose lines know where in the user's source they come from."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO

from xdsl.dialects.builtin import CallSiteLoc, FusedLoc, ModuleOp, NameLoc
from xdsl.ir import Attribute, Operation
from xdsl.printer import Printer

from dialectad import locations
from dialectad.errors import Location
from dialectad.walk import walk


@dataclass(frozen=True)
class Line:
    """A line of IR."""

    text: str
    location: Location | None = None
    """Where the user wrote what the op of this line comes from."""
    role: str | None = None
    """What the op is to that: "adjoint", "tangent", "cache", or None for what computes it."""


class _LocatedPrinter(Printer):
    """Notes which op each line belongs to: the one that starts there."""

    def __init__(self, stream: StringIO):
        super().__init__(stream)
        self.ops: dict[int, Operation] = {}

    def print_op(self, op: Operation) -> None:
        self.ops.setdefault(self._current_line, op)
        super().print_op(op)


def lines_of(module: ModuleOp) -> list[Line]:
    """The text of a module."""
    stream = StringIO()
    printer = _LocatedPrinter(stream)
    printer.print_op(module)
    lines = []
    for number, text in enumerate(stream.getvalue().split("\n")):
        op = printer.ops.get(number)
        if op is None or isinstance(op, ModuleOp):
            lines.append(Line(text))
        else:
            lines.append(Line(text, locations.of(op), role_of(op)))
    return lines


def plain_lines(text: str) -> list[Line]:
    """Text whose origins aren't known."""
    return [Line(line) for line in text.rstrip("\n").split("\n")]


def role_of(op: Operation) -> str | None:
    """What an op is to the source that its location names, as `locations.derived` put it down."""
    at: Operation | None = op
    while at is not None:
        if locations.from_attr(at.location) is not None:
            return _role(at.location)
        at = at.parent_op()
    return None


def _role(attr: Attribute) -> str | None:
    match attr:
        case NameLoc():
            return attr.desc.data
        case CallSiteLoc():
            return _role(attr.callee)
        case FusedLoc():
            return next((r for a in attr.locations if (r := _role(a))), None)  # pyright: ignore
        case _:
            return None


def count_ops(module: ModuleOp) -> int:
    """The ops of a module, those in regions too."""
    return sum(1 for _ in walk(module)) - 1
