"""Shapes of slices, views, reshapes and fresh tensors (`tensor` and `memref` alike)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from xdsl.dialects import memref, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    MemRefType,
    NoneAttr,
    StridedLayoutAttr,
    TensorType,
    UnrankedMemRefType,
)
from xdsl.ir import Attribute

from dialectad.verify.rule import Symbols, element_of, rule, shape_of

_Slice = tensor.ExtractSliceOp | tensor.InsertSliceOp | memref.SubviewOp


def _static(values: Sequence[int]) -> list[int | None]:
    return [None if value == DYNAMIC_INDEX else value for value in values]


def _extents(sizes: Sequence[int | None]) -> list[int]:
    return [DYNAMIC_INDEX if size is None else size for size in sizes]


def is_rank_reduced(shape: Sequence[int], full: Sequence[int]) -> bool:
    """Whether `shape` is `full` with some extents of 1 left out."""
    rest = list(full)
    for extent in shape:
        while rest and rest[0] != extent:
            if rest.pop(0) != 1:
                return False
        if not rest:
            return False
        rest.pop(0)
    return all(extent == 1 for extent in rest)


def _slice(op: _Slice, whole: Attribute, part: Attribute) -> Iterator[str]:
    offsets = _static(op.static_offsets.get_values())
    sizes = _static(op.static_sizes.get_values())
    strides = _static(op.static_strides.get_values())
    extents = shape_of(whole)
    part_shape = shape_of(part)
    if extents is None or part_shape is None:
        return
    if not len(offsets) == len(sizes) == len(strides) == len(extents):
        yield f"{len(extents)} offsets, sizes and strides expected for {whole}"
        return
    if element_of(whole) != element_of(part):
        yield f"the element types of {whole} and {part} differ"
    if not is_rank_reduced(part_shape, _extents(sizes)):
        yield f"a slice of sizes {_list(sizes)} can't have type {part}"
    for axis, (offset, size, stride, extent) in enumerate(zip(offsets, sizes, strides, extents, strict=True)):
        if size is not None and size < 0:
            yield f"the size of axis {axis} is negative: {size}"
        elif offset is not None and offset < 0:
            yield f"the offset of axis {axis} is negative: {offset}"
        elif offset is not None and size and stride is not None and extent != DYNAMIC_INDEX:
            last = offset + (size - 1) * stride
            if not 0 <= last < extent:
                yield f"the slice reaches index {last} of axis {axis}, which has extent {extent}"


@rule(tensor.ExtractSliceOp)
def extract_slice(op: tensor.ExtractSliceOp, _: Symbols) -> Iterator[str]:
    yield from _slice(op, op.source.type, op.result.type)


@rule(tensor.InsertSliceOp)
def insert_slice(op: tensor.InsertSliceOp, _: Symbols) -> Iterator[str]:
    yield from _slice(op, op.dest.type, op.source.type)
    if op.result.type != op.dest.type:
        yield f"the result has type {op.result.type}, the destination {op.dest.type}"


@rule(memref.SubviewOp)
def subview(op: memref.SubviewOp, _: Symbols) -> Iterator[str]:
    source, result = op.source.type, op.result.type
    assert isinstance(source, MemRefType)
    assert isinstance(result, MemRefType)
    wrong = list(_slice(op, source, result))
    yield from wrong
    if wrong or (base := strided(source)) is None or (got := strided(result)) is None:
        return
    offset: int | None = base[0]
    strides: list[int | None] = []
    offsets = _static(op.static_offsets.get_values())
    steps = _static(op.static_strides.get_values())
    for start, step, stride in zip(offsets, steps, base[1], strict=True):
        if start != 0:  # nothing is added, whatever the stride
            by = None if start is None or stride is None else start * stride
            offset = None if offset is None or by is None else offset + by
        strides.append(None if step is None or stride is None else step * stride)
    sizes = _extents(_static(op.static_sizes.get_values()))
    if got[0] != offset or not _kept(sizes, strides, result.get_shape(), got[1]):
        yield f"a layout with offset {_show(offset)} and strides {_list(strides)} expected"


def _show(value: int | None) -> str:
    return "?" if value in (None, DYNAMIC_INDEX) else str(value)


def _list(extents: Sequence[int | None]) -> str:
    return f"[{', '.join(map(_show, extents))}]"


def _kept(
    sizes: Sequence[int],
    strides: Sequence[int | None],
    shape: Sequence[int],
    got: Sequence[int | None],
) -> bool:
    """Whether (shape, got) is (sizes, strides) with some axes of extent 1 left out."""
    rest = list(zip(sizes, strides, strict=True))
    for axis in zip(shape, got, strict=True):
        while rest and rest[0] != axis:
            if rest.pop(0)[0] != 1:
                return False
        if not rest:
            return False
        rest.pop(0)
    return all(size == 1 for size, _ in rest)


def strided(type_: MemRefType) -> tuple[int | None, list[int | None]] | None:
    """Offset and strides of a memref's layout (None: dynamic), or None where the layout is a map."""
    layout = type_.layout
    if isinstance(layout, StridedLayoutAttr):
        offset = layout.get_offset()
        return offset, list(layout.get_strides())
    if not isinstance(layout, NoneAttr):
        return None
    strides: list[int | None] = []
    step: int | None = 1
    for extent in reversed(type_.get_shape()):
        strides.insert(0, step)
        step = None if step is None or extent == DYNAMIC_INDEX else step * extent
    return 0, strides


@rule(tensor.EmptyOp)
def empty(op: tensor.EmptyOp, _: Symbols) -> Iterator[str]:
    shape = shape_of(op.tensor.type)
    if shape is not None and shape.count(DYNAMIC_INDEX) != len(op.dynamic_sizes):
        yield f"{len(op.dynamic_sizes)} sizes given for the dynamic extents of {op.tensor.type}"


@rule(tensor.ExtractOp, tensor.InsertOp)
def element_index(op: tensor.ExtractOp | tensor.InsertOp, _: Symbols) -> Iterator[str]:
    type_ = op.tensor.type if isinstance(op, tensor.ExtractOp) else op.dest.type
    if len(op.indices) != len(shape_of(type_) or ()):
        yield f"{len(op.indices)} indices given for {type_}"


@rule(tensor.FromElementsOp)
def from_elements(op: tensor.FromElementsOp, _: Symbols) -> Iterator[str]:
    if prod(op.result.type.get_shape()) != len(op.elements):
        yield f"{len(op.elements)} elements given for {op.result.type}"


@rule(tensor.CastOp)
def cast(op: tensor.CastOp, _: Symbols) -> Iterator[str]:
    if element_of(op.source.type) != element_of(op.dest.type):
        yield f"can't cast {op.source.type} to {op.dest.type}"


@rule(memref.CastOp)
def memref_cast(op: memref.CastOp, _: Symbols) -> Iterator[str]:
    if isinstance(op.dest.type, UnrankedMemRefType):  # what a library function takes
        return
    source, dest = shape_of(op.source.type), shape_of(op.dest.type)
    compatible = (
        source is not None
        and dest is not None
        and len(source) == len(dest)
        and all(a == b or DYNAMIC_INDEX in (a, b) for a, b in zip(source, dest, strict=True))
    )
    if not compatible or element_of(op.source.type) != element_of(op.dest.type):
        yield f"can't cast {op.source.type} to {op.dest.type}"


@rule(memref.ViewOp)
def view(op: memref.ViewOp, _: Symbols) -> Iterator[str]:
    shape = shape_of(op.result.type) or ()
    if shape.count(DYNAMIC_INDEX) != len(op.sizes):
        yield f"{len(op.sizes)} sizes given for the dynamic extents of {op.result.type}"


@rule(tensor.CollapseShapeOp, memref.CollapseShapeOp)
def collapse(op: tensor.CollapseShapeOp | memref.CollapseShapeOp, _: Symbols) -> Iterator[str]:
    groups = [[index.value.data for index in group] for group in op.reassociation]
    yield from _reassociation(groups, op.src.type, op.result.type)


@rule(tensor.ExpandShapeOp, memref.ExpandShapeOp)
def expand(op: tensor.ExpandShapeOp | memref.ExpandShapeOp, _: Symbols) -> Iterator[str]:
    groups = [[index.value.data for index in group] for group in op.reassociation]
    yield from _reassociation(groups, op.result.type, op.src.type)
    sizes = _extents(_static(op.static_output_shape.get_values()))
    if sizes != list(shape_of(op.result.type) or ()):
        yield f"the output shape {_list(sizes)} isn't that of {op.result.type}"


def _reassociation(
    groups: Sequence[Sequence[int]], expanded: Attribute, collapsed: Attribute
) -> Iterator[str]:
    long, short = shape_of(expanded), shape_of(collapsed)
    assert long is not None
    assert short is not None
    if element_of(expanded) != element_of(collapsed):
        yield f"the element types of {expanded} and {collapsed} differ"
    if not groups and not short:
        if any(extent != 1 for extent in long):
            yield f"{expanded} doesn't have one element"
        return
    flat = [axis for group in groups for axis in group]
    if len(groups) != len(short) or flat != list(range(len(long))):
        yield f"the reassociation doesn't fit {expanded} and {collapsed}"
        return
    for group, extent in zip(groups, short, strict=True):
        extents = [long[axis] for axis in group]
        product = DYNAMIC_INDEX if DYNAMIC_INDEX in extents else prod(extents)
        if product != extent:
            yield f"extents {_list(extents)} of {expanded} don't make {_show(extent)}"


@rule(memref.GetGlobalOp)
def get_global(op: memref.GetGlobalOp, symbols: Symbols) -> Iterator[str]:
    name = op.name_.root_reference.data
    target = symbols.get(name)
    if not isinstance(target, memref.GlobalOp):
        yield f"there is no memref.global @{name}"
    elif target.type != op.memref.type:
        yield f"@{name} has type {target.type}, not {op.memref.type}"


@rule(memref.GlobalOp)
def global_value(op: memref.GlobalOp, _: Symbols) -> Iterator[str]:
    value = getattr(op.initial_value, "type", None)
    if isinstance(value, TensorType) and (
        value.get_shape() != shape_of(op.type) or value.element_type != element_of(op.type)
    ):
        yield f"an initial value of type {value} doesn't fit {op.type}"
