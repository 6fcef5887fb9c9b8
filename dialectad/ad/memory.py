"""What a program does to memory: which buffers there are, who writes them, and what survives.

A *buffer* is where a memref or pointer comes from: an argument, an allocation, a cache. Views of it
(`subview`, `getelementptr` and the like) are names for parts of it. Buffers don't overlap.

Note [What can be reloaded]
~~~~~~~~~~~~~~~~~~~~~~~~~~~
The reverse sweep begins when the forward sweep has ended. What an op read is then still there if no op that
writes the same buffer runs after it: none that comes later in the program, and none at all in a loop around
both, since it might run in a later iteration; unless it can be told from indices that it writes somewhere
else (`dependence.py`). Memory allocated in a loop is gone
by then, and so is what a cache held.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import func, llvm, memref, scf
from xdsl.dialects.builtin import AnyFloat, IntegerAttr, MemRefType, UnrealizedConversionCastOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad.ad.call_operands import operands_of
from dialectad.ad.dependence import may_overwrite
from dialectad.dialects import ad, host
from dialectad.dialects import llvm as more_llvm
from dialectad.dialects.call_rule import has_rule
from dialectad.dialects.destination import DestinationOp
from dialectad.lower import order_library
from dialectad.lower.bufferization.functions import OUTS
from dialectad.walk import walk

VIEWS: frozenset[type[Operation]] = frozenset(
    (
        *(memref.SubviewOp, memref.CastOp, memref.CollapseShapeOp, memref.ExpandShapeOp),
        *(memref.ReinterpretCastOp, memref.ViewOp, llvm.GEPOp, UnrealizedConversionCastOp),
    )
)
"""Ops that give a name to a part of their first operand."""

BY_ELEMENT: frozenset[type[Operation]] = frozenset(
    (memref.LoadOp, memref.StoreOp, llvm.LoadOp, llvm.StoreOp, memref.DimOp, *VIEWS)
)
"""Ops that touch single elements of memory, or none."""

SLOTS: frozenset[type[Operation]] = frozenset((ad.ReserveOp, ad.PopOp))
"""Ops that give a part of a cache, if that holds memory."""

ALLOCATIONS: frozenset[type[Operation]] = frozenset((memref.AllocOp, memref.AllocaOp))

LOOPS: frozenset[type[Operation]] = frozenset((scf.ForOp, scf.WhileOp))


def buffer_of(value: SSAValue) -> SSAValue:
    """The buffer (or cache) that a memref is a part of; any other value itself."""
    while isinstance(owner := value.owner, Operation) and owner.operands:
        if type(owner) not in VIEWS and not (type(owner) in SLOTS and is_memory(value)):
            break
        value = owner.operands[0]
    return value


def is_memory(value: SSAValue) -> bool:
    return isinstance(value.type, MemRefType | llvm.LLVMPointerType)


def is_origin(buffer: SSAValue) -> bool:
    """Whether a buffer is memory of its own; a pointer needn't be."""
    if not isinstance(buffer.type, llvm.LLVMPointerType):
        return True
    owner = buffer.owner
    if isinstance(owner, Block):
        return isinstance(owner.parent_op(), func.FuncOp)
    return isinstance(owner, llvm.AddressOfOp)


BULK: frozenset[type[Operation]] = frozenset((more_llvm.MemcpyOp, more_llvm.MemmoveOp, more_llvm.MemsetOp))
"""Ops that write many bytes to their first operand."""


def written_by(op: Operation) -> Iterator[SSAValue]:
    """The memrefs that `op` itself (its regions aside) writes."""
    match op:
        case memref.StoreOp():
            yield op.memref
        case memref.CopyOp():
            yield op.destination
        case DestinationOp():
            yield op.destination
        case linalg.GenericOp() | linalg.FillOp():
            yield from op.outputs
        case llvm.StoreOp():
            yield op.ptr
        case more_llvm.MemcpyOp() | more_llvm.MemmoveOp() | more_llvm.MemsetOp():
            yield op.operands[0]
        case llvm.CallOp():
            yield from written_by_call(op)
        case func.CallOp() | host.HostCallOp() if isinstance(count := op.attributes.get(OUTS), IntegerAttr):
            yield from op.operands[len(op.operands) - count.value.data :]
        case func.CallOp() | ad.VJPOp() | ad.JVPOp():
            yield from (operand for operand in op.operands if is_memory(operand))
        case _:
            return


_READS: dict[str, int] = {"gemm": 2, "gemv": 2, "ger": 2, "dot": 2}
"""BLAS routines -> how many arrays they read, before the one that they write."""


def blas_routine(op: llvm.CallOp) -> tuple[str, str] | None:
    """The routine of BLAS that is called, and the letter of its type."""
    name = op.callee.root_reference.data if op.callee is not None else ""
    if not name.startswith("cblas_") or name[7:] not in _READS:
        return None
    return name[7:], name[6]


def is_order_call(op: llvm.CallOp) -> bool:
    """Whether what is called only numbers the elements of its arguments."""
    return _order_routine(op) is not None


def _order_routine(op: llvm.CallOp) -> str | None:
    return None if op.callee is None else order_library.routine(op.callee.root_reference.data)


def written_by_call(op: llvm.CallOp) -> Iterator[SSAValue]:
    arrays = [operand for operand in op.operands if is_memory(operand)]
    if (blas := blas_routine(op)) is not None:
        yield from arrays[_READS[blas[0]] :]
    elif (numbering := _order_routine(op)) is not None:
        yield from arrays[order_library.READS[numbering] :]
    else:
        yield from arrays


class Memory:
    """The buffers of a function's body, before its reverse sweep is built."""

    def __init__(self, top: Block):
        self.top = top
        self.writers: dict[SSAValue, list[Operation]] = {}
        self.floats: dict[SSAValue, dict[Attribute, None]] = {}
        """The types of floats that are read from and written to what pointers point to."""
        for op in walk(top):
            for value in written_by(op):
                self.writers.setdefault(buffer_of(value), []).append(op)
            if isinstance(op, llvm.LoadOp):
                self._holds(op.ptr, op.dereferenced_value.type)
            elif isinstance(op, llvm.StoreOp):
                self._holds(op.ptr, op.value.type)
            elif isinstance(op, UnrealizedConversionCastOp):
                for memory in (r.type for r in op.results if isinstance(r.type, MemRefType)):
                    self._holds(op.inputs[0], memory.element_type)
            elif has_rule(op) or isinstance(op, host.HostCallOp):
                for operand in operands_of(op):
                    self._holds(operand.value, operand.memory_type.element_type)

    def _holds(self, pointer: SSAValue, type_: Attribute) -> None:
        if isinstance(type_, AnyFloat):
            self.floats.setdefault(buffer_of(pointer), {})[type_] = None

    def survives(self, memory: SSAValue, op: Operation) -> bool:
        """Whether what `op` reads from `memory` is there when the forward sweep has ended."""
        buffer = buffer_of(memory)
        owner = buffer.owner
        if isinstance(owner, ad.CacheOp) or (isinstance(owner, Operation) and owner.parent is not self.top):
            return False
        if not is_origin(buffer):  # it may point anywhere
            return False
        return not any(
            _may_follow(writer, op) and may_overwrite(writer, op) for writer in self.writers.get(buffer, ())
        )


def _path(op: Operation) -> list[Operation]:
    """`op` and the ops around it, the outermost first."""
    path = [op]
    while (parent := path[-1].parent_op()) is not None:
        path.append(parent)
    return path[::-1]


def _may_follow(later: Operation, op: Operation) -> bool:
    """Whether `later` may run after `op` has run."""
    for a, b in zip(_path(later), _path(op), strict=False):
        if a is b:
            if type(a) in LOOPS:
                return True
        elif a.parent is b.parent:
            return b.is_before_in_block(a)
        else:  # different branches
            return False
    return False
