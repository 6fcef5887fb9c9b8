"""The operands of a call that isn't inlined: on tensors, on memrefs, and by pointer.

By pointer an array is several operands, a pointer and its dynamic extents; the rule then says of what types
the operands are (`convert-to-llvm` has noted them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    UnrealizedConversionCastOp,
    i64,
)
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.algebra import Emitter
from dialectad.ad.extents import extents
from dialectad.dialects.call_rule import CallRule
from dialectad.dialects.host import HostCallOp
from dialectad.lower.bufferization.functions import OUTS


@dataclass(frozen=True)
class Operand:
    """A value that is passed to a function, or memory for one that it gives."""

    type: Attribute
    """A scalar's, a tensor's or a memref's."""
    values: Sequence[SSAValue]
    """How it is passed."""

    @property
    def value(self) -> SSAValue:
        return self.values[0]

    @property
    def extents(self) -> Sequence[SSAValue]:
        """Those that its type leaves open, as values of the primal program."""
        return self.values[1:] if isinstance(self.value.type, LLVMPointerType) else extents(self.value)

    @property
    def is_scalar(self) -> bool:
        return not isinstance(self.type, TensorType | MemRefType)

    @property
    def is_float(self) -> bool:
        return isinstance(_element(self.type), AnyFloat)

    @property
    def content(self) -> Operand:
        """What memory of a result holds: of rank 0, a scalar."""
        assert isinstance(self.type, MemRefType)
        return self if self.type.get_shape() else Operand(self.type.element_type, self.values)

    @property
    def memory_type(self) -> MemRefType[Any]:
        return memory_type(self.type)

    def bytes(self, emitter: Emitter, sizes: Sequence[SSAValue]) -> SSAValue:
        """The size of its memory, an `i64`; `sizes` are the extents that its type leaves open."""
        return size_in_bytes(emitter, self.memory_type, sizes)


def size_in_bytes(emitter: Emitter, type_: MemRefType[Any], extents: Sequence[SSAValue]) -> SSAValue:
    """The size of memory as an `i64`; `extents` are those that its type leaves open."""
    element = type_.element_type
    known = prod(n for n in type_.get_shape() if n != DYNAMIC_INDEX)
    size = emitter.integer(known * (8 if isinstance(element, IndexType) else width_of(element)), i64)
    for extent in extents:
        factor = extent if extent.type == i64 else emitter.emit(arith.IndexCastOp(extent, i64))
        size = emitter.emit(arith.MuliOp(size, factor))
    return size


def width_of(element: Attribute) -> int:
    """The bytes of an element."""
    assert isinstance(element, IntegerType | AnyFloat)
    return max(1, element.bitwidth // 8)


def _element(type_: Attribute) -> Attribute:
    return type_.element_type if isinstance(type_, TensorType | MemRefType) else type_


def memory_type(type_: Attribute) -> MemRefType[Any]:
    """The type of memory for a value of a type."""
    if isinstance(type_, TensorType | MemRefType):
        return MemRefType(type_.element_type, type_.get_shape())
    return MemRefType(type_, [])


def as_passed(memory: SSAValue, point: InsertPoint) -> list[SSAValue]:
    """What passes allocated memory by pointer."""
    ops: list[Operation] = [
        UnrealizedConversionCastOp.create(operands=[memory], result_types=[LLVMPointerType()]),
        *(arith.IndexCastOp(n, i64) for n in extents(memory)),
    ]
    Rewriter.insert_op(ops, point)
    return [op.results[0] for op in ops]


def operands_of(op: Operation) -> list[Operand]:
    """Those of a call, outs included."""
    rule = CallRule.of(op)
    types = op.types if isinstance(op, HostCallOp) else None if rule is None else rule.types
    if not types:
        assert not any(isinstance(value.type, LLVMPointerType) for value in op.operands)
        return [Operand(value.type, [value]) for value in op.operands]
    found: list[Operand] = []
    rest = list(op.operands)
    for type_ in types:
        count = 1 + (type_.get_shape().count(DYNAMIC_INDEX) if isinstance(type_, MemRefType) else 0)
        found.append(Operand(type_, rest[:count]))
        rest = rest[count:]
    return found


def split(op: Operation) -> tuple[list[Operand], list[Operand]]:
    """What a call reads, and what it gives or writes."""
    operands = operands_of(op)
    if not isinstance(count := op.attributes.get(OUTS), IntegerAttr):
        return operands, [Operand(result.type, [result]) for result in op.results]
    first = len(operands) - count.value.data
    return operands[:first], operands[first:]
