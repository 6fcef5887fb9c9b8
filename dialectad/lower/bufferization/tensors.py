"""Bufferization of the `tensor` dialect and of constants: views, elements, and insertions."""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects import arith, memref, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Attribute, SSAValue

from dialectad.lower.bufferization.bufferizer import Bufferizer
from dialectad.lower.bufferization.places import (
    UNWRITTEN,
    Buffer,
    Cast,
    Collapse,
    Expand,
    Place,
    Splat,
    Step,
    disjoint,
    element,
    groups_of,
    identity_type,
    is_tensor,
    mixed,
    slice_of,
    tensor_shape,
    view,
)


def _constant(b: Bufferizer, op: arith.ConstantOp) -> None:
    value = op.value
    if not is_tensor(op.result):
        return
    assert isinstance(value, DenseIntOrFPElementsAttr)
    b.drop(op)
    if len(value) == 0:
        b.define(op.result, UNWRITTEN)
    elif value.is_splat():
        b.define(op.result, Splat(_splat_element(value)))
    else:
        b.define(op.result, _global(b, op.result, value))


def _splat_element(value: DenseIntOrFPElementsAttr[Any]) -> Attribute:
    type_, number = value.get_element_type(), next(iter(value.iter_values()))
    if isinstance(number, int):
        return IntegerAttr(number, type_)
    assert isinstance(number, float)
    return FloatAttr(number, type_)


def _global(b: Bufferizer, result: SSAValue, value: DenseIntOrFPElementsAttr[Any]) -> Place:
    """%c = arith.constant dense<[1, 2]>  ~>  memref.global constant @constant_0, memref.get_global"""
    type_ = identity_type(cast(TensorType[Any], result.type))
    name = b.symbol("constant")
    b.globals.append(
        memref.GlobalOp.get(StringAttr(name), type_, value, StringAttr("private"), UnitAttr(), 64)
    )
    op = b.emit(memref.GetGlobalOp(SymbolRefAttr(name), type_))
    return Place(Buffer(op.results[0], writable=False))


def _empty(b: Bufferizer, op: tensor.EmptyOp) -> None:
    b.define(op.tensor, UNWRITTEN)
    b.drop(op)


def _splat(b: Bufferizer, op: tensor.SplatOp) -> None:
    b.define(op.result, Splat(op.input))
    b.drop(op)


def _view(b: Bufferizer, source: SSAValue, result: SSAValue, step: Step) -> None:
    """The result is a view of the source's place, or a copy where no layout can express the view."""
    where = b.places[source]
    if not isinstance(where, Place):
        b.define(result, where)
        return
    place = view(where, step)
    if place is None:
        # Row-major memory of the source's shape can be reshaped in every way.
        aside = b.alloc(source)
        b.copy(where, aside, "a reshape of elements that don't lie one after the other")
        place = view(aside, step)
        assert place is not None
    b.define(result, place)


def _extract_slice(b: Bufferizer, op: tensor.ExtractSliceOp) -> None:
    _view(b, op.source, op.result, slice_of(op))
    b.drop(op)


def _collapse(b: Bufferizer, op: tensor.CollapseShapeOp) -> None:
    _view(b, op.src, op.result, Collapse(groups_of(op), tensor_shape(op.result)))
    b.drop(op)


def _expand(b: Bufferizer, op: tensor.ExpandShapeOp) -> None:
    sizes = mixed(op.static_output_shape, op.dynamic_output_shape)
    _view(b, op.src, op.result, Expand(groups_of(op), sizes, tensor_shape(op.result)))
    b.drop(op)


def _cast(b: Bufferizer, op: tensor.CastOp) -> None:
    _view(b, op.source, op.dest, Cast(tensor_shape(op.dest)))
    b.drop(op)


def _dim(b: Bufferizer, op: tensor.DimOp) -> None:
    axis = _static_index(op.index)
    if axis is None:
        new = b.emit(memref.DimOp(b.operand(op.source), op.index)).results[0]
    else:
        extent = b.extents(op.source)[axis]
        new = b.constant(extent) if isinstance(extent, int) else extent
    op.result.replace_all_uses_with(new)
    b.drop(op)


def _static_index(value: SSAValue) -> int | None:
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def _extract(b: Bufferizer, op: tensor.ExtractOp) -> None:
    where = b.places[op.tensor]
    if isinstance(where, Splat):
        op.result.replace_all_uses_with(b.scalar(where, op.result.type))
    else:
        load = b.emit(memref.LoadOp.get(b.operand(op.tensor), op.indices))
        op.result.replace_all_uses_with(load.results[0])
    b.drop(op)


def _updated_place(b: Bufferizer, op: tensor.InsertOp | tensor.InsertSliceOp, step: Step) -> Place:
    """Where the result of an insertion lives: the destination, if its old content isn't wanted any more."""
    where = b.places[op.dest]
    if isinstance(where, Place) and where.buffer.writable:
        region = view(where, step)
        assert region is not None
        if not b.blockers(region) or b.evict(region, op.result, where):
            return where
    source = [(op.source, False)] if isinstance(op, tensor.InsertSliceOp) else []
    place = b.fresh(op.result, [(op.dest, False), *source], op.dest)
    if isinstance(where, Place):
        b.copy(where, place, "the array written into is read again, or not ours to write")
    else:
        b.fill(where, place)
    return place


def _insert(b: Bufferizer, op: tensor.InsertOp) -> None:
    place = _updated_place(b, op, element(op.indices))
    b.emit(memref.StoreOp.get(op.scalar, b.memref(place), op.indices))
    b.define(op.result, place)
    b.drop(op)


def _insert_slice(b: Bufferizer, op: tensor.InsertSliceOp) -> None:
    """Nothing at all where the source was computed in its slice of the destination already."""
    step = slice_of(op)
    source, where = b.places[op.source], b.places[op.dest]
    if isinstance(where, Place) and source == view(where, step):
        b.define(op.result, where)
        b.drop(op)
        return
    place = _updated_place(b, op, step)
    region = view(place, step)
    assert region is not None
    source = b.places[op.source]  # it may have been moved out of the way
    if isinstance(source, Place) and source != region and not disjoint(source, region):
        aside = b.alloc(op.source)
        b.copy(source, aside, "what is written into a slice overlaps it")
        b.copy(aside, region, "what is written into a slice overlaps it")
    else:
        b.write(op.source, region, "an array is assigned to a slice")
    b.define(op.result, place)
    b.drop(op)


def _from_elements(b: Bufferizer, op: tensor.FromElementsOp) -> None:
    place = b.fresh(op.result)
    shape = tensor_shape(op.result)
    if DYNAMIC_INDEX in shape:
        raise b.error("tensor.from_elements of a dynamic shape")
    ref = b.memref(place)
    for flat, scalar in enumerate(op.elements):
        indices: list[SSAValue] = []
        for extent in reversed(shape):
            indices.append(b.constant(flat % extent))
            flat //= extent
        b.emit(memref.StoreOp.get(scalar, ref, indices[::-1]))
    b.define(op.result, place)
    b.drop(op)


Bufferizer.RULES |= {
    arith.ConstantOp: _constant,
    tensor.EmptyOp: _empty,
    tensor.SplatOp: _splat,
    tensor.ExtractSliceOp: _extract_slice,
    tensor.InsertSliceOp: _insert_slice,
    tensor.CollapseShapeOp: _collapse,
    tensor.ExpandShapeOp: _expand,
    tensor.CastOp: _cast,
    tensor.DimOp: _dim,
    tensor.ExtractOp: _extract,
    tensor.InsertOp: _insert,
    tensor.FromElementsOp: _from_elements,
}
