"""Loops that store at each place of a buffer before they load from there.

    scf.for %i = 0 to 3 {
      scf.for %j = 0 to 4 { memref.store %x, %t[%i, %j] }
      scf.for %j = 0 to 4 { ... memref.load %t[%i, %j] }
    }

What the buffer held before doesn't matter then: an iteration of a loop around finds nothing of the one
before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import memref, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, Operation

from dialectad.lower.counted import constant_of, constant_trips


def fills(first: memref.StoreOp, users: Sequence[Operation], block: Block) -> bool:
    """Whether the op of `block` that `first` is in, the first of these users, fills its memref."""
    t = first.memref.type
    assert isinstance(t, MemRefType)
    accesses: list[memref.LoadOp | memref.StoreOp] = []
    for user in users:
        if not isinstance(user, memref.LoadOp | memref.StoreOp) or user.memref is not first.memref:
            return False
        accesses.append(user)
    return _fills(first, accesses, block, dict(enumerate(t.get_shape())))


def _fills(
    first: memref.StoreOp,
    users: Sequence[memref.LoadOp | memref.StoreOp],
    block: Block,
    extents: dict[int, int],
) -> bool:
    """Whether that holds of the axes that are left, the indices of the others being those of loops around."""
    op = ancestor_in(first, block)
    if op is first:
        return all(size == 1 and constant_of(first.indices[axis]) == 0 for axis, size in extents.items())
    if not isinstance(op, scf.ForOp):
        return False
    index, trips = op.body.block.args[0], constant_trips(op)
    inside = [user for user in users if op.is_ancestor(user)]
    axis = next((axis for axis in extents if first.indices[axis] is index), None)
    if axis is None:
        return bool(trips) and _fills(first, inside, op.body.block, extents)
    whole = (constant_of(op.lb), constant_of(op.step), trips) == (0, 1, extents[axis])
    if not whole or any(user.indices[axis] is not index for user in inside):
        return False
    return _fills(first, inside, op.body.block, {a: size for a, size in extents.items() if a != axis})


def ancestor_in(op: Operation, block: Block) -> Operation:
    """The op of `block` that `op`, which is in it, is or is in."""
    while op.parent is not block:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op
