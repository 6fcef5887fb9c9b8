"""The ops of the linalg rung, emitted at the trace's current place: functions from SSA values to SSA values.

An *extent* is an `int`, or an SSA value of type `index` where it is only known at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, cf, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
    i1,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from dialectad import locations
from dialectad.dialects import ad
from dialectad.dialects.linalg import DotOp, MatvecOp, VecmatOp
from dialectad.errors import Location
from dialectad.frontend import dtypes
from dialectad.frontend.dtypes import INDEX, DType
from dialectad.frontend.tracing import current

Extent = int | SSAValue
PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)
REDUCTION = IteratorTypeAttr(IteratorType.REDUCTION)


def op(operation: Operation) -> SSAValue:
    """Insert an op of one result and give that."""
    if dtypes.is_unsigned(operation.operands[0].type if operation.operands else INDEX):
        assert not _reads_sign(operation), f"{operation.name} of a number without a sign"
    return current().insert(operation).results[0]


_UNSIGNED: dict[type[Operation], type[Operation]] = {
    arith.MaxSIOp: arith.MaxUIOp,
    arith.MinSIOp: arith.MinUIOp,
    arith.DivSIOp: arith.DivUIOp,
    arith.FloorDivSIOp: arith.DivUIOp,
    arith.RemSIOp: arith.RemUIOp,
    arith.ShRSIOp: arith.ShRUIOp,
    arith.ExtSIOp: arith.ExtUIOp,
    arith.SIToFPOp: arith.UIToFPOp,
}
"""Ops on signed integers -> the ops that do the same on unsigned ones."""


def by_sign(operation: Any, value: SSAValue) -> Any:
    """The form of an op on signed integers that fits `value`, see Note [Signedness] in `dtypes.py`."""
    return _UNSIGNED.get(operation, operation) if dtypes.is_unsigned(value.type) else operation


def _reads_sign(operation: Operation) -> bool:
    if isinstance(operation, arith.CmpiOp):
        return operation.predicate.value.data in _SIGNED_PREDICATES
    return type(operation) in _UNSIGNED or isinstance(operation, arith.CeilDivSIOp)


_SIGNED_PREDICATES = range(2, 6)
"""The numbers of slt, sle, sgt and sge."""


# --- scalars -----------------------------------------------------------------------------------


def scalar_attr(value: Any, type_: Attribute) -> IntegerAttr[Any] | FloatAttr[Any]:
    """`value` as an attribute of a scalar type."""
    if dtypes.is_float(type_):
        return FloatAttr(float(value), type_)  # pyright: ignore[reportArgumentType, reportCallIssue]
    if dtypes.is_unsigned(type_):
        value = int(value) % 2 ** _width(type_)
    return IntegerAttr(int(value), type_)  # pyright: ignore[reportArgumentType, reportCallIssue]


def constant(value: Any, type_: Attribute) -> SSAValue:
    """A scalar constant."""
    return op(arith.ConstantOp(scalar_attr(value, type_), type_))


def index(value: Extent) -> SSAValue:
    """An extent as an SSA value."""
    return value if isinstance(value, SSAValue) else constant(value, INDEX)


def static(value: SSAValue) -> int | None:
    """The value of an integer constant, or None when it isn't one."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def check(condition: SSAValue, message: str, location: Location | None = None) -> None:
    """Raise at run time unless `condition` holds; `message` starts with the type of the exception."""
    assertion = current().insert(cf.AssertOp(condition, message))
    if location is not None:
        assertion.location = locations.to_attr(location)


# --- shapes ------------------------------------------------------------------------------------


def tensor_type(shape: Sequence[Extent], element: Attribute) -> TensorType[Any]:
    return TensorType(element, [s if isinstance(s, int) else DYNAMIC_INDEX for s in shape])


def element_type(type_: Attribute) -> Attribute:
    """The type of an element, or of a scalar."""
    return type_.element_type if isinstance(type_, TensorType) else type_


def element(value: SSAValue) -> Attribute:
    """The element type of a tensor, or the type of a scalar."""
    return value.type.element_type if isinstance(value.type, TensorType) else value.type


def rank(value: SSAValue) -> int:
    return len(value.type.get_shape()) if isinstance(value.type, TensorType) else 0


def shape(value: SSAValue) -> tuple[Extent, ...]:
    """The extents of a tensor; dynamic ones are found at the op that decides them."""
    if not isinstance(value.type, TensorType):
        return ()
    return tuple(
        n if n != DYNAMIC_INDEX else _dynamic_extent(value, axis)
        for axis, n in enumerate(value.type.get_shape())
    )


def _dynamic_extent(value: SSAValue, axis: int) -> SSAValue:
    if (known := current().extents.get(value)) is not None:
        return current().resolve(index(known[axis]))
    owner = value.owner
    match owner:
        case tensor.EmptyOp() | tensor.SplatOp():
            sizes = owner.operands[1:] if isinstance(owner, tensor.SplatOp) else owner.operands
            dynamic = [a for a, n in enumerate(value.type.get_shape()) if n == DYNAMIC_INDEX]  # pyright: ignore
            return current().resolve(sizes[dynamic.index(axis)])
        case tensor.ExtractSliceOp() if (
            len(owner.sizes) == 1
            and list(
                value.type.get_shape()  # pyright: ignore[reportAttributeAccessIssue]
            ).count(DYNAMIC_INDEX)
            == 1
        ):
            return current().resolve(owner.sizes[0])
        case linalg.GenericOp() | linalg.FillOp() | linalg.BroadcastOp() | linalg.TransposeOp():
            return _dynamic_extent(owner.operands[-1], axis)
        case tensor.InsertSliceOp() | tensor.InsertOp():
            return _dynamic_extent(owner.operands[1], axis)
        case scf.ForOp() if isinstance(value, OpResult) and _is_updated(owner, value.index):
            return _dynamic_extent(owner.iter_args[value.index], axis)
        case Operation() if (
            owner.name.startswith(("arith.", "math.", "ad.stop")) and owner.name != "arith.constant"
        ):
            return _dynamic_extent(owner.operands[-1], axis)
        case tensor.CastOp():
            return index(shape(owner.source)[axis])
        case ad.PopOp():
            sizes = [a for a, n in enumerate(value.type.get_shape()) if n == DYNAMIC_INDEX]  # pyright: ignore
            return current().resolve(owner.sizes[sizes.index(axis)])
        case _:
            return op(tensor.DimOp(value, constant(axis, INDEX)))


def _is_updated(loop: scf.ForOp, index: int) -> bool:
    """Whether what a loop carries is one tensor, of which elements or slices are replaced."""
    block = loop.body.block
    assert block.last_op is not None
    value = block.last_op.operands[index]
    while isinstance(value, OpResult):
        match value.op:
            case tensor.InsertOp() | tensor.InsertSliceOp():
                value = value.op.dest
            case scf.ForOp() if _is_updated(value.op, value.index):
                value = value.op.iter_args[value.index]
            case _:
                return False
    return value is block.args[index + 1]


def same_extent(a: Extent, b: Extent) -> bool:
    """Whether two extents are known to be equal."""
    return a == b if isinstance(a, int) and isinstance(b, int) else a is b


def empty(shape_: Sequence[Extent], element_: Attribute) -> SSAValue:
    dynamic = [s for s in shape_ if isinstance(s, SSAValue)]
    return op(tensor.EmptyOp(dynamic, tensor_type(shape_, element_)))


def splat(value: SSAValue, shape_: Sequence[Extent]) -> SSAValue:
    """A tensor of which every element is `value`."""
    dynamic = [s for s in shape_ if isinstance(s, SSAValue)]
    return op(tensor.SplatOp(value, dynamic, tensor_type(shape_, value.type)))


def full(shape_: Sequence[Extent], value: Any, element_: Attribute) -> SSAValue:
    """A tensor of which every element is the constant `value`."""
    return splat(constant(value, element_), shape_)


def dense(array: np.ndarray[Any, Any]) -> SSAValue:
    """A small constant tensor."""
    element_ = dtypes.to_ir(array.dtype)
    type_ = TensorType(element_, array.shape)
    if array.size == 0:
        return empty(array.shape, element_)
    if array.dtype == np.bool_ or not np.isfinite(array).all():
        result = empty(array.shape, element_)
        for position, value in np.ndenumerate(array):
            where = [constant(p, INDEX) for p in position]
            result = insert(constant(value, element_), result, where)
        return result
    attr = DenseIntOrFPElementsAttr.from_list(type_, array.ravel().tolist())  # pyright: ignore[reportArgumentType, reportCallIssue]
    return op(arith.ConstantOp(attr, type_))


def collapse(value: SSAValue) -> SSAValue:
    """All axes made one."""
    if rank(value) == 1:
        return value
    if rank(value) == 0:
        groups, total = [], [1]
        return op(_expand_op(value, groups, total))
    total = 1
    for n in shape(value):
        total = total * n if isinstance(n, int) and isinstance(total, int) else mul_index(total, n)
    return op(_collapse_op(value, [list(range(rank(value)))], [total]))


def mul_index(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if a == 1 or b == 1:
        return b if a == 1 else a
    return op(arith.MuliOp(index(a), index(b)))


def add_index(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if (isinstance(a, int) and a == 0) or (isinstance(b, int) and b == 0):
        return b if isinstance(a, int) else a
    return op(arith.AddiOp(index(a), index(b)))


def sub_index(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    if isinstance(b, int) and b == 0:
        return a
    if a is b:
        return 0
    return op(arith.SubiOp(index(a), index(b)))


def _reassociation(groups: Sequence[Sequence[int]]) -> Any:
    return ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in g]) for g in groups])


def _collapse_op(value: SSAValue, groups: Sequence[Sequence[int]], shape_: Sequence[Extent]) -> Operation:
    return tensor.CollapseShapeOp(
        operands=[value],
        result_types=[tensor_type(shape_, element(value))],
        properties={"reassociation": _reassociation(groups)},
    )


def _expand_op(value: SSAValue, groups: Sequence[Sequence[int]], shape_: Sequence[Extent]) -> Operation:
    return tensor.ExpandShapeOp(
        value,
        [s for s in shape_ if isinstance(s, SSAValue)],
        _reassociation(groups),
        [s if isinstance(s, int) else DYNAMIC_INDEX for s in shape_],
        tensor_type(shape_, element(value)),
    )


def reshape(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """The same elements in row-major order under another shape."""
    source = shape(value)
    if len(source) == len(target) and all(map(same_extent, source, target)):
        return value
    if isinstance(owner := value.owner, tensor.ExpandShapeOp | tensor.CollapseShapeOp):
        before = owner.operands[0]
        if before.type == tensor_type(target, element(value)) and before.type.has_static_shape():  # pyright: ignore
            return before
    if (groups := _unit_groups(source, target)) is not None:
        if not groups and len(target) < len(source):
            return op(_collapse_op(value, [], target))
        if len(target) < len(source):
            return op(_collapse_op(value, groups, target))
        return op(_expand_op(value, groups, target))
    flat = collapse(value)
    if len(target) == 1:
        return flat
    if len(target) == 0:
        return op(_collapse_op(flat, [], target))
    return op(_expand_op(flat, [list(range(len(target)))], target))


def _unit_groups(source: Sequence[Extent], target: Sequence[Extent]) -> list[list[int]] | None:
    """The reassociation when the shapes differ only by unit axes that one of them has and the other lacks."""
    longer, shorter = (source, target) if len(source) > len(target) else (target, source)
    if len(longer) == len(shorter):
        return None
    groups: list[list[int]] = []
    at, leading = 0, []
    for axis, n in enumerate(longer):
        if at < len(shorter) and same_extent(n, shorter[at]):
            groups.append([*leading, axis])
            leading, at = [], at + 1
        elif isinstance(n, int) and n == 1:
            if groups:
                groups[-1].append(axis)
            else:
                leading.append(axis)
        else:
            return None
    if at != len(shorter):
        return None
    return groups


def transpose(value: SSAValue, permutation: Sequence[int]) -> SSAValue:
    if list(permutation) == list(range(len(permutation))):
        return value
    source = shape(value)
    init = empty([source[p] for p in permutation], element(value))
    return op(linalg.TransposeOp(value, init, DenseArrayBase.from_list(i64, list(permutation)), init.type))


def broadcast(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """`value` repeated along the leading and the unit axes, to the shape `target`, as NumPy does."""
    source = shape(value)
    if not isinstance(value.type, TensorType):
        return splat(value, target)
    if len(source) == len(target) and all(map(same_extent, source, target)):
        return value
    lead = len(target) - len(source)
    added = list(range(lead))
    kept: list[Extent] = []
    for axis, n in enumerate(source):
        if isinstance(n, int) and n == 1 and not same_extent(n, target[lead + axis]):
            added.append(lead + axis)
        else:
            kept.append(n)
    value = reshape(value, kept)
    if not kept:
        return splat(extract(value, []), target)
    if not added:  # the extents that aren't the same are equal when this runs
        return op(tensor.CastOp(value, tensor_type(target, element(value))))
    init = empty(target, element(value))
    return op(linalg.BroadcastOp(value, init, DenseArrayBase.from_list(i64, added), init.type))


def retyped(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """`value` as a tensor of a type in which only the extents are static that are so in `target`."""
    type_ = tensor_type(target, element(value))
    return value if value.type == type_ else op(tensor.CastOp(value, type_))


# --- elements and slices -----------------------------------------------------------------------


def extract(value: SSAValue, where: Sequence[Extent]) -> SSAValue:
    return op(tensor.ExtractOp(value, [index(i) for i in where], element(value)))


def insert(scalar: SSAValue, into: SSAValue, where: Sequence[Extent]) -> SSAValue:
    return op(tensor.InsertOp(scalar, into, [index(i) for i in where]))


def _split(values: Sequence[Extent]) -> tuple[list[int], list[SSAValue]]:
    return (
        [v if isinstance(v, int) else DYNAMIC_INDEX for v in values],
        [v for v in values if isinstance(v, SSAValue)],
    )


def extract_slice(
    value: SSAValue,
    offsets: Sequence[Extent],
    sizes: Sequence[Extent],
    strides: Sequence[int],
    dropped: frozenset[int] = frozenset(),
) -> SSAValue:
    """A slice; the `dropped` axes, of size one, don't appear in the result."""
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    kept = [s for axis, s in enumerate(sizes) if axis not in dropped]
    return op(
        tensor.ExtractSliceOp.build(
            operands=[[value], dynamic_offsets, dynamic_sizes, []],
            result_types=[tensor_type(kept, element(value))],
            properties={
                "static_offsets": DenseArrayBase.from_list(i64, static_offsets),
                "static_sizes": DenseArrayBase.from_list(i64, static_sizes),
                "static_strides": DenseArrayBase.from_list(i64, list(strides)),
            },
        )
    )


def insert_slice(
    value: SSAValue,
    into: SSAValue,
    offsets: Sequence[Extent],
    sizes: Sequence[Extent],
    strides: Sequence[int],
) -> SSAValue:
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    return op(
        tensor.InsertSliceOp.build(
            operands=[[value], [into], dynamic_offsets, dynamic_sizes, []],
            result_types=[into.type],
            properties={
                "static_offsets": DenseArrayBase.from_list(i64, static_offsets),
                "static_sizes": DenseArrayBase.from_list(i64, static_sizes),
                "static_strides": DenseArrayBase.from_list(i64, list(strides)),
            },
        )
    )


# --- linalg ------------------------------------------------------------------------------------


def generic(
    inputs: Sequence[SSAValue],
    maps: Sequence[AffineMap],
    iterators: Sequence[IteratorTypeAttr],
    init: SSAValue,
    body: Any,
) -> SSAValue:
    """A `linalg.generic`; `body(*elements)` emits the scalar body and gives what it yields.

    `maps` are those of the inputs and then of the output.
    """
    trace = current()
    types = [element(v) for v in (*inputs, init)]
    block = Block(arg_types=types)
    with trace.open(block, "branch"):
        trace.insert(linalg.YieldOp(body(*block.args)))
    return op(
        linalg.GenericOp(
            inputs,
            [init],
            Region(block),
            ArrayAttr([AffineMapAttr(m) for m in maps]),
            ArrayAttr(list(iterators)),
            [init.type],
        )
    )


def flip(value: SSAValue, axes: frozenset[int]) -> SSAValue:
    """`value` with the order of the elements reversed along static `axes`."""
    extents, n = shape(value), rank(value)
    source: list[AffineExpr] = []
    for axis, extent in enumerate(extents):
        dim = AffineDimExpr(axis)
        assert axis not in axes or isinstance(extent, int)
        source.append(AffineConstantExpr(int(extent) - 1) - dim if axis in axes else dim)  # pyright: ignore
    maps = [AffineMap(n, 0, tuple(source)), AffineMap.identity(n)]
    init = empty(extents, element(value))
    return generic([value], maps, [PARALLEL] * n, init, lambda x, _: x)


def reduce(value: SSAValue, axes: Sequence[int], start: SSAValue, combine: type[Operation]) -> SSAValue:
    """`value` reduced over `axes` with a binary scalar op, starting from the scalar `start`."""
    kept = [n for axis, n in enumerate(shape(value)) if axis not in axes]
    init = splat(start, kept)
    block = Block(arg_types=[start.type, start.type])
    trace = current()
    with trace.open(block, "branch"):
        trace.insert(linalg.YieldOp(op(combine(*block.args))))  # pyright: ignore[reportCallIssue]
    return op(linalg.ReduceOp(value, init, DenseArrayBase.from_list(i64, sorted(axes)), Region(block)))


def _product(operation: Any, a: SSAValue, b: SSAValue, result: Sequence[Extent]) -> SSAValue:
    init = full(result, 0, element(a))
    if operation is linalg.MatmulOp:
        return op(linalg.MatmulOp([a, b], [init]))
    return op(operation([a, b], [init]))


def matmul(a: SSAValue, b: SSAValue) -> SSAValue:
    """The product of two tensors of rank one or two, as NumPy's `@` (a scalar for two vectors)."""
    match rank(a), rank(b):
        case 2, 2:
            return _product(linalg.MatmulOp, a, b, (shape(a)[0], shape(b)[1]))
        case 2, 1:
            return _product(MatvecOp, a, b, (shape(a)[0],))
        case 1, 2:
            return _product(VecmatOp, a, b, (shape(b)[1],))
        case _:
            return extract(_product(DotOp, a, b, ()), [])


# --- casts -------------------------------------------------------------------------------------


def _cast_op(value: SSAValue, to: Attribute, operation: Any) -> SSAValue:
    type_ = TensorType(to, value.type.get_shape()) if isinstance(value.type, TensorType) else to
    return op(operation(value, type_))


def _width(type_: Attribute) -> int:
    assert isinstance(type_, IntegerType)
    return type_.width.data


def cast(value: SSAValue, to: Attribute) -> SSAValue:
    """`value`, a scalar or tensor, with another element type, converted as NumPy's `astype`.

    As an `index`, an unsigned number that is too large stays large.
    """
    source = element(value)
    if source == to:
        return value
    if to == INDEX and source != i1 and dtypes.is_unsigned(source):
        if _width(source) == 64:
            value = op(arith.MinUIOp(value, like(value, 2**63 - 1)))
        return cast(cast(value, i64), INDEX)
    if source == INDEX or to == INDEX:
        if source == INDEX and not dtypes.is_integer(to):
            return cast(cast(value, dtypes.to_ir(dtypes.INT64)), to)
        if to == INDEX and source == i1:
            return cast(cast(value, dtypes.to_ir(dtypes.INT64)), to)
        if source == INDEX and to == i1:
            return cast(cast(value, dtypes.to_ir(dtypes.INT64)), to)
        return _cast_op(value, to, arith.IndexCastOp)
    if to == i1:
        return not_equal_zero(value)
    if dtypes.is_float(source):
        if dtypes.is_float(to):
            wider = to.bitwidth > source.bitwidth  # pyright: ignore[reportAttributeAccessIssue]
            return _cast_op(value, to, arith.ExtFOp if wider else arith.TruncFOp)
        return (
            _float_to_unsigned(value, to) if dtypes.is_unsigned(to) else _cast_op(value, to, arith.FPToSIOp)
        )
    if dtypes.is_float(to):
        return _cast_op(value, to, by_sign(arith.SIToFPOp, value))
    if _width(to) == _width(source):
        return _cast_op(value, to, arith.BitcastOp)
    if _width(to) < _width(source):
        return _cast_op(value, to, arith.TruncIOp)
    return _cast_op(value, to, by_sign(arith.ExtSIOp, value))


def _float_to_unsigned(value: SSAValue, to: Attribute) -> SSAValue:
    """By way of signed integers, so that -1 becomes the greatest number, as with NumPy."""
    if _width(to) < 64:
        return cast(cast(value, i64), to)
    half = like(value, 2.0**63)
    low, high = cast(value, i64), cast(op(arith.SubfOp(value, half)), i64)
    return cast(select(compare("olt", value, half), low, op(arith.XOrIOp(high, like(high, -(2**63))))), to)


def not_equal_zero(value: SSAValue) -> SSAValue:
    """Whether a number is not zero (NaN is not), the truth of a scalar or of every element of a tensor."""
    if element(value) == i1:
        return value
    zero = like(value, 0)
    if dtypes.is_float(element(value)):
        return compare("une", value, zero)
    return compare("ne", value, zero)


def like(value: SSAValue, number: Any) -> SSAValue:
    """A constant of the type (and shape) of `value`."""
    scalar = constant(number, element(value))
    return splat(scalar, shape(value)) if isinstance(value.type, TensorType) else scalar


def compare(predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
    """`arith.cmpf` or `arith.cmpi` by the name of the predicate.

    For integers `lt`, `le`, `gt` and `ge` look at the signs if there are any.
    """
    if dtypes.is_float(element(a)):
        return op(arith.CmpfOp(a, b, predicate))
    if predicate in ("lt", "le", "gt", "ge"):
        predicate = ("u" if dtypes.is_unsigned(a.type) else "s") + predicate
    return op(arith.CmpiOp(a, b, predicate))


def not_(condition: SSAValue) -> SSAValue:
    return op(arith.XOrIOp(condition, constant(1, i1)))


def select(condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
    return op(arith.SelectOp(condition, a, b))


def dtype(value: SSAValue) -> DType:
    return dtypes.from_ir(value.type)
