"""Emission of what bufferization makes of places: memrefs, allocations, copies and fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    DenseArrayBase,
    FixedBitwidthType,
    IndexType,
    IntegerAttr,
    MemRefType,
    StridedLayoutAttr,
    i8,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad import locations
from dialectad.errors import Location
from dialectad.lower.bufferization.extents import any_inside
from dialectad.lower.bufferization.places import (
    Buffer,
    Cast,
    Collapse,
    Expand,
    Extent,
    Lazy,
    Place,
    Slice,
    Splat,
    kept_axes,
)
from dialectad.remarks import remark

INDEX = IndexType()
_ALIGNMENT = IntegerAttr(64, i64)
_LARGEST_BOUND = 1 << 20
"""Memory of dynamic size is replaced by as much as it can be at most, up to this many bytes."""


@dataclass(frozen=True)
class Copy:
    """A copy that bufferization had to make."""

    reason: str
    type: MemRefType[Any]
    location: Location | None

    def __str__(self) -> str:
        return f"{self.location or 'unknown location'}: {self.reason} ({self.type})"


@dataclass
class Report:
    """What a function costs beyond its own work."""

    copies: list[Copy] = field(default_factory=list)
    allocations: list[tuple[MemRefType[Any], Location | None]] = field(default_factory=list)


class Memory:
    """Emits ops before the op that is being rewritten."""

    def __init__(self, body: Block, report: Report):
        self.body = body
        self.report = report
        self.at: Operation = cast(Operation, body.first_op)
        """The op being rewritten: new ops go before it."""
        self._views: dict[Place, SSAValue] = {}
        self._scopes: list[list[Place]] = []
        self._extents: dict[tuple[Buffer, int], SSAValue] = {}
        self._frees: list[tuple[Block, SSAValue]] = []

    def open_scope(self) -> None:
        self._scopes.append([])

    def close_scope(self) -> None:
        """Forget the views that were made in the block that ends."""
        for place in self._scopes.pop():
            del self._views[place]

    def emit(self, op: Operation, before: Operation | None = None) -> Operation:
        at = before or self.at
        op.location = self.at.location
        block = at.parent
        assert block is not None
        block.insert_op_before(op, at)
        return op

    def constant(self, value: int, before: Operation | None = None) -> SSAValue:
        properties = {"value": IntegerAttr(value, INDEX)}
        return self.emit(
            arith.ConstantOp.create(result_types=[INDEX], properties=properties), before
        ).results[0]

    def scalar(self, content: Splat, type_: Attribute) -> SSAValue:
        """The element of a splat."""
        if isinstance(content.scalar, SSAValue):
            return content.scalar
        properties = {"value": content.scalar}
        return self.emit(arith.ConstantOp.create(result_types=[type_], properties=properties)).results[0]

    def memref(self, place: Place) -> SSAValue:
        """The memref of a place, with the views that lead to it."""
        if place.base is None:
            return place.buffer.memref
        if (known := self._views.get(place)) is not None:
            return known
        result = self.emit(_view_op(self.memref(place.base), place)).results[0]
        if result.type != place.type:
            result = self.emit(memref.CastOp.get(result, place.type)).results[0]
        self._views[place] = result
        self._scopes[-1].append(place)
        return result

    # --- extents -------------------------------------------------------------------------------

    def place_extents(self, place: Place) -> list[Extent]:
        """The extents of a place, where possible from the views that lead to it."""
        shape = place.shape
        if DYNAMIC_INDEX not in shape:
            return list(shape)
        if place.base is None:
            known: list[Extent] = [self._extent(place.buffer, axis) for axis in range(len(shape))]
        else:
            match place.path[-1]:
                case Slice() as step:
                    known = [step.sizes[axis] for axis in kept_axes(step.sizes, step.shape)]
                case Expand() as step:
                    known = list(step.sizes)
                case Cast():
                    known = self.place_extents(place.base)
                case Collapse():
                    ref = self.memref(place)
                    known = [
                        self.emit(memref.DimOp(ref, self.constant(a))).results[0] for a in range(len(shape))
                    ]
        return [k if n == DYNAMIC_INDEX else n for k, n in zip(known, shape, strict=True)]

    def _extent(self, buffer: Buffer, axis: int) -> Extent:
        """An extent of a whole buffer, asked for once, where the buffer comes from."""
        type_ = buffer.memref.type
        assert isinstance(type_, MemRefType)
        if (n := type_.get_shape()[axis]) != DYNAMIC_INDEX:
            return n
        if (buffer, axis) not in self._extents:
            owner = buffer.memref.owner
            before = owner.first_op if isinstance(owner, Block) else owner.next_op
            op = memref.DimOp(buffer.memref, self.constant(axis, before))
            self._extents[buffer, axis] = self.emit(op, before).results[0]
        return self._extents[buffer, axis]

    # --- allocation ----------------------------------------------------------------------------

    def allocate(
        self,
        shape: Sequence[int],
        element_type: Attribute,
        sizes: Sequence[Extent] = (),
        bounds: Sequence[int | None] = (),
    ) -> Place:
        """New memory, as far out of the loops as may be; `sizes` are the dynamic extents, with `bounds`."""
        type_ = MemRefType(element_type, shape)
        self.report.allocations.append((type_, locations.of(self.at)))
        before = self._outermost(sizes)
        operands = [self._size(n, before) for n in sizes]
        at_most = iter(bounds)
        most = [next(at_most, None) if n == DYNAMIC_INDEX else n for n in shape]
        if sizes and None not in most:
            room = prod(max(n, 0) for n in most if n is not None) * _bytes(element_type)
            if room <= _LARGEST_BOUND:
                return Place(Buffer(self._part(room, type_, operands, before), exclusive=True))
        return Place(Buffer(self._alloc(type_, operands, before), exclusive=True))

    def _alloc(self, type_: MemRefType[Any], sizes: Sequence[SSAValue], before: Operation) -> SSAValue:
        alignment = _ALIGNMENT if type_.element_type == i8 else None
        op = self.emit(memref.AllocOp(sizes, (), type_, alignment), before)
        block = before.parent
        assert block is not None
        self._frees.append((block, op.results[0]))
        return op.results[0]

    def _part(
        self, room: int, type_: MemRefType[Any], sizes: Sequence[SSAValue], before: Operation
    ) -> SSAValue:
        """Memory of dynamic size as the beginning of memory of the size that it can have at most.

        %a = memref.alloc(%n) : memref<?xf64>
        ~>  %m = memref.alloc() : memref<64xi8>, outside of all loops
            %a = memref.view %m[%c0][%n] : memref<64xi8> to memref<?xf64>
        """
        bytes_ = self._alloc(MemRefType(i8, [room]), (), self._outermost(()))
        return self.emit(memref.ViewOp(bytes_, self.constant(0, before), sizes, type_), before).results[0]

    def _outermost(self, sizes: Sequence[Extent]) -> Operation:
        """The op before which memory of these dynamic extents is allocated.

        That is the outermost loop around which the sizes are known. Memory of static size goes to the
        function's own block in any case.
        """
        before = self.at
        while before.parent is not self.body:
            parent = cast(Operation, before.parent_op())
            if sizes and (not isinstance(parent, scf.ForOp | scf.WhileOp) or any_inside(sizes, parent)):
                break
            before = parent
        return before

    def _size(self, size: Extent, before: Operation) -> SSAValue:
        if isinstance(size, int):
            return self.constant(size, before)
        if before is self.at or isinstance(size.owner, memref.DimOp):
            return size
        # A loop that doesn't run may compute anything as the size of what it would have needed.
        return self.emit(arith.MaxSIOp(size, self.constant(0, before)), before).results[0]

    def free(self) -> None:
        """Free at the end of each block what was allocated in it."""
        for block, value in reversed(self._frees):
            terminator = block.last_op
            assert terminator is not None
            op = memref.DeallocOp.get(value)
            op.location = terminator.location
            block.insert_op_before(op, terminator)

    # --- content -------------------------------------------------------------------------------

    def copy(self, source: Place, target: Place, reason: str) -> None:
        self.report.copies.append(Copy(reason, target.type, locations.of(self.at)))
        size = size_of(target)
        remark("bufferize", self.at, f"a copy{'' if size is None else f' of {size:,} bytes'}: {reason}")
        a, b = self.memref(source), self.memref(target)
        self.emit(memref.CopyOp.create(operands=[a, b]))

    def fill(self, content: Lazy, target: Place) -> None:
        """Write what a value without memory holds."""
        if isinstance(content, Splat):
            scalar = self.scalar(content, target.element_type)
            self.emit(linalg.FillOp((scalar,), (self.memref(target),), ()))


def _bytes(element_type: Attribute) -> int:
    return max(1, element_type.bitwidth // 8) if isinstance(element_type, FixedBitwidthType) else 8


def size_of(place: Place) -> int | None:
    """The bytes that the elements of a place take, where that is known."""
    return None if DYNAMIC_INDEX in place.shape else prod(place.shape) * _bytes(place.element_type)


def _groups_attr(groups: Sequence[Sequence[int]]) -> ArrayAttr[Any]:
    return ArrayAttr([ArrayAttr([IntegerAttr(axis, i64) for axis in group]) for group in groups])


def _collapsed(source: SSAValue, step: Collapse, type_: MemRefType[Any]) -> MemRefType[Any]:
    """The type that MLIR wants: it doesn't tell the stride of an axis that may turn out to be a unit axis."""
    assert isinstance(source.type, MemRefType)
    if not isinstance(type_.layout, StridedLayoutAttr):
        return type_
    extents = source.type.get_shape()
    strides = list(type_.layout.get_strides())
    for axis, group in enumerate(step.groups):
        inner = max((a for a in group if extents[a] != 1), default=group[0])
        if extents[inner] == DYNAMIC_INDEX and inner != group[0]:
            strides[axis] = None
    return MemRefType(
        type_.element_type, type_.get_shape(), StridedLayoutAttr(strides, type_.layout.get_offset())
    )


def _view_op(source: SSAValue, place: Place) -> Operation:
    match place.path[-1]:
        case Slice() as step:
            return memref.SubviewOp.get(source, step.offsets, step.sizes, step.strides, place.type)
        case Collapse() as step:
            return memref.CollapseShapeOp.create(
                operands=[source],
                result_types=[_collapsed(source, step, place.type)],
                properties={"reassociation": _groups_attr(step.groups)},
            )
        case Expand() as step:
            dynamic = [n for n in step.sizes if not isinstance(n, int)]
            static = [n if isinstance(n, int) else DYNAMIC_INDEX for n in step.sizes]
            return memref.ExpandShapeOp.build(
                operands=[source, dynamic],
                result_types=[place.type],
                properties={
                    "reassociation": _groups_attr(step.groups),
                    "static_output_shape": DenseArrayBase.from_list(i64, static),
                },
            )
        case Cast():
            return memref.CastOp.get(source, place.type)
