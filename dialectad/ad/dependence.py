"""Whether a store overwrites what a load has read: a dependence test for loops with affine indices.

    for i { for j < i { for k < j { ... load a[i, k] ... }; store a[i, j] } }

What was read at (i, k) is written again by a later iteration (i', j') only if i' = i, j' = k and (i', j')
comes after (i, j, k): but j' >= j > k. Addresses and bounds are linear in the loops' indices, so the question
is whether a system of linear inequalities has a solution (`polyhedron.py`); if not, nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, llvm, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    IntAttr,
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


def access(op: Operation, *, parts: bool = False) -> Access | None:
    """The access of a load or store, if its address is linear.

    With `parts` a `memref.view` is a buffer of its own.
    """
    try:
        match op:
            case memref.LoadOp() | memref.StoreOp():
                return Access(op, _address(op.memref, list(op.indices), parts), 1)
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
        case _ if isinstance(value.type, IntegerType) and value.type.width.data < 32:
            return {value: 1}  # it may wrap around
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
        case arith.ShLIOp() if set(by := linear(op.rhs)) <= {ONE}:
            return plus({}, linear(op.lhs), 1 << by.get(ONE, 0))
        case arith.IndexCastOp() | arith.ExtSIOp():
            return linear(op.operands[0])
        case _:
            return {value: 1}


def _strides(type_: MemRefType) -> list[int]:
    if isinstance(type_.layout, StridedLayoutAttr):
        strides = [s.data if isinstance(s, IntAttr) else None for s in type_.layout.strides.data]
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


def _address(memory: SSAValue, indices: list[SSAValue], parts: bool) -> Linear:
    total = _offset(memory, parts)
    for index, stride in zip(indices, _strides(_memref_type(memory)), strict=True):
        total = plus(total, linear(index), stride)
    return total


def _offset(memory: SSAValue, parts: bool) -> Linear:
    """Where a view begins in its buffer, in elements."""
    op = memory.owner
    match op:
        case memref.SubviewOp():
            total = _offset(op.source, parts)
            dynamic = iter(op.offsets)
            strides = _strides(_memref_type(op.source))
            for static, stride in zip(op.static_offsets.get_values(), strides, strict=True):
                offset: Linear = linear(next(dynamic)) if static == DYNAMIC_INDEX else {ONE: int(static)}
                total = plus(total, offset, stride)
            return total
        case memref.CastOp() | memref.CollapseShapeOp() | memref.ExpandShapeOp():
            return _offset(op.operands[0], parts)
        case memref.ReinterpretCastOp():
            raise NotLinear
        case memref.ViewOp() if not parts:
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


def may_meet(
    first: Access, later: Access, loop: scf.ForOp, *, same: bool = False, where: Iterable[Linear] = ()
) -> bool:
    """Whether `later` touches what `first` has touched in an earlier iteration of `loop`.

    With `same` both are in one iteration. The loops around `loop` are in one iteration each; `where` has
    what else holds (>= 0) of the values in both iterations.
    """
    loops = _around(loop)
    system = _system(later, first, [*loops, loop], len(loops) + same, None if same else loop)
    inner = [] if same else [loop]
    return is_feasible([*system, *where, *(_renamed(e, inner) for e in where)])


def may_cross(first: Access, second: Access, loops: tuple[scf.ForOp, scf.ForOp]) -> bool:
    """Whether `second`, in the one loop, touches what `first`, in the other, touches in a later iteration.

    `first` is in `loops[0]`, `second` in `loops[1]`. The loops count the same, and are in the same iterations
    of the loops around them.
    """
    if (known := _cross_by_distance(first, second, loops)) is not None:
        return known
    around = _around(loops[0])
    a, b = (loop.body.block.args[0] for loop in loops)
    later: Linear = {a: 1, b: -1, ONE: -max(linear(loops[0].step).get(ONE, 1), 1)}
    return is_feasible([*_system(first, second, around, len(around), None), later])


def _cross_by_distance(first: Access, second: Access, loops: tuple[scf.ForOp, scf.ForOp]) -> bool | None:
    """The answer where both advance equally and what else they depend on is bounded: rows, as a rule."""
    a, b = (loop.body.block.args[0] for loop in loops)
    advance = first.start.get(a, 0)
    if second.start.get(b, 0) != advance:
        return None
    rest = plus({v: c for v, c in second.start.items() if v is not b}, first.start, -1)
    low = high = rest.get(ONE, 0)
    for variable, coefficient in rest.items():
        if variable is ONE or variable is a:
            continue
        if (ends := _ends(variable)) is None:
            return None
        low += min(coefficient * end for end in ends)
        high += max(coefficient * end for end in ends)
    low, high = low - (first.width - 1), high + (second.width - 1)
    if not advance:
        return low <= 0 <= high
    nearest = advance * max(linear(loops[0].step).get(ONE, 1), 1)
    if (high < nearest) if advance > 0 else (low > nearest):
        return False
    return None


def _ends(variable: object) -> tuple[int, int] | None:
    """The first and the last number of a loop's index, if they are constants."""
    if not isinstance(variable, SSAValue) or not isinstance(body := variable.owner, Block):
        return None
    loop = body.parent_op()
    if not isinstance(loop, scf.ForOp) or variable is not body.args[0]:
        return None
    bounds = [linear(bound) for bound in (loop.lb, loop.ub)]
    if any(not set(bound) <= {ONE} for bound in bounds):
        return None
    first, last = (bound.get(ONE, 0) for bound in bounds)
    return first, max(first, last - 1)


def bounds_around(op: Operation) -> list[Linear]:
    """What holds (>= 0) of the indices of the loops around `op`."""
    return [bound for loop in _around(op) for bound in _bounds(loop)]


def _around(op: Operation) -> list[Operation]:
    """The loops around `op`, the outermost first."""
    found: list[Operation] = []
    parent = op.parent_op()
    while parent is not None:
        if isinstance(parent, scf.ForOp | scf.WhileOp):
            found.append(parent)
        parent = parent.parent_op()
    return found[::-1]


def _systems(written: Access, read: Access) -> Iterator[list[Linear]]:
    """One system for each way in which the store can come after the load."""
    shared = [a for a, b in zip(_around(written.op), _around(read.op), strict=False) if a is b]
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
    system: list[Linear] = []
    for place, renamed in ((read, False), (written, True)):
        for outer in _around(place.op):
            for bound in _bounds(outer):
                system.append(_renamed(bound, inner) if renamed else bound)
    if isinstance(loop, scf.ForOp):
        index = loop.body.block.args[0]
        step = linear(loop.step).get(ONE, 0) if set(linear(loop.step)) <= {ONE} else 1
        system.append({_Later(index): 1, index: -1, ONE: -max(step, 1)})
    distance = plus(_renamed(written.start, inner), read.start, -1)
    # written.start + written.width > read.start, and the other way round
    system.append(plus(distance, {ONE: written.width - 1}))
    system.append(plus({ONE: read.width - 1}, distance, -1))
    return system


@dataclass(frozen=True)
class _Later:
    """A value as it is when the store runs."""

    value: SSAValue


def _renamed(e: Linear, inner: Sequence[Operation]) -> Linear:
    """The expression as it is when the store runs, in another iteration of the loops in `inner`."""
    return {_Later(v) if isinstance(v, SSAValue) and _is_in(v, inner) else v: c for v, c in e.items()}


def _is_in(value: SSAValue, loops: Sequence[Operation]) -> bool:
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
        for bound in _terms(loop.lb, arith.MaxSIOp):
            yield plus({index: 1}, linear(bound), -1)
        for bound in _terms(loop.ub, arith.MinSIOp):
            yield plus(plus(linear(bound), {index: 1}, -1), {ONE: -1})


def _terms(bound: SSAValue, kind: type[arith.MaxSIOp | arith.MinSIOp]) -> Iterator[SSAValue]:
    """What a bound is the greatest (or the least) of."""
    op = bound.owner
    if isinstance(op, kind):
        yield from _terms(op.lhs, kind)
        yield from _terms(op.rhs, kind)
    else:
        yield bound
