"""Temporaries of which an iteration needs only its own part have room for one iteration.

    %t = memref.alloc() : memref<128x512xf64>
    scf.for %i { ... %t[%i, %j] ... }
    =>
    scf.for %i {
      %t = memref.alloc() : memref<512xf64>
      ... %t[%j] ...
    }

The memory is new each time that the loop begins, or else written before it is read (`filled.py`), so an
iteration finds nothing there but what it has written itself. What nobody reads isn't written.
"""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, NoneAttr
from xdsl.ir import Operation, SSAValue

from dialectad.ad.memory import VIEWS
from dialectad.lower.loops.filled import ancestor_in, fills
from dialectad.rewrite import structure
from dialectad.walk import walk


def shrink_temporaries(function: func.FuncOp) -> None:
    """Shrink what is allocated in a function, as far as that goes."""
    for op in list(walk(function.body)):
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
        found = None if not isinstance(_type(allocation).layout, NoneAttr) else _own(accesses, allocation)
        if found is None:
            return
        loop, axis = found
        for op in frees:
            structure.erase(op)
        allocation = _without(allocation, axis, accesses, loop)


def _is_stored(op: Operation, allocation: memref.AllocOp) -> bool:
    return isinstance(op, memref.StoreOp) and op.value is allocation.memref


def _own(
    accesses: list[memref.LoadOp | memref.StoreOp], allocation: memref.AllocOp
) -> tuple[scf.ForOp, int] | None:
    """A loop, and an axis along which each of its iterations has a place of its own in the memory."""
    block = allocation.parent
    assert block is not None
    axes = range(len(_type(allocation).get_shape()))
    while True:
        loop, *others = {ancestor_in(op, block) for op in accesses}
        if others or not isinstance(loop, scf.ForOp):
            return None
        block = loop.body.block
        index = block.args[0]
        for axis in axes:
            if all(op.indices[axis] is index for op in accesses):
                return loop, axis
        first = next(op for op in walk(block) if op in accesses)
        if not isinstance(first, memref.StoreOp) or not fills(first, accesses, block):
            return None


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
