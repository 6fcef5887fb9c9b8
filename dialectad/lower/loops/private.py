"""Temporaries of which an iteration needs only its own part have room for one iteration.

    %t = memref.alloc() : memref<128x512xf64>
    scf.for %i { ... %t[%i, %j] ... }
    =>
    scf.for %i {
      %t = memref.alloc() : memref<512xf64>
      ... %t[%j] ...
    }

The memory is new each time that the loop begins, so an iteration finds nothing there but what it has written
itself. What nobody reads isn't written.
"""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, NoneAttr
from xdsl.ir import Block, Operation, SSAValue

from dialectad.ad.memory import VIEWS
from dialectad.rewrite import structure


def shrink_temporaries(function: func.FuncOp) -> None:
    """Shrink what is allocated in a function, as far as that goes."""
    for op in list(function.body.walk()):
        if isinstance(op, memref.AllocOp) and DYNAMIC_INDEX not in _type(op).get_shape():
            if (unread := _unread(op.memref)) is None:
                _shrink(op)
            else:
                for dead in (*unread, op):
                    structure.erase(dead)


def _type(op: memref.AllocOp) -> MemRefType[Any]:
    return cast(MemRefType[Any], op.memref.type)


def _unread(memory: SSAValue) -> list[Operation] | None:
    """The ops that name or write memory, the last first, if none reads it."""
    found: list[Operation] = []
    for op in dict.fromkeys(use.operation for use in memory.uses):
        if type(op) in VIEWS:
            inner = _unread(op.results[0])
            if inner is None:
                return None
            found += [*inner, op]
        elif isinstance(op, memref.DeallocOp) or (isinstance(op, memref.StoreOp) and op.value is not memory):
            found.append(op)
        else:
            return None
    return found


def _shrink(allocation: memref.AllocOp) -> None:
    while True:
        users = [use.operation for use in allocation.memref.uses]
        accesses = [op for op in users if isinstance(op, memref.LoadOp | memref.StoreOp)]
        frees = [op for op in users if isinstance(op, memref.DeallocOp)]
        if len(accesses) + len(frees) < len(users) or any(_is_stored(op, allocation) for op in accesses):
            return
        loop = _loop_around(accesses, allocation)
        if loop is None or not isinstance(_type(allocation).layout, NoneAttr):
            return
        index = loop.body.block.args[0]
        axes = range(len(_type(allocation).get_shape()))
        axis = next((a for a in axes if all(op.indices[a] is index for op in accesses)), None)
        if axis is None:
            return
        for op in frees:
            structure.erase(op)
        allocation = _without(allocation, axis, accesses, loop)


def _is_stored(op: Operation, allocation: memref.AllocOp) -> bool:
    return isinstance(op, memref.StoreOp) and op.value is allocation.memref


def _loop_around(
    accesses: list[memref.LoadOp | memref.StoreOp], allocation: memref.AllocOp
) -> scf.ForOp | None:
    """The loop beside the allocation that all accesses are in."""
    found = {_ancestor(op, allocation.parent) for op in accesses}
    loop = found.pop()
    return loop if not found and isinstance(loop, scf.ForOp) else None


def _ancestor(op: Operation, block: Block | None) -> Operation | None:
    above: Operation | None = op
    while above is not None and above.parent is not block:
        above = above.parent_op()
    return above


def _without(
    allocation: memref.AllocOp,
    axis: int,
    accesses: list[memref.LoadOp | memref.StoreOp],
    loop: scf.ForOp,
) -> memref.AllocOp:
    """The memory without an axis, at the beginning of the loop's body."""
    t = _type(allocation)
    shape = [size for a, size in enumerate(t.get_shape()) if a != axis]
    new = memref.AllocOp((), (), MemRefType(t.element_type, shape), allocation.alignment)
    first = loop.body.block.first_op
    assert first is not None
    structure.insert_before(first, new)
    new.location = allocation.location
    for op in accesses:
        skipped = (2 if isinstance(op, memref.StoreOp) else 1) + axis
        op.operands = [
            new.memref if o is allocation.memref else o for i, o in enumerate(op.operands) if i != skipped
        ]
    structure.erase(allocation)
    return new
