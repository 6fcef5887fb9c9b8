"""From MLIR locations to places in the user's source, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xdsl.builder import Builder
from xdsl.dialects.builtin import (
    CallSiteLoc,
    FileLineColLoc,
    FusedLoc,
    IntAttr,
    LocationAttr,
    NameLoc,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import Attribute, Operation

from dialectad.errors import Location

UNKNOWN = UnknownLoc()


def to_attr(location: Location) -> FileLineColLoc:
    """The `loc("file":line:column)` of a place in the user's source."""
    return FileLineColLoc(StringAttr(location.file), IntAttr(location.line), IntAttr(location.column))


def from_attr(attr: Attribute) -> Location | None:
    """The innermost place in the user's source that `attr` mentions."""
    match attr:
        case FileLineColLoc():
            return Location(attr.filename.data, attr.line.data, attr.column.data)
        case NameLoc():
            return from_attr(attr.location)
        case CallSiteLoc():
            return from_attr(attr.callee)
        case FusedLoc():
            found = (from_attr(a) for a in attr.locations)  # pyright: ignore[reportGeneralTypeIssues]
            return next((f for f in found if f is not None), None)
        case _:
            return None


def of(op: Operation) -> Location | None:
    """Where the user wrote what became `op`; looks at the enclosing ops where `op` can't tell."""
    at: Operation | None = op
    while at is not None:
        if (location := from_attr(at.location)) is not None:
            return location
        at = at.parent_op()
    return None


def derived(role: str, attr: LocationAttr) -> LocationAttr:
    """The location of an op that is the `role` (adjoint, tangent, ...) of one at `attr`."""
    return NameLoc(StringAttr(role), attr)


@contextmanager
def stamped(builder: Builder, attr: LocationAttr) -> Iterator[None]:
    """Give every op that `builder` inserts meanwhile, and that has no location yet, this one."""

    def stamp(op: Operation) -> None:
        if op.location == UNKNOWN:
            op.location = attr

    builder.operation_insertion_handler.append(stamp)
    try:
        yield
    finally:
        builder.operation_insertion_handler.remove(stamp)
