"""Reductions and generic ops before differentiation, where no rule takes them as they are.

- A reduction with `mulf` becomes a loop over slices: its reverse multiplies what comes before an element by
  what comes after it, which is right at zeros too.
- A `linalg.generic` that reduces with an extremum or a product becomes an elementwise one and a
  `linalg.reduce`.
- What reduces in another way, or reads elements of a tensor that varies, becomes a loop nest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.build import PARALLEL, generic_of, without
from dialectad.ad.primals import constant_of
from dialectad.ad.structured import EXTREMA, Parts, combiner
from dialectad.errors import CompileError


def prepare_reduce(op: linalg.ReduceOp) -> None:
    kind = combiner(op)
    if kind is arith.MulfOp:
        product_loop(op)
    elif kind is not arith.AddfOp and kind not in EXTREMA:
        assert isinstance(op.input.type, TensorType)
        rank = len(op.input.type.get_shape())
        out = without(rank, op.dimensions.get_values())
        loop_nest(op, [op.input], op.init, [AffineMap.identity(rank), out], op.region.block)


def _extent(emitter: Emitter, value: SSAValue, dim: int) -> SSAValue:
    assert isinstance(value.type, TensorType)
    size = value.type.get_shape()[dim]
    index = emitter.integer(dim if size == DYNAMIC_INDEX else size)
    return emitter.emit(tensor.DimOp(value, index)) if size == DYNAMIC_INDEX else index


def nest(
    emitter: Emitter,
    bounds: Sequence[SSAValue],
    state: SSAValue,
    body: Callable[[list[SSAValue], SSAValue], SSAValue],
    indices: Sequence[SSAValue] = (),
) -> SSAValue:
    """Loops from 0 to `bounds`, which carry `state` through `body(indices, state)`."""
    if not bounds:
        return body(list(indices), state)
    block = Block(arg_types=[INDEX, state.type])
    zero, one = emitter.integer(0), emitter.integer(1)
    with emitter.inside(block):
        new = nest(emitter, bounds[1:], block.args[1], body, [*indices, block.args[0]])
        emitter.insert(scf.YieldOp(new))
    return emitter.emit(scf.ForOp(zero, bounds[0], one, [state], block))


def product_loop(op: linalg.ReduceOp) -> None:
    """for i: acc *= x[i], on slices. Its reverse multiplies by what came before and what comes after."""
    emitter = Emitter.before(op)
    x, dims = op.input, op.dimensions.get_values()
    assert isinstance(x.type, TensorType)
    assert isinstance(op.init.type, TensorType)
    shape = x.type.get_shape()
    bounds = [_extent(emitter, x, dim) for dim in dims]
    sizes: list[SSAValue | int] = [
        1 if i in dims else _extent(emitter, x, i) if n == DYNAMIC_INDEX else n for i, n in enumerate(shape)
    ]

    def body(indices: list[SSAValue], state: SSAValue) -> SSAValue:
        if len(dims) == len(shape):
            return emitter.emit(arith.MulfOp(state, emitter.emit(tensor.ExtractOp(x, indices, state.type))))
        at = dict(zip(dims, indices, strict=True))
        offsets = [at.get(i, 0) for i in range(len(shape))]
        part = tensor.ExtractSliceOp(x, offsets, sizes, [1] * len(shape), state.type)
        return emitter.emit(arith.MulfOp(state, emitter.emit(part)))

    state: SSAValue = op.init
    if len(dims) == len(shape):
        state = emitter.emit(tensor.ExtractOp(state, [], x.type.element_type))
    result = nest(emitter, bounds, state, body)
    if len(dims) == len(shape):
        result = emitter.emit(tensor.SplatOp(result, [], op.init.type))
    _substitute(op, result)


def _substitute(op: Operation, value: SSAValue) -> None:
    op.results[0].replace_all_uses_with(value)
    block = op.parent
    assert block is not None
    block.erase_op(op)


def prepare_generic(op: linalg.GenericOp, activity: Activity) -> None:
    if len(op.outputs) != 1 or not op.results:
        raise CompileError(
            "linalg.generic with several results can't be differentiated",
            locations.of(op),
            hint="split it into one operation per result",
            pass_name="differentiate",
        )
    parts = Parts(op)
    gathers = any(
        (isinstance(o, tensor.ExtractOp) and o.tensor in activity.varied) or o.regions for o in parts.body.ops
    )
    if not gathers and (not parts.reduces or parts.addend is not None):
        return
    if not gathers and split_extremum(op):
        return
    loop_nest(op, op.inputs, op.outputs[0], parts.maps, parts.body)


def split_extremum(op: linalg.GenericOp) -> bool:
    """Turn `yield max(o, f)` into an elementwise op for f and a `linalg.reduce`, if the maps allow it."""
    parts = Parts(op)
    total, out_map, rank = parts.yielded.owner, parts.maps[-1], len(op.iterator_types)
    if type(total) not in (*EXTREMA, arith.MulfOp) or parts.out_arg not in total.operands:  # pyright: ignore[reportAttributeAccessIssue]
        return False
    if not parts.out_arg.has_one_use() or not all(isinstance(e, AffineDimExpr) for e in out_map.results):
        return False
    kept = [e.position for e in out_map.results]  # pyright: ignore[reportAttributeAccessIssue]
    dims = [i for i in range(rank) if i not in kept]
    if kept != sorted(kept):
        return False
    assert isinstance(total, Operation)
    emitter = Emitter.before(op)
    element = total.results[0].type
    bounds = _bounds(emitter, [*op.inputs, *op.outputs], parts.maps, rank)
    shape = [DYNAMIC_INDEX if (n := constant_of(b)) is None else n for b in bounds]
    type_ = TensorType(element, shape)
    sizes = [b for b, n in zip(bounds, shape, strict=True) if n == DYNAMIC_INDEX]
    block = Block(arg_types=[*(a.type for a in parts.body.args[:-1]), element])
    mapper: dict[SSAValue, SSAValue] = dict(zip(parts.body.args, block.args, strict=True))
    for o in tuple(parts.body.ops)[:-1]:
        if o is not total:
            block.add_op(o.clone(mapper))
    f = total.operands[1] if total.operands[0] is parts.out_arg else total.operands[0]
    block.add_op(linalg.YieldOp(mapper.get(f, f)))
    ins = list(zip(op.inputs, parts.maps, strict=False))
    mapped = generic_of(ins, emitter.empty(type_, sizes), AffineMap.identity(rank), (PARALLEL,) * rank, block)
    body = Block(arg_types=[element, element])
    combined = type(total)(body.args[0], body.args[1])  # pyright: ignore[reportCallIssue]
    body.add_ops([combined, linalg.YieldOp(combined.results[0])])
    value = emitter.emit(mapped)
    reduce = linalg.ReduceOp(value, op.outputs[0], DenseArrayBase.from_list(i64, dims), Region(body))
    emitter.insert(reduce)
    _substitute(op, reduce.results[0])
    if isinstance(combined, arith.MulfOp):
        product_loop(reduce)
    return True


def _bounds(
    emitter: Emitter, operands: Sequence[SSAValue], maps: Sequence[AffineMap], rank: int
) -> list[SSAValue]:
    bounds: list[SSAValue] = []
    for dim in range(rank):
        found = next(
            (value, axis)
            for value, m in zip(operands, maps, strict=True)
            for axis, e in enumerate(m.results)
            if isinstance(e, AffineDimExpr) and e.position == dim
        )
        bounds.append(_extent(emitter, *found))
    return bounds


def loop_nest(
    op: Operation, inputs: Sequence[SSAValue], init: SSAValue, maps: Sequence[AffineMap], body: Block
) -> None:
    """The op as the loops that it stands for, one element at a time."""
    emitter = Emitter.before(op)
    bounds = _bounds(emitter, [*inputs, init], maps, maps[0].num_dims)

    def element(indices: list[SSAValue], state: SSAValue) -> SSAValue:
        places = [[_affine(emitter, e, indices) for e in m.results] for m in maps]
        values = [*inputs, state]
        mapper: dict[SSAValue, SSAValue] = {}
        for arg, value, place in zip(body.args, values, places, strict=True):
            if isinstance(value.type, TensorType):
                value = emitter.emit(tensor.ExtractOp(value, place, arg.type))
            mapper[arg] = value
        for o in tuple(body.ops)[:-1]:
            if isinstance(o, linalg.IndexOp):
                mapper[o.result] = indices[o.dim.value.data]
            else:
                emitter.insert(o.clone(mapper))
        last = body.last_op
        assert last is not None
        result = mapper.get(last.operands[0], last.operands[0])
        return emitter.emit(tensor.InsertOp(result, state, places[-1]))

    _substitute(op, nest(emitter, bounds, init, element))


def _affine(emitter: Emitter, expr: AffineExpr, dims: Sequence[SSAValue]) -> SSAValue:
    match expr:
        case AffineDimExpr():
            return dims[expr.position]
        case AffineConstantExpr():
            return emitter.integer(expr.value)
        case AffineBinaryOpExpr() if expr.kind in _AFFINE:
            sides = _affine(emitter, expr.lhs, dims), _affine(emitter, expr.rhs, dims)
            return emitter.emit(_AFFINE[expr.kind](*sides))
        case _:
            raise AssertionError(f"an indexing map has no {expr}")


_AFFINE: dict[AffineBinaryOpKind, type[arith.SignlessIntegerBinaryOperation]] = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
    AffineBinaryOpKind.FloorDiv: arith.FloorDivSIOp,
    AffineBinaryOpKind.CeilDiv: arith.CeilDivSIOp,
    AffineBinaryOpKind.Mod: arith.RemSIOp,
}
