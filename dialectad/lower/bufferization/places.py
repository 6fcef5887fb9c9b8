"""Buffers, and places within them.

A `Place` is a buffer and a path of views (slices, reshapes, casts) from it, compared by structure: two
values whose places are equal share every element. Nothing here emits IR.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    IntegerAttr,
    MemRefType,
    NoneAttr,
    StridedLayoutAttr,
    TensorType,
)
from xdsl.ir import Attribute, SSAValue

Extent = int | SSAValue
"""A size, an offset or a stride: known now, or when the program runs."""


class Buffer:
    """A piece of memory and the live values in it."""

    __slots__ = ("cache", "exclusive", "live", "memref", "writable")

    def __init__(
        self,
        memref: SSAValue,
        *,
        writable: bool = True,
        exclusive: bool = False,
        cache: SSAValue | None = None,
    ):
        self.memref = memref
        """The memref of all of it."""
        self.writable = writable
        """Whether values may be overwritten: not in an argument that isn't inout, nor in a constant."""
        self.exclusive = exclusive
        """Whether it is an allocation that nothing but the values in it refers to."""
        self.cache = cache
        """The cache in whose memory it lies, if any."""
        self.live: dict[SSAValue, Place] = {}
        """The live values in it, and where."""


@dataclass(frozen=True)
class Slice:
    """The elements at `offsets + i * strides`, per axis, `sizes` of them."""

    offsets: tuple[Extent, ...]
    sizes: tuple[Extent, ...]
    strides: tuple[Extent, ...]
    shape: tuple[int, ...]
    """The static shape of the result, which may lack unit axes."""


@dataclass(frozen=True)
class Collapse:
    """Groups of axes made one."""

    groups: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Expand:
    """Axes made groups of axes."""

    groups: tuple[tuple[int, ...], ...]
    sizes: tuple[Extent, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Cast:
    """The same elements, with more or fewer extents known."""

    shape: tuple[int, ...]


Step = Slice | Collapse | Expand | Cast


@dataclass(frozen=True)
class Place:
    """Part of a buffer."""

    buffer: Buffer
    path: tuple[Step, ...] = ()
    """The views that lead from the buffer to the part."""
    base: Place | None = field(compare=False, default=None)
    """What the last step of the path is a view of."""

    @cached_property
    def type(self) -> MemRefType[Any]:
        """The type of its memref; costly to make, and asked for only where a view is emitted."""
        if self.base is None:
            assert isinstance(self.buffer.memref.type, MemRefType)
            return self.buffer.memref.type
        type_ = step_type(self.base.type, self.path[-1])
        assert type_ is not None
        return type_

    @property
    def shape(self) -> tuple[int, ...]:
        return self.path[-1].shape if self.path else self.type.get_shape()

    @property
    def element_type(self) -> Attribute:
        type_ = self.buffer.memref.type
        assert isinstance(type_, MemRefType)
        return type_.element_type


@dataclass(frozen=True)
class Unwritten:
    """What stands for the place of a value that has no memory yet: its content is undefined."""


@dataclass(frozen=True)
class Splat:
    """What stands for the place of a value that has no memory yet: all its elements are one scalar."""

    scalar: SSAValue | Attribute


UNWRITTEN = Unwritten()
Lazy = Unwritten | Splat


# --- types -------------------------------------------------------------------------------------


def identity_type(type_: TensorType[Any] | MemRefType[Any]) -> MemRefType[Any]:
    """The row-major memref type of this shape."""
    return MemRefType(type_.element_type, type_.shape)


def is_static(type_: TensorType[Any] | MemRefType[Any]) -> bool:
    return DYNAMIC_INDEX not in type_.get_shape()


def layout_of(type_: MemRefType[Any]) -> tuple[list[int | None], int | None]:
    """Strides and offset in elements, None where they are known at run time only."""
    if isinstance(type_.layout, StridedLayoutAttr):
        return list(type_.layout.get_strides()), type_.layout.get_offset()
    assert isinstance(type_.layout, NoneAttr)
    strides: list[int | None] = []
    stride: int | None = 1
    for extent in reversed(type_.get_shape()):
        strides.append(stride)
        stride = None if stride is None or extent == DYNAMIC_INDEX else stride * extent
    return strides[::-1], 0


def _strided(
    type_: MemRefType[Any], shape: Sequence[int], strides: Sequence[int | None], offset: int | None
) -> MemRefType[Any]:
    return MemRefType(type_.element_type, shape, StridedLayoutAttr(strides, offset))


def step_type(type_: MemRefType[Any], step: Step) -> MemRefType[Any] | None:
    """The type of a view of something of `type_`; None when no strided layout can express it."""
    match step:
        case Slice():
            return _slice_type(type_, step)
        case Collapse():
            return _collapse_type(type_, step)
        case Expand():
            return _expand_type(type_, step)
        case Cast():
            return _cast_type(type_, step)


def _slice_type(type_: MemRefType[Any], step: Slice) -> MemRefType[Any]:
    strides, offset = layout_of(type_)
    for o, s in zip(step.offsets, strides, strict=True):
        if o != 0:
            offset = None if offset is None or s is None or not isinstance(o, int) else offset + o * s
    scaled = [
        s * m if s is not None and isinstance(m, int) else None
        for s, m in zip(strides, step.strides, strict=True)
    ]
    kept = kept_axes(step.sizes, step.shape)
    return _strided(type_, step.shape, [scaled[axis] for axis in kept], offset)


def kept_axes(sizes: Sequence[Extent], shape: Sequence[int]) -> list[int]:
    """Which axes of a slice are those of its result: the others have size one and are dropped."""
    kept: list[int] = []
    for axis, size in enumerate(sizes):
        wanted = shape[len(kept)] if len(kept) < len(shape) else None
        if wanted is not None and (wanted == size or (wanted == DYNAMIC_INDEX and not isinstance(size, int))):
            kept.append(axis)
    assert len(kept) == len(shape), f"a slice of sizes {sizes} has not the shape {shape}"
    return kept


def _collapse_type(type_: MemRefType[Any], step: Collapse) -> MemRefType[Any] | None:
    if isinstance(type_.layout, NoneAttr):
        return MemRefType(type_.element_type, step.shape)
    strides, offset = layout_of(type_)
    extents = type_.get_shape()
    result: list[int | None] = []
    for group in step.groups:
        axes = [a for a in group if extents[a] != 1]  # the stride of a unit axis doesn't matter
        for outer, inner in pairwise(axes):
            inner_stride = strides[inner]
            if extents[inner] == DYNAMIC_INDEX or inner_stride is None:
                return None
            if strides[outer] != inner_stride * extents[inner]:
                return None
        # mlir-opt wants the stride of the innermost axis of the group that isn't a unit axis.
        result.append(strides[axes[-1] if axes else group[-1]])
    return _strided(type_, step.shape, result, offset)


def _expand_type(type_: MemRefType[Any], step: Expand) -> MemRefType[Any] | None:
    if isinstance(type_.layout, NoneAttr):
        return MemRefType(type_.element_type, step.shape)
    strides, offset = layout_of(type_)
    result: list[int | None] = [None] * len(step.shape)
    for axis, group in enumerate(step.groups):
        stride = strides[axis]
        for inner in reversed(group):
            result[inner] = stride
            extent = step.shape[inner]
            stride = None if stride is None or extent == DYNAMIC_INDEX else stride * extent
    if not step.groups:
        result = [1] * len(step.shape)
    return _strided(type_, step.shape, result, offset)


def _cast_type(type_: MemRefType[Any], step: Cast) -> MemRefType[Any]:
    if isinstance(type_.layout, NoneAttr):
        return MemRefType(type_.element_type, step.shape)
    return MemRefType(type_.element_type, step.shape, type_.layout)


# --- views of places ---------------------------------------------------------------------------


def view(place: Place, step: Step) -> Place | None:
    """The part of `place` that `step` shows; None when it can't be had without a copy.

    Steps that undo each other vanish, so that a slice that was reshaped and reshaped back is the slice.
    """
    if isinstance(step, Slice):
        if _is_whole(step, place.shape):
            return place
    elif step.shape == place.shape:
        return place
    elif place.base is not None and _undoes(step, place.path[-1], place.base):
        return place.base
    if isinstance(step, Collapse) and step_type(place.type, step) is None:
        return None
    return Place(place.buffer, (*place.path, step), place)


def _is_whole(step: Slice, extents: tuple[int, ...]) -> bool:
    return (
        step.shape == extents
        and all(o == 0 for o in step.offsets)
        and all(s == 1 for s in step.strides)
        and all(isinstance(n, int) and n == e for n, e in zip(step.sizes, extents, strict=True))
    )


def _undoes(step: Step, last: Step, base: Place) -> bool:
    before = base.shape
    match step, last:
        case (Expand(), Collapse()) | (Collapse(), Expand()):
            return step.groups == last.groups and before == step.shape and before.count(DYNAMIC_INDEX) <= 1
        case Cast(), Cast():
            return before == step.shape
        case _:
            return False


def contains(outer: Place, inner: Place) -> bool:
    """Whether `inner` is known to lie within `outer`."""
    return outer.buffer is inner.buffer and inner.path[: len(outer.path)] == outer.path


def disjoint(a: Place, b: Place) -> bool:
    """Whether two places are known to share no element."""
    if a.buffer is not b.buffer:
        return True
    for ours, theirs in zip(a.path, b.path, strict=False):
        if ours != theirs:
            return isinstance(ours, Slice) and isinstance(theirs, Slice) and _apart(ours, theirs)
    return False


def aligned(a: Place, b: Place) -> bool:
    """Whether two places are known to be the same, or else to share no element: two rows of a matrix."""
    return (
        a.buffer is b.buffer
        and len(a.path) == len(b.path)
        and all(x == y or _same_or_apart(x, y) for x, y in zip(a.path, b.path, strict=True))
    )


def _same_or_apart(a: Step, b: Step) -> bool:
    return (
        isinstance(a, Slice)
        and isinstance(b, Slice)
        and (a.sizes, a.strides, a.shape) == (b.sizes, b.strides, b.shape)
        and all(x == y or n == 1 for x, y, n in zip(a.offsets, b.offsets, a.sizes, strict=True))
    )


def _apart(a: Slice, b: Slice) -> bool:
    return any(
        _axis_apart(*axis)
        for axis in zip(a.offsets, a.sizes, a.strides, b.offsets, b.sizes, b.strides, strict=True)
    )


def _axis_apart(o1: Extent, n1: Extent, s1: Extent, o2: Extent, n2: Extent, s2: Extent) -> bool:
    if n1 == 0 or n2 == 0:
        return True
    if not isinstance(s1, int) or not isinstance(s2, int):
        return False
    if _ends_before(o1, n1, s1, o2) or _ends_before(o2, n2, s2, o1):
        return True
    gap = difference(o1, o2)
    return gap is not None and s1 == s2 and gap % s1 != 0


def _ends_before(offset: Extent, size: Extent, stride: int, other: Extent) -> bool:
    """Whether offset + (size - 1) * stride < other."""
    gap = difference(other, offset)
    if gap is not None and isinstance(size, int):
        return gap > (size - 1) * stride
    # offset + size <= other, where the size is what is unknown
    return (
        stride == 1
        and isinstance(offset, int)
        and (gap := difference(other, size)) is not None
        and (gap >= offset)
    )


def difference(a: Extent, b: Extent) -> int | None:
    """a - b, where that is known now."""
    (x, c), (y, d) = linear(a), linear(b)
    return c - d if x is y else None


def linear(value: Extent) -> tuple[SSAValue | None, int]:
    """`value` as an unknown plus a constant."""
    constant = 0
    while not isinstance(value, int):
        owner = value.owner
        match owner:
            case arith.ConstantOp() if isinstance(owner.value, IntegerAttr):
                return None, constant + owner.value.value.data
            case arith.AddiOp() | arith.SubiOp() if (c := _constant(owner.rhs)) is not None:
                constant += c if isinstance(owner, arith.AddiOp) else -c
                value = owner.lhs
            case arith.AddiOp() if (c := _constant(owner.lhs)) is not None:
                constant += c
                value = owner.rhs
            case _:
                return value, constant
    return None, constant + value


def _constant(value: SSAValue) -> int | None:
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


# --- slices of ops -----------------------------------------------------------------------------


def mixed(static: Any, dynamic: Iterable[SSAValue]) -> tuple[Extent, ...]:
    """The list that an op keeps as static values and operands."""
    rest = iter(dynamic)
    return tuple([next(rest) if s == DYNAMIC_INDEX else s for s in static.get_values()])


def _folded(values: tuple[Extent, ...]) -> tuple[Extent, ...]:
    return tuple(v if isinstance(v, int) or (c := _constant(v)) is None else c for v in values)


def slice_of(op: tensor.ExtractSliceOp | tensor.InsertSliceOp) -> Slice:
    """What of a tensor `extract_slice` gives or `insert_slice` replaces; constant offsets count as known."""
    # By position, since asking for op.offsets and the like is slow.
    first = 1 if isinstance(op, tensor.ExtractSliceOp) else 2
    part = op.results[0] if first == 1 else op.operands[0]
    dynamic = iter(op.operands[first:])
    return Slice(
        _folded(mixed(op.static_offsets, dynamic)),
        mixed(op.static_sizes, dynamic),
        _folded(mixed(op.static_strides, dynamic)),
        tensor_shape(part),
    )


def element(indices: Sequence[SSAValue]) -> Slice:
    """One element."""
    ones = (1,) * len(indices)
    return Slice(_folded(tuple(indices)), ones, ones, ones)


def groups_of(op: Any) -> tuple[tuple[int, ...], ...]:
    """The reassociation of a reshape."""
    return tuple(tuple(i.value.data for i in group) for group in op.reassociation)


def tensor_shape(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def is_tensor(value: SSAValue) -> bool:
    return isinstance(value.type, TensorType)
