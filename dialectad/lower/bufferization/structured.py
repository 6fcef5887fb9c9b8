"""Bufferization of what computes whole tensors: `linalg`, elementwise `arith` and `math`, `blas`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from xdsl.dialects import arith, memref, tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, DenseArrayBase, TensorType, i32
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.dialects import blas, lapack, order
from dialectad.dialects import linalg as ours
from dialectad.dialects.destination import DestinationOp
from dialectad.lower.bufferization.bufferizer import Bufferizer, Read
from dialectad.lower.bufferization.places import Place, Splat, is_tensor
from dialectad.lower.bufferization.sinks import reads_out, same_index_inputs
from dialectad.walk import walk

PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)
REDUCTION = IteratorTypeAttr(IteratorType.REDUCTION)


def _generic(b: Bufferizer, op: linalg.GenericOp) -> None:
    _absorb_splats(b, op)
    _structured(b, op, same_index_inputs(op))


def _structured(b: Bufferizer, op: LinalgStructuredOperation, same_index: set[int]) -> None:
    """%r = linalg.op ins(%a) outs(%d) -> tensor  ~>  linalg.op ins(%A) outs(%R), %R holding %d if read."""
    inputs = list(op.inputs)
    captured = _captured(op.body.block)
    reads: list[Read] = [(v, i in same_index) for i, v in enumerate(inputs) if is_tensor(v)]
    reads += [(v, False) for v in captured]
    places: list[Place] = []
    for index, (dest, result) in enumerate(zip(op.outputs, op.res, strict=True)):
        place = b.choose(result, dest, reads, keeps_dest=reads_out(op, index))
        b.define(result, place)
        if result.first_use is None:  # still in the way of the other outputs of this op
            place.buffer.live[result] = place
        places.append(place)
    operands = [*map(b.operand, inputs), *map(b.memref, places)]
    for result, place in zip(op.res, places, strict=True):
        if result.first_use is None:
            place.buffer.live.pop(result, None)
    _load_captured(b, op.body.block)
    b.emit(
        linalg.GenericOp.create(
            operands=operands,
            properties={
                "indexing_maps": op.get_indexing_maps(),
                "iterator_types": op.get_iterator_types(),
                "operandSegmentSizes": _segments(len(inputs), len(places)),
            },
            attributes=op.attributes,
            regions=[op.detach_region(0)],
        )
    )
    b.drop(op)


@cache
def _segments(inputs: int, outputs: int) -> Attribute:
    return DenseArrayBase.from_list(i32, [inputs, outputs])


def _captured(body: Block) -> list[SSAValue]:
    """The tensors of outside that the body of a linalg op extracts from."""
    return [op.tensor for op in walk(body) if isinstance(op, tensor.ExtractOp)]


def _load_captured(b: Bufferizer, body: Block) -> None:
    for op in walk(body):
        if isinstance(op, tensor.ExtractOp):
            where = b.places[op.tensor]
            block = op.parent
            assert block is not None
            if isinstance(where, Splat):
                op.result.replace_all_uses_with(b.scalar(where, op.result.type))
            else:
                load = memref.LoadOp.get(b.operand(op.tensor), op.indices)
                load.location = op.location
                block.insert_op_before(load, op)
                op.result.replace_all_uses_with(load.results[0])
            block.erase_op(op)
        elif any(is_tensor(v) for v in (*op.operands, *op.results)):
            raise b.error(f"{op.name} on a tensor inside of a linalg op")


def _absorb_splats(b: Bufferizer, op: linalg.GenericOp) -> None:
    """An input of which all elements are one scalar is captured as that scalar.

    linalg.generic ins(%splat, %b) { ^bb(%x, %y, %o): use %x }  ~>  linalg.generic ins(%b) { use %scalar }
    """
    maps = list(op.indexing_maps.data)
    for index in reversed(range(len(op.inputs))):
        value = op.inputs[index]
        where = b.places.get(value) if is_tensor(value) else None
        if not isinstance(where, Splat):
            continue
        rest = maps[:index] + maps[index + 1 :]
        bound = {e.position for m in rest for e in m.data.results if isinstance(e, AffineDimExpr)}
        if len(bound) != maps[0].data.num_dims:
            continue  # nothing else tells the extents of the loops
        arg = op.body.block.args[index]
        if arg.first_use is not None:
            arg.replace_all_uses_with(b.scalar(where, arg.type))
        op.body.block.erase_arg(arg)
        maps = rest
        operands = list(op.operands)
        del operands[index]
        op.operands = operands
        op.properties["operandSegmentSizes"] = _segments(len(operands) - len(op.res), len(op.res))
        op.properties["indexing_maps"] = ArrayAttr(maps)


def _named(b: Bufferizer, op: LinalgStructuredOperation) -> None:
    _structured(b, op, set())


def _fill(b: Bufferizer, op: linalg.FillOp) -> None:
    b.define(op.res[0], Splat(op.inputs[0]))
    b.drop(op)


def _broadcast(b: Bufferizer, op: linalg.BroadcastOp) -> None:
    """As a generic whose input map leaves the added dimensions out."""
    rank = len(cast(TensorType[Any], op.init.type).get_shape())
    added = op.dimensions.get_values()
    kept = AffineMap(rank, 0, tuple(AffineDimExpr(d) for d in range(rank) if d not in added))
    where = b.places[op.input]
    if isinstance(where, Splat):
        b.define(op.results[0], where)
        b.drop(op)
        return
    _rewritten(b, op, op.hidden_region, [kept, AffineMap.identity(rank)], [PARALLEL] * rank)


def _transpose(b: Bufferizer, op: linalg.TransposeOp) -> None:
    where = b.places[op.inputs[0]]
    if isinstance(where, Splat):
        b.define(op.res[0], where)
        b.drop(op)
        return
    maps = [m.data for m in op.get_indexing_maps()]
    _rewritten(b, op, op.body, maps, list(op.get_iterator_types()))


def _reduce(b: Bufferizer, op: linalg.ReduceOp) -> None:
    """As a generic whose output map leaves the reduced dimensions out."""
    rank = len(cast(TensorType[Any], op.input.type).get_shape())
    reduced = op.dimensions.get_values()
    kept = AffineMap(rank, 0, tuple(AffineDimExpr(d) for d in range(rank) if d not in reduced))
    iterators = [REDUCTION if d in reduced else PARALLEL for d in range(rank)]
    _rewritten(b, op, op.region, [AffineMap.identity(rank), kept], iterators)


def _rewritten(
    b: Bufferizer,
    op: Operation,
    region: Region,
    maps: Sequence[AffineMap],
    iterators: Sequence[IteratorTypeAttr],
) -> None:
    """Bufferize a unary op in destination-passing style as a generic."""
    value, dest = op.operands
    result = op.results[0]
    keeps = region.block.args[1].first_use is not None
    place = b.choose(result, dest, [(value, False)], keeps_dest=keeps)
    operands = [b.operand(value), b.memref(place)]
    b.define(result, place)
    op.detach_region(region)
    map_attrs = ArrayAttr([AffineMapAttr(m) for m in maps])
    _emit_generic(b, operands, map_attrs, ArrayAttr(iterators), region)
    b.drop(op)


def _emit_generic(
    b: Bufferizer,
    operands: Sequence[SSAValue],
    maps: Attribute,
    iterators: Attribute,
    region: Region,
) -> None:
    b.emit(
        linalg.GenericOp.create(
            operands=operands,
            properties={
                "indexing_maps": maps,
                "iterator_types": iterators,
                "operandSegmentSizes": _segments(len(operands) - 1, 1),
            },
            regions=[region],
        )
    )


def _elementwise(b: Bufferizer, op: Operation) -> None:
    """%r = arith.addf %a, %b : tensor<4xf64>  ~>  linalg.generic ins(%A, %B) outs(%R) { addf }"""
    result = op.results[0]
    type_ = cast(TensorType[Any], result.type)
    rank = len(type_.get_shape())
    template = next(v for v in op.operands if is_tensor(v))
    reads: list[Read] = [(v, True) for v in op.operands if is_tensor(v)]
    place = _elementwise_place(b, result, template, reads)
    inputs: list[SSAValue] = []
    scalars: dict[int, SSAValue] = {}
    for index, value in enumerate(op.operands):
        where = b.places.get(value)
        if not is_tensor(value):
            scalars[index] = value
        elif isinstance(where, Splat):
            scalars[index] = b.scalar(where, cast(TensorType[Any], value.type).element_type)
        else:
            inputs.append(value)
    types = [cast(TensorType[Any], v.type).element_type for v in inputs]
    block = Block(arg_types=[*types, type_.element_type])
    args = iter(block.args)
    body = type(op).create(
        operands=[scalars[i] if i in scalars else next(args) for i in range(len(op.operands))],
        result_types=[type_.element_type],
        properties=op.properties,
        attributes=op.attributes,
        location=op.location,
    )
    block.add_ops([body, linalg.YieldOp(body.results[0])])
    operands = [*map(b.operand, inputs), b.memref(place)]
    b.define(result, place)
    maps, iterators = _elementwise_maps(rank, len(operands))
    _emit_generic(b, operands, maps, iterators, Region(block))
    b.drop(op)


@cache
def _elementwise_maps(rank: int, operands: int) -> tuple[Attribute, Attribute]:
    identity = AffineMapAttr(AffineMap.identity(rank))
    return ArrayAttr([identity] * operands), ArrayAttr([PARALLEL] * rank)


def _elementwise_place(b: Bufferizer, result: SSAValue, template: SSAValue, reads: Sequence[Read]) -> Place:
    if (end := b.sink_place(result)) is not None and b.may_write(end, reads):
        return end
    for value, _ in reads:
        place = b.places[value]
        if (
            value in b.dying
            and isinstance(place, Place)
            and value.type == result.type
            and b.may_write(place, reads)
        ):
            return place
    return b.alloc(result, template)


def _to_destination(b: Bufferizer, op: DestinationOp) -> None:
    """What the destination held before may be of no interest."""
    assert op.result is not None
    *inputs, dest = op.operands
    reads: list[Read] = [(value, False) for value in inputs]
    place = b.choose(op.result, dest, reads, keeps_dest=op.reads_destination())
    operands = [*map(b.operand, inputs), b.memref(place)]
    b.define(op.result, place)
    b.emit(type(op).create(operands=operands, properties=op.properties, attributes=op.attributes))
    b.drop(op)


def _scalar(b: Bufferizer, op: blas.DotOp | lapack.LogdetOp) -> None:
    op.operands = [b.operand(value) for value in op.operands]


Bufferizer.RULES |= {
    linalg.GenericOp: _generic,
    linalg.FillOp: _fill,
    linalg.BroadcastOp: _broadcast,
    linalg.TransposeOp: _transpose,
    linalg.ReduceOp: _reduce,
    arith.AddfOp: lambda b, op: _elementwise(b, op) if is_tensor(op.results[0]) else None,
    blas.DotOp: _scalar,
    lapack.LogdetOp: _scalar,
    **{
        kind: _to_destination
        for dialect in (blas.BLAS, lapack.LAPACK, order.ORDER)
        for kind in dialect.operations
        if issubclass(kind, DestinationOp)
    },
    **dict.fromkeys(
        (
            linalg.MatmulOp,
            ours.MatvecOp,
            ours.VecmatOp,
            ours.DotOp,
            linalg.AddOp,
            linalg.SubOp,
            linalg.MulOp,
            linalg.ExpOp,
            linalg.LogOp,
            linalg.SqrtOp,
            linalg.SelectOp,
            linalg.MaxOp,
            linalg.MinOp,
            linalg.CopyOp,
        ),
        _named,
    ),
}
