"""Bringing two ops of a block together.

    %a = A;  %x = X %a;  %y = Y;  B %y      =>      %y = Y;  A and B %y, side by side;  %x = X %a

What stands between them and follows from the first goes behind the second, if that doesn't follow from it.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.ir import Operation, SSAValue

from dialectad.lower.sweeps.touches import Touch, clash, touches_of
from dialectad.walk import walk


def that_follow(
    first: Operation,
    second: Operation,
    touches: Callable[[Operation], list[Touch] | None] = touches_of,
) -> list[Operation] | None:
    """The ops between two of a block that have to come after the first, if they may come after the second."""
    moved: list[Operation] = []
    behind: list[Touch] = []
    made: set[SSAValue] = set(first.results)
    if (its := touches(first)) is None:
        return None
    touched = list(its)
    op = first.next_op
    while op is not None and op is not second:
        if (its := touches(op)) is None:
            return None
        if _uses(op, made) or any(clash(its, touched)):
            moved.append(op)
            made |= set(op.results)
            touched += its
            behind += its
        op = op.next_op
    its = touches(second)
    if its is None or _uses(second, made) or any(clash(its, behind)):
        return None
    return moved


def _uses(op: Operation, values: set[SSAValue]) -> bool:
    return any(operand in values for inner in walk(op) for operand in inner.operands)


def move_behind(ops: list[Operation], place: Operation) -> None:
    """Move ops behind `place`, in their order."""
    block = place.parent
    assert block is not None
    for op in reversed(ops):
        op.detach()
        block.insert_op_after(op, place)
