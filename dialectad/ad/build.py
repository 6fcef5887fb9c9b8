"""Shorthands for the linalg ops that adjoints are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, DenseArrayBase, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.ad.algebra import Emitter, element_type

PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)
REDUCTION = IteratorTypeAttr(IteratorType.REDUCTION)

Body = Callable[[Emitter, Sequence[SSAValue]], SSAValue]


def without(rank: int, dims: Sequence[int]) -> AffineMap:
    """The map from `rank` dimensions to those not in `dims`."""
    return AffineMap(rank, 0, tuple(AffineDimExpr(i) for i in range(rank) if i not in dims))


def generic(
    emitter: Emitter,
    ins: Sequence[tuple[SSAValue, AffineMap]],
    out: SSAValue,
    out_map: AffineMap,
    iterators: Sequence[IteratorTypeAttr],
    body: Body,
) -> SSAValue:
    """`linalg.generic` with a body made by `body(emitter, arguments)`."""
    block = Block(arg_types=[element_type(v.type) for v in (*(i for i, _ in ins), out)])
    with emitter.inside(block):
        emitter.insert(linalg.YieldOp(body(emitter, block.args)))
    return emitter.emit(generic_of(ins, out, out_map, iterators, block))


def generic_of(
    ins: Sequence[tuple[SSAValue, AffineMap]],
    out: SSAValue,
    out_map: AffineMap,
    iterators: Sequence[IteratorTypeAttr],
    block: Block,
) -> linalg.GenericOp:
    """`linalg.generic` with one output: a tensor, or a memref that it writes."""
    maps = ArrayAttr([AffineMapAttr(m) for m in (*(m for _, m in ins), out_map)])
    results = [out.type] if isinstance(out.type, TensorType) else []
    return linalg.GenericOp([i for i, _ in ins], [out], Region(block), maps, ArrayAttr(iterators), results)


def reduce_add(emitter: Emitter, value: SSAValue, init: SSAValue, dims: Sequence[int]) -> SSAValue:
    """`linalg.reduce` of `value` over `dims`, added to `init`."""
    element = element_type(value.type)
    block = Block(arg_types=[element, element])
    with emitter.inside(block):
        emitter.insert(linalg.YieldOp(emitter.emit(arith.AddfOp(block.args[0], block.args[1]))))
    return emitter.emit(
        linalg.ReduceOp(value, init, DenseArrayBase.from_list(i64, list(dims)), Region(block))
    )


def spread(emitter: Emitter, value: SSAValue, dest: SSAValue, dims: Sequence[int]) -> SSAValue:
    """`linalg.broadcast` of `value` along new dimensions `dims`; a splat of what has rank 0."""
    if isinstance(value.type, TensorType) and not value.type.get_shape():
        scalar = (
            value.owner.input
            if isinstance(value.owner, tensor.SplatOp)
            else emitter.emit(tensor.ExtractOp(value, [], value.type.element_type))
        )
        assert isinstance(dest.owner, tensor.EmptyOp)
        assert isinstance(dest.type, TensorType)
        return emitter.emit(tensor.SplatOp(scalar, dest.owner.dynamic_sizes, dest.type))
    return emitter.emit(linalg.BroadcastOp(value, dest, DenseArrayBase.from_list(i64, list(dims))))


def full_sum(emitter: Emitter, value: SSAValue) -> SSAValue:
    """The sum of all elements of a tensor, a scalar."""
    assert isinstance(value.type, TensorType)
    rank = len(value.type.get_shape())
    if rank:
        element = value.type.element_type
        init = emitter.zero(TensorType(element, []))
        value = reduce_add(emitter, value, init, range(rank))
    return emitter.emit(tensor.ExtractOp(value, [], element_type(value.type)))


def prune(block: Block) -> None:
    """Erase the ops of a scalar body whose results nobody uses."""
    op: Operation | None = block.last_op
    while op is not None:
        before = op.prev_op
        if op.results and not any(result.first_use for result in op.results):
            block.erase_op(op)
        op = before
