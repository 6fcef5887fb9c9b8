"""Whether a store overwrites what a load has read: a dependence test for loops with affine indices.

    for i { for j < i { for k < j { ... load a[i, k] ... }; store a[i, j] } }

What was read at (i, k) is written again by a later iteration (i', j') only if i' = i, j' = k and (i', j')
comes after (i, j, k): but j' >= j > k. Addresses and bounds are linear in the loops' indices, so the question
is whether a system of linear inequalities has a solution (`polyhedron.py`); if not, nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects import arith, llvm, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    StridedLayoutAttr,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad.ad.polyhedron import ONE, Linear, is_feasible, plus


class NotLinear(Exception):
    """An address that isn't linear in values, or the size of what it counts isn't known."""


@dataclass(frozen=True)
class Access:
    """Where an op reads or writes: so many units from the start of its buffer, for so many units."""

    op: Operation
    start: Linear
    """In bytes for pointers, in elements for memrefs; linear in the values that indices depend on."""
    width: int


def access(op: Operation) -> Access | None:
    """The access of a load or store, if its address is linear."""
    try:
        match op:
            case memref.LoadOp() | memref.StoreOp():
                return Access(op, _address(op.memref, list(op.indices)), 1)
            case llvm.LoadOp():
                return Access(op, _pointer(op.ptr), bytes_of(op.dereferenced_value.type))
            case llvm.StoreOp():
                return Access(op, _pointer(op.ptr), bytes_of(op.value.type))
            case _:
                return None
    except NotLinear:
        return None


def bytes_of(type_: Attribute) -> int:
    """The size of an element in memory, as LLVM counts it."""
    match type_:
        case IntegerType():
            return max(1, -(-type_.width.data // 8))
        case llvm.LLVMPointerType():
            return 8
        case _ if isinstance(type_, AnyFloat):
            return type_.bitwidth // 8
        case llvm.LLVMArrayType():
            return type_.size.data * bytes_of(type_.type)
        case _:
            raise NotLinear


# Linear expressions of values. A variable is a value: the index of a loop, or anything else.


def linear(value: SSAValue) -> Linear:
    """`value` as a linear expression of values that aren't."""
    op = value.owner
    match op:
        case arith.ConstantOp() if isinstance(op.value, IntegerAttr):
            number = op.value.value.data
            return {ONE: number} if number else {}
        case arith.AddiOp():
            return plus(linear(op.lhs), linear(op.rhs))
        case arith.SubiOp():
            return plus(linear(op.lhs), linear(op.rhs), -1)
        case arith.MuliOp():
            lhs, rhs = linear(op.lhs), linear(op.rhs)
            for a, b in ((lhs, rhs), (rhs, lhs)):
                if set(a) <= {ONE}:
                    return plus({}, b, a.get(ONE, 0))
            return {value: 1}
        case arith.IndexCastOp() | arith.ExtSIOp():
            return linear(op.operands[0])
        case _:
            return {value: 1}


def _strides(type_: MemRefType) -> list[int]:
    if isinstance(type_.layout, StridedLayoutAttr):
        strides = [s.data if isinstance(s.data, int) else None for s in type_.layout.strides.data]  # pyright: ignore
        if any(s is None for s in strides):
            raise NotLinear
        return strides  # pyright: ignore[reportReturnType]
    if not isinstance(type_.layout, NoneAttr):
        raise NotLinear
    strides, step = [], 1
    for extent in reversed(type_.get_shape()):
        strides.append(step)
        if extent == DYNAMIC_INDEX and len(strides) < len(type_.get_shape()):
            raise NotLinear
        step *= extent
    return strides[::-1]


def _memref_type(value: SSAValue) -> MemRefType:
    assert isinstance(value.type, MemRefType)
    return value.type


def _address(memory: SSAValue, indices: list[SSAValue]) -> Linear:
    total = _offset(memory)
    for index, stride in zip(indices, _strides(_memref_type(memory)), strict=True):
        total = plus(total, linear(index), stride)
    return total


def _offset(memory: SSAValue) -> Linear:
    """Where a view begins in its buffer, in elements."""
    op = memory.owner
    match op:
        case memref.SubviewOp():
            total = _offset(op.source)
            dynamic = iter(op.offsets)
            strides = _strides(_memref_type(op.source))
            for static, stride in zip(op.static_offsets.get_values(), strides, strict=True):
                offset: Linear = linear(next(dynamic)) if static == DYNAMIC_INDEX else {ONE: int(static)}
                total = plus(total, offset, stride)
            return total
        case memref.CastOp() | memref.CollapseShapeOp() | memref.ExpandShapeOp():
            return _offset(op.operands[0])
        case memref.ViewOp() | memref.ReinterpretCastOp():
            raise NotLinear
        case _:
            return {}


def _pointer(pointer: SSAValue) -> Linear:
    """How far a pointer is from where its buffer begins, in bytes."""
    op = pointer.owner
    if not isinstance(op, llvm.GEPOp):
        return {}
    total = dict(_pointer(op.ptr))
    dynamic = iter(op.ssa_indices)
    element = op.elem_type
    for position, raw in enumerate(op.rawConstantIndices.get_values()):
        if position:
            if not isinstance(element, llvm.LLVMArrayType):
                raise NotLinear
            element = element.type
        index: Linear = linear(next(dynamic)) if raw == llvm.GEP_USE_SSA_VAL else {ONE: int(raw)}
        total = plus(total, index, bytes_of(element))
    return total


# The test


def may_overwrite(store: Operation, load: Operation) -> bool:
    """Whether `store` may run after `load` and write where that has read."""
    written, read = access(store), access(load)
    if written is None or read is None:
        return True
    return any(is_feasible(system) for system in _systems(written, read))


def may_meet(later: Operation, earlier: Operation, loop: scf.ForOp) -> bool:
    """Whether `later`, in a later iteration of `loop`, may touch what `earlier` touches."""
    a, b = access(later), access(earlier)
    if a is None or b is None:
        return True
    shared = _shared(later, earlier)
    return is_feasible(_system(a, b, shared, shared.index(loop), loop))


def _around(op: Operation) -> list[Operation]:
    """The loops around `op`, the outermost first."""
    found: list[Operation] = []
    parent = op.parent_op()
    while parent is not None:
        if isinstance(parent, scf.ForOp | scf.WhileOp):
            found.append(parent)
        parent = parent.parent_op()
    return found[::-1]


def _shared(op: Operation, other: Operation) -> list[Operation]:
    """The loops around both."""
    return [a for a, b in zip(_around(op), _around(other), strict=False) if a is b]


def _systems(written: Access, read: Access) -> Iterator[list[Linear]]:
    """One system for each way in which the store can come after the load."""
    shared = _shared(written.op, read.op)
    for depth, loop in enumerate(shared):
        yield _system(written, read, shared, depth, loop)
    if _follows(written.op, read.op):
        yield _system(written, read, shared, len(shared), None)


def _follows(later: Operation, op: Operation) -> bool:
    """Whether `later` comes after `op` in one iteration of all loops around both."""
    a, b = _path(later), _path(op)
    for x, y in zip(a, b, strict=False):
        if x is not y:
            return x.parent is y.parent and y.is_before_in_block(x)
    return False


def _path(op: Operation) -> list[Operation]:
    path = [op]
    while (parent := path[-1].parent_op()) is not None:
        path.append(parent)
    return path[::-1]


def _system(
    written: Access, read: Access, shared: list[Operation], depth: int, loop: Operation | None
) -> list[Linear]:
    """Both in the same iteration of `shared[:depth]`, the store in a later one of `loop`.

    What is computed in the loops from `loop` on may be different when the store runs: it is renamed.
    """
    inner = shared[depth:]

    def rename(e: Linear) -> Linear:
        return {_Later(v) if isinstance(v, SSAValue) and _is_in(v, inner) else v: c for v, c in e.items()}

    system: list[Linear] = []
    for place, renamed in ((read, False), (written, True)):
        for outer in _around(place.op):
            for bound in _bounds(outer):
                system.append(rename(bound) if renamed else bound)
    if isinstance(loop, scf.ForOp):
        index = loop.body.block.args[0]
        step = linear(loop.step).get(ONE, 0) if set(linear(loop.step)) <= {ONE} else 1
        system.append({_Later(index): 1, index: -1, ONE: -max(step, 1)})
    distance = plus(rename(written.start), read.start, -1)
    # written.start + written.width > read.start, and the other way round
    system.append(plus(distance, {ONE: written.width - 1}))
    system.append(plus({ONE: read.width - 1}, distance, -1))
    return system


@dataclass(frozen=True)
class _Later:
    """A value as it is when the store runs."""

    value: SSAValue


def _is_in(value: SSAValue, loops: list[Operation]) -> bool:
    """Whether `value` is computed in one of these loops."""
    owner = value.owner
    place = owner.parent_op() if isinstance(owner, Block | Operation) else None
    while place is not None:
        if place in loops:
            return True
        place = place.parent_op()
    return False


def _bounds(loop: Operation) -> Iterator[Linear]:
    """What holds of the index of a loop."""
    if isinstance(loop, scf.ForOp):
        index = loop.body.block.args[0]
        yield plus({index: 1}, linear(loop.lb), -1)
        yield plus(plus(linear(loop.ub), {index: 1}, -1), {ONE: -1})
