"""The ops of `order` on memrefs as calls of functions that `order_library` defines.

    order.argsort(%x, %o)  ->  %w = memref.alloc(%size) : memref<?xi64>
                               func.call @dialectad.argsort.f64(%x, %x0, %x1, %o, %o0, %o1, %w, %rows, %n)

An array is a pointer and the distances of neighbours along its axes, so whatever layout it has will do.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, IntegerAttr, IntegerType, MemRefType, i64
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import order
from dialectad.lower.blas_calls import Caller
from dialectad.lower.blas_loops import element_type
from dialectad.lower.loops.nest import strides
from dialectad.lower.order_library import ARGSORT, SEARCH, SEARCH_RIGHT, WORK

_INDEX = IndexType()


def _type_name(t: Attribute) -> str:
    return f"i{t.width.data}" if isinstance(t, IntegerType) else str(t)


def _number(c: Caller, value: int) -> SSAValue:
    return c.builder.insert(arith.ConstantOp(IntegerAttr(value, i64))).result


def _wide(c: Caller, value: SSAValue) -> SSAValue:
    return c.builder.insert(arith.IndexCastOp(value, i64)).result


def _extent(c: Caller, value: SSAValue, axis: int) -> SSAValue:
    assert isinstance(value.type, MemRefType)
    n = value.type.get_shape()[axis]
    if n != DYNAMIC_INDEX:
        return _number(c, n)
    position = c.builder.insert(arith.ConstantOp(IntegerAttr(axis, _INDEX))).result
    return _wide(c, c.builder.insert(memref.DimOp(value, position)).result)


def _array(c: Caller, value: SSAValue) -> list[SSAValue]:
    """The address of the first element, and a distance for each axis."""
    assert isinstance(value.type, MemRefType)
    known = strides(value.type)
    if None not in known:
        return [c.pointer(value), *(_number(c, n) for n in known if n is not None)]
    metadata = c.builder.insert(memref.ExtractStridedMetaDataOp(value))
    return [c.pointer(value), *(_wide(c, distance) for distance in metadata.strides)]


def _argsort(op: order.ArgsortOp, c: Caller) -> None:
    rows, n = _extent(c, op.source, 0), _extent(c, op.source, 1)
    size = c.builder.insert(arith.MuliOp(n, _number(c, WORK))).result
    room = c.builder.insert(arith.IndexCastOp(size, _INDEX)).result
    work = c.builder.insert(memref.AllocOp([room], [], MemRefType(i64, [DYNAMIC_INDEX]))).results[0]
    name = f"{ARGSORT}.{_type_name(element_type(op.source))}"
    c.function(name, [*_array(c, op.source), *_array(c, op.dest), c.pointer(work), rows, n])
    c.builder.insert(memref.DeallocOp.get(work))


def _search(op: order.SearchOp, c: Caller) -> None:
    name = f"{SEARCH if op.right is None else SEARCH_RIGHT}.{_type_name(element_type(op.source))}"
    arrays = [*_array(c, op.source), *_array(c, op.values), *_array(c, op.dest)]
    c.function(name, [*arrays, _extent(c, op.source, 0), _extent(c, op.values, 0)])


CALLS: dict[type[Operation], Callable[..., None]] = {order.ArgsortOp: _argsort, order.SearchOp: _search}
"""Op type -> what emits its call."""
