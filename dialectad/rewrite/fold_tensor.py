"""`canonicalize` on `tensor`, and on the linalg ops that only move elements."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from dialectad.dialects.extents import source as source_of_extent
from dialectad.rewrite import constants, elementwise, extents, slices
from dialectad.rewrite.elementwise import ZERO
from dialectad.rewrite.rewriter import Rewriter

Rule = Callable[..., SSAValue | None]


def _covers_all(op: slices.Slice, whole: SSAValue) -> bool:
    """Whether the slice is the whole tensor."""
    return (
        all(o == 0 for o in slices.offsets(op))
        and all(s == 1 for s in slices.strides(op))
        and all(_is_extent(size, whole, dim) for dim, size in enumerate(slices.sizes(op)))
    )


def _is_extent(size: int | SSAValue, value: SSAValue, dim: int) -> bool:
    known = source_of_extent(value, dim)
    if isinstance(size, int) or isinstance(known, int):
        return size == known
    if isinstance(known, SSAValue):
        return size is known
    owner = size.owner
    return (
        isinstance(owner, tensor.DimOp)
        and owner.source is known[0]
        and constants.integer(owner.index) == known[1]
    )


def _splat(op: Operation, rw: Rewriter, scalar: SSAValue) -> SSAValue:
    """A tensor like the result of `op`, all of it `scalar`."""
    type_ = op.results[0].type
    assert isinstance(type_, TensorType)
    return rw.insert(op, tensor.SplatOp(scalar, extents.dynamic_sizes(op.results[0], op), type_))


def _uniform(op: Operation, rw: Rewriter, source: SSAValue) -> SSAValue | None:
    """Moving the elements of a uniform tensor around gives one.

    %s = tensor.splat %x;  %r = linalg.transpose ins(%s)   ~>   %r = tensor.splat %x
    """
    scalar = constants.uniform_source(source)
    if scalar is not None:
        return _splat(op, rw, scalar)
    attr = constants.uniform(source)
    return None if attr is None else _splat(op, rw, rw.constant(op, attr))


def _extract(op: tensor.ExtractOp, rw: Rewriter) -> SSAValue | None:
    """An element is looked for in what the tensor is made of.

    %t = tensor.insert %x into %u[%i];  %e = tensor.extract %t[%i]   ~>   %x
    """
    source, indices = op.tensor, list(op.indices)
    scalar = constants.uniform_source(source)
    if scalar is not None:
        return scalar
    content = constants.dense(source)
    if content is not None:
        return _constant_element(op, rw, content)
    owner = source.owner
    if isinstance(owner, tensor.InsertOp):
        same = [_equal(a, b) for a, b in zip(indices, owner.indices, strict=True)]
        if all(s is True for s in same):
            return owner.scalar
        if any(s is False for s in same):
            return rw.insert(op, tensor.ExtractOp(owner.dest, indices, op.result.type))
    elif isinstance(owner, tensor.FromElementsOp):
        return _from_elements(op, owner)
    elif isinstance(owner, tensor.CastOp):
        return rw.insert(op, tensor.ExtractOp(owner.source, indices, op.result.type))
    elif isinstance(owner, tensor.ExtractSliceOp):
        at = [slices.as_value(rw, op, i) for i in slices.outer_offsets(rw, op, owner, list(indices))]
        return rw.insert(op, tensor.ExtractOp(owner.source, at, op.result.type))
    elif isinstance(
        owner, linalg.BroadcastOp | linalg.TransposeOp | tensor.CollapseShapeOp | tensor.ExpandShapeOp
    ):
        reads = elementwise.reads(owner)
        if reads is not None:
            ((inner, access),) = reads
            at = [indices[i] if i != ZERO else _zero(op, rw) for i in access]  # pyright: ignore
            return rw.insert(op, tensor.ExtractOp(inner, at, op.result.type))
    return None


def _zero(op: Operation, rw: Rewriter) -> SSAValue:
    return rw.constant(op, IntegerAttr(0, IndexType()))


def _all_equal(a: tensor.ExtractOp | tensor.InsertOp, b: tensor.ExtractOp | tensor.InsertOp) -> bool:
    return all(_equal(x, y) for x, y in zip(a.indices, b.indices, strict=True))


def _equal(a: SSAValue, b: SSAValue) -> bool | None:
    if a is b:
        return True
    x, y = constants.integer(a), constants.integer(b)
    return None if x is None or y is None else x == y


def _flat_index(op: tensor.ExtractOp) -> int | None:
    """Where in row-major order the element is, if that is known and in bounds."""
    type_ = op.tensor.type
    assert isinstance(type_, TensorType)
    flat = 0
    for index, extent in zip(op.indices, type_.get_shape(), strict=True):
        number = constants.integer(index)
        if number is None or not 0 <= number < extent:
            return None
        flat = flat * extent + number
    return flat


def _constant_element(
    op: tensor.ExtractOp, rw: Rewriter, content: DenseIntOrFPElementsAttr
) -> SSAValue | None:
    attr = constants.splat_element(content)
    if attr is None:
        flat = _flat_index(op)
        if flat is None:
            return None
        attr = constants.number_attr(content.get_values()[flat], content.get_element_type())
    return rw.constant(op, attr)


def _from_elements(op: tensor.ExtractOp, owner: tensor.FromElementsOp) -> SSAValue | None:
    flat = _flat_index(op)
    return None if flat is None else owner.elements[flat]


def _insert(op: tensor.InsertOp, rw: Rewriter) -> SSAValue | None:
    """Putting back what is there changes nothing, and putting twice is putting once.

    %x = tensor.extract %t[%i];  %r = tensor.insert %x into %t[%i]   ~>   %t

    What else reads what was put first would keep that apart from `%t`, as a copy.
    """
    owner = op.scalar.owner
    if isinstance(owner, tensor.ExtractOp) and owner.tensor is op.dest and _all_equal(op, owner):
        return op.dest
    before = op.dest.owner
    if isinstance(before, tensor.InsertOp) and _all_equal(op, before) and op.dest.has_one_use():
        return rw.insert(op, tensor.InsertOp(op.scalar, before.dest, list(op.indices)))
    return None


def _extract_slice(op: tensor.ExtractSliceOp, rw: Rewriter) -> SSAValue | None:
    """A slice of a uniform tensor, of all, of a slice, of what was just put there, or beside it.

    %a = tensor.extract_slice %t[2] [5] [1];  %b = tensor.extract_slice %a[1] [3] [1]
    ~> %b = tensor.extract_slice %t[3] [3] [1]
    """
    uniform = _uniform(op, rw, op.source)
    if uniform is not None:
        return uniform
    if op.source.type == op.result.type and _covers_all(op, op.source):
        return op.source
    owner = op.source.owner
    if isinstance(owner, tensor.InsertSliceOp):
        if owner.source.type == op.result.type and slices.same_place(owner, op):
            return owner.source
        return slices.past_insertion(rw, op, owner)
    return slices.slice_of_slice(rw, op, owner) if isinstance(owner, tensor.ExtractSliceOp) else None


def _insert_slice(op: tensor.InsertSliceOp, rw: Rewriter) -> SSAValue | None:
    """Overwriting all, putting back what is there, and overwriting what was just put there (see `_insert`).

    %s = tensor.extract_slice %t[0] [3] [1];  %r = tensor.insert_slice %s into %t[0] [3] [1]   ~>   %t
    """
    if op.source.type == op.dest.type and _covers_all(op, op.dest):
        return op.source
    owner = op.source.owner
    if isinstance(owner, tensor.ExtractSliceOp) and owner.source is op.dest and slices.same_place(owner, op):
        return op.dest
    before = op.dest.owner
    if isinstance(before, tensor.InsertSliceOp) and slices.same_place(before, op) and op.dest.has_one_use():
        new = op.clone()
        new.operands[1] = before.dest
        return rw.insert(op, new)
    return None


def _reshape(op: tensor.CollapseShapeOp | tensor.ExpandShapeOp, rw: Rewriter) -> SSAValue | None:
    """A reshape to the same shape, of a uniform tensor, or back to where it came from.

    %e = tensor.expand_shape %t [[0, 1]];  %r = tensor.collapse_shape %e [[0, 1]]   ~>   %t
    """
    if op.src.type == op.result.type:
        return op.src
    uniform = _uniform(op, rw, op.src)
    if uniform is not None:
        return uniform
    owner = op.src.owner
    if isinstance(owner, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        if type(owner) is type(op):
            return _twice(op, owner, rw)
        if owner.src.type == op.result.type and owner.reassociation == op.reassociation:
            return owner.src
    return None


def _twice(op: Operation, inner: Operation, rw: Rewriter) -> SSAValue:
    """collapse(collapse x) and expand(expand x) are one."""
    first, second = (op, inner) if isinstance(op, tensor.CollapseShapeOp) else (inner, op)
    outer_groups = [[i.value.data for i in g] for g in first.reassociation]  # pyright: ignore
    inner_groups = [list(g) for g in second.reassociation]  # pyright: ignore
    groups = ArrayAttr([ArrayAttr([i for k in group for i in inner_groups[k]]) for group in outer_groups])
    new = type(op).create(
        operands=[inner.operands[0], *op.operands[1:]],
        result_types=op.result_types,
        properties={**op.properties, "reassociation": groups},
    )
    return rw.insert(op, new)


def _cast(op: tensor.CastOp, rw: Rewriter) -> SSAValue | None:
    """cast(x) -> x and cast(cast x) -> x where the type is x's"""
    source = op.source
    while isinstance(source.owner, tensor.CastOp):
        source = source.owner.source
        if source.type == op.dest.type:
            return source
    return source if source.type == op.dest.type else None


def _dim(op: tensor.DimOp, rw: Rewriter) -> SSAValue | None:
    """An extent that is known, or that of another tensor.

    %s = tensor.splat %x[%n];  %d = tensor.dim %s, %c0   ~>   %n
    """
    dim = constants.integer(op.index)
    if dim is None or not isinstance(op.source.type, TensorType):
        return None
    known = source_of_extent(op.source, dim)
    if known == (op.source, dim):
        return None
    return extents.extent(op.source, dim, op, {})


def _transpose(op: linalg.TransposeOp, rw: Rewriter) -> SSAValue | None:
    """A transpose that moves nothing, of a uniform tensor, or of a transpose.

    %t = linalg.transpose ins(%a) permutation = [1, 0];  %r = linalg.transpose ins(%t) permutation = [1, 0]
    ~> %a
    """
    source, permutation = op.inputs[0], op.permutation.get_values()
    if tuple(permutation) == tuple(range(len(permutation))):
        return source
    uniform = _uniform(op, rw, source)
    if uniform is not None:
        return uniform
    owner = source.owner
    if not isinstance(owner, linalg.TransposeOp):
        return None
    inner = owner.permutation.get_values()
    both = DenseArrayBase.from_list(i64, [inner[p] for p in permutation])  # pyright: ignore
    return rw.insert(op, linalg.TransposeOp(owner.inputs[0], op.outputs[0], both))


def _broadcast(op: linalg.BroadcastOp, rw: Rewriter) -> SSAValue | None:
    """A broadcast that adds nothing, of a uniform tensor, or of a broadcast.

    %b = linalg.broadcast ins(%a) dimensions = [0];  %r = linalg.broadcast ins(%b) dimensions = [2]
    ~> %r = linalg.broadcast ins(%a) dimensions = [0, 2]
    """
    added = op.dimensions.get_values()
    if len(added) == 0:
        return op.input
    uniform = _uniform(op, rw, op.input)
    if uniform is not None:
        return uniform
    owner = op.input.owner
    if not isinstance(owner, linalg.BroadcastOp):
        return None
    rank = len(added) + len(op.input.type.get_shape())  # pyright: ignore[reportAttributeAccessIssue]
    kept = [d for d in range(rank) if d not in added]
    both = sorted([*added, *(kept[d] for d in owner.dimensions.get_values())])  # pyright: ignore
    return rw.insert(op, linalg.BroadcastOp(owner.input, op.init, DenseArrayBase.from_list(i64, both)))


def _constant(op: arith.ConstantOp, rw: Rewriter) -> SSAValue | None:
    """%r = arith.constant dense<2.0>   ~>   %two = arith.constant 2.0;  %r = tensor.splat %two"""
    attr = op.properties["value"]
    element = constants.splat_element(attr) if isinstance(attr, DenseIntOrFPElementsAttr) else None
    return None if element is None else _splat(op, rw, rw.constant(op, element))


def _fill(op: linalg.FillOp, rw: Rewriter) -> SSAValue | None:
    """%r = linalg.fill ins(%x) outs(%empty)   ~>   %r = tensor.splat %x"""
    return _splat(op, rw, op.inputs[0]) if op.results else None


RULES: dict[type[Operation], Rule] = {
    arith.ConstantOp: _constant,
    tensor.ExtractOp: _extract,
    tensor.InsertOp: _insert,
    tensor.ExtractSliceOp: _extract_slice,
    tensor.InsertSliceOp: _insert_slice,
    tensor.CollapseShapeOp: _reshape,
    tensor.ExpandShapeOp: _reshape,
    tensor.CastOp: _cast,
    tensor.DimOp: _dim,
    linalg.TransposeOp: _transpose,
    linalg.BroadcastOp: _broadcast,
    linalg.FillOp: _fill,
}
