"""Which memory ops touch, and how.

A cache of `ad` counts as a buffer that is written by whoever pushes or pops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xdsl.dialects import arith, cf, func, llvm, memref, scf
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue

from dialectad.ad.memory import ALLOCATIONS, BULK, VIEWS, buffer_of, is_memory, is_origin, written_by
from dialectad.dialects import ad, blas, lapack, order
from dialectad.dialects.ad import is_tape
from dialectad.lift.purity import is_speculatable
from dialectad.lower.bufferization.functions import OUTS
from dialectad.rewrite.effects import SCALAR, TERMINATORS
from dialectad.walk import walk

_UNTOUCHING = frozenset(
    (
        *SCALAR,
        *VIEWS,
        *ALLOCATIONS,
        *TERMINATORS,
        *(scf.ForOp, scf.IfOp, scf.WhileOp, memref.DimOp, memref.GetGlobalOp, arith.ConstantOp),
        *(linalg.IndexOp, ad.CacheOp, cf.AssertOp, llvm.AddressOfOp, llvm.ZeroOp),
    )
)
"""Ops that touch no memory themselves. What an assertion prevents is that results are looked at."""

_TOUCHING = frozenset(
    (
        *(memref.LoadOp, memref.StoreOp, memref.CopyOp, memref.DeallocOp, linalg.GenericOp, linalg.FillOp),
        *(llvm.LoadOp, llvm.StoreOp, func.CallOp, *BULK),
        *(*blas.BLAS.operations, *lapack.LAPACK.operations, *order.ORDER.operations),
    )
)

_STACK_OPS = (ad.PushOp, ad.PopOp, ad.ReserveOp)


@dataclass(frozen=True)
class Touch:
    """An op reads or writes a part of a buffer."""

    op: Operation
    buffer: SSAValue
    writes: bool


def touches(ops: Iterable[Operation]) -> list[Touch] | None:
    """What these ops, with all in their regions, touch; None if that isn't known."""
    found: list[Touch] = []
    for op in ops:
        for inner in walk(op):
            its = _of(inner)
            if its is None:
                return None
            found += its
    return found


def touches_of(op: Operation) -> list[Touch] | None:
    """What one op, with all in its regions, touches."""
    return touches([op])


def _of(op: Operation) -> list[Touch] | None:
    kind = type(op)
    if isinstance(op, _STACK_OPS):
        return [Touch(op, op.cache, True)]
    if kind in _UNTOUCHING or is_speculatable(op):
        return []
    if kind not in _TOUCHING:
        return None
    if isinstance(op, func.CallOp) and (OUTS in op.attributes or any(map(is_tape, op.operands))):
        return None  # a function of ours may do more than write into memory
    found = list(_memory_of(op))
    return found if all(is_origin(touch.buffer) for touch in found) else None


def _memory_of(op: Operation) -> Iterator[Touch]:
    written = {op.memref} if isinstance(op, memref.DeallocOp) else set(written_by(op))
    for operand in dict.fromkeys(op.operands):
        if is_memory(operand):
            yield Touch(op, buffer_of(operand), operand in written)


def clash(some: Iterable[Touch], others: Iterable[Touch]) -> Iterator[tuple[Touch, Touch]]:
    """The pairs of which one writes what the other may touch."""
    by_buffer: dict[SSAValue, list[Touch]] = {}
    for touch in others:
        by_buffer.setdefault(touch.buffer, []).append(touch)
    for touch in some:
        for buffer, group in by_buffer.items():
            if not are_apart(buffer, touch.buffer):
                yield from ((touch, other) for other in group if touch.writes or other.writes)


def are_apart(a: SSAValue, b: SSAValue) -> bool:
    """Whether two names of buffers mean different ones. What a loop or a branch hands on may be any."""
    return a is not b and (_is_own(a) or _is_fresh(b, a)) and (_is_own(b) or _is_fresh(a, b))


def _is_own(buffer: SSAValue) -> bool:
    owner = buffer.owner
    if isinstance(owner, Block):
        return isinstance(owner.parent_op(), func.FuncOp)
    return type(owner) in ALLOCATIONS or isinstance(owner, memref.GetGlobalOp | llvm.AddressOfOp | ad.CacheOp)


def _is_fresh(buffer: SSAValue, name: SSAValue) -> bool:
    """Whether a buffer was allocated when `name` had its meaning."""
    owner, place = buffer.owner, name.owner
    if not isinstance(owner, Operation) or type(owner) not in ALLOCATIONS:
        return False
    block = place if isinstance(place, Block) else place.parent
    around = owner.parent
    while around is not None and around is not block:
        above = around.parent_op()
        around = None if above is None else above.parent
    if around is None:
        return False
    return isinstance(place, Block) or owner.parent is not block or place.is_before_in_block(owner)
