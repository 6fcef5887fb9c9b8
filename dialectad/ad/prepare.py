"""Bring a function's body into the form that the rules take. Only what varies is touched.

- calls are inlined;
- reverse mode: a `while` counts its iterations, and its first region holds nothing but the condition
  (what it computes moves in front of the loop and to the end of its body);
- a reduction with `mulf` becomes a loop over slices, whose reverse is the exclusive product;
- a `linalg.generic` or `reduce` that reduces with anything but a sum becomes a `linalg.reduce` where it is
  an extremum, and otherwise, or if it reads elements of a tensor that varies, a loop nest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, TensorType, UnitAttr, i64
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
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.build import PARALLEL, generic_of, without
from dialectad.ad.primals import constant_of
from dialectad.dialects.ad import PopOp, PushOp
from dialectad.errors import CompileError

COUNTED = "dialectad.counted"
"""Marks a `scf.while` whose last result counts its iterations, while its function is differentiated."""


def inline_calls(block: Block, functions: dict[str, func.FuncOp]) -> None:
    """Replace every call of a function with a body by that body."""
    calls = [op for op in block.walk() if isinstance(op, func.CallOp)]
    while calls:
        call = calls.pop()
        callee = functions.get(call.callee.root_reference.data)
        parent = call.parent
        if callee is None or callee.is_declaration or parent is None:
            continue
        body = callee.body.block
        mapper: dict[SSAValue, SSAValue] = dict(zip(body.args, call.operands, strict=True))
        for op in tuple(body.ops)[:-1]:
            clone = op.clone(mapper)
            parent.insert_op_before(clone, call)
            calls += [o for o in clone.walk() if isinstance(o, func.CallOp)]
        last = body.last_op
        assert isinstance(last, func.ReturnOp)
        for old, new in zip(call.results, last.operands, strict=True):
            old.replace_all_uses_with(mapper.get(new, new))
        parent.erase_op(call)


def prepare(block: Block, activity: Activity, *, reverse: bool) -> None:
    """Rewrite what varies in `block` for the rules."""
    for op in tuple(block.walk()):
        if type(op) is scf.WhileOp:
            if reverse and any(_varies(o, activity) for o in op.walk()):
                count_iterations(rotate(op))
        elif isinstance(op, linalg.ReduceOp | linalg.GenericOp) and _varies(op, activity):
            _PREPARE[type(op)](op, activity)


def _varies(op: Operation, activity: Activity) -> bool:
    return any(result in activity.varied for result in op.results) or (
        not op.results and any(operand in activity.varied for operand in op.operands)
    )


def _emitter_before(op: Operation) -> Emitter:
    emitter = Emitter(InsertPoint.before(op), "prepared")
    emitter.location = op.location
    return emitter


# while


def _replace(op: Operation, new: Operation) -> None:
    """Put `new` in front of `op`, and its first results in the place of those of `op`."""
    block = op.parent
    assert block is not None
    new.location = op.location
    block.insert_op_before(new, op)
    for before, after in zip(op.results, new.results, strict=False):
        after.name_hint = before.name_hint
        before.replace_all_uses_with(after)
    block.erase_op(op)


def rotate(op: scf.WhileOp) -> scf.WhileOp:
    """Leave nothing but the condition in the first region.

    while (a = init) { <before>; condition(c) x } do (x) { <after>; yield y }
    =>
    <before(init)>
    while (k = c, v = x) { condition(k) k, v } do (k, v) { <after(v)>; <before(y)>; yield c, x }
    """
    before, after = op.before_region.block, op.after_region.block
    condition, last = before.last_op, after.last_op
    assert isinstance(condition, scf.ConditionOp)
    assert isinstance(last, scf.YieldOp)
    block = op.parent
    assert block is not None
    caches = any(isinstance(o, PushOp | PopOp) for o in op.before_region.walk())
    if list(condition.args) == list(before.args) and not caches:
        return op

    def run(inputs: Sequence[SSAValue], put: Callable[[Operation], None]) -> list[SSAValue]:
        mapper: dict[SSAValue, SSAValue] = dict(zip(before.args, inputs, strict=True))
        for o in tuple(before.ops)[:-1]:
            put(o.clone(mapper))
        return [mapper.get(v, v) for v in condition.operands]

    inits = run(op.arguments, lambda o: block.insert_op_before(o, op))
    next_ = run(last.operands, lambda o: after.insert_op_before(o, last))
    types = [v.type for v in inits]
    first = Block(arg_types=types)
    first.add_op(scf.ConditionOp(first.args[0], *first.args))
    after.insert_arg(types[0], 0)
    last.operands = next_
    new = scf.WhileOp(inits, types, Region(first), op.detach_region(op.after_region))
    new.location = op.location
    block.insert_op_before(new, op)
    for old, result in zip(op.results, new.results[1:], strict=True):
        old.replace_all_uses_with(result)
    block.erase_op(op)
    return new


def count_iterations(op: scf.WhileOp) -> None:
    """Give the loop one more result, the number of its iterations."""
    emitter = _emitter_before(op)
    start = emitter.integer(0)
    before, after = op.before_region.block, op.after_region.block
    count = before.insert_arg(INDEX, len(before.args))
    condition, last = before.last_op, after.last_op
    assert condition is not None
    assert last is not None
    condition.operands = [*condition.operands, count]
    number = after.insert_arg(INDEX, len(after.args))
    with emitter.at(InsertPoint.before(last)):
        following = emitter.emit(arith.AddiOp(number, emitter.integer(1)))
    last.operands = [*last.operands, following]
    regions = [op.detach_region(region) for region in (op.before_region, op.after_region)]
    new = scf.WhileOp([*op.arguments, start], [*op.result_types, INDEX], *regions)
    new.attributes[COUNTED] = UnitAttr()
    _replace(op, new)


# Reductions


def prepare_reduce(op: linalg.ReduceOp, activity: Activity) -> None:
    from dialectad.ad.rules.linalg import EXTREMA, combiner

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
    emitter = _emitter_before(op)
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


# linalg.generic


def prepare_generic(op: linalg.GenericOp, activity: Activity) -> None:
    from dialectad.ad.rules.generic import Parts

    if len(op.outputs) != 1 or not op.results:
        raise CompileError(
            "linalg.generic with several results can't be differentiated",
            locations.of(op),
            hint="split it into one operation per result",
            level="linalg",
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
    from dialectad.ad.rules.generic import Parts
    from dialectad.ad.rules.linalg import EXTREMA

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
    emitter = _emitter_before(op)
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
    emitter = _emitter_before(op)
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

_PREPARE: dict[type[Operation], Callable] = {  # pyright: ignore[reportMissingTypeArgument]
    linalg.ReduceOp: prepare_reduce,
    linalg.GenericOp: prepare_generic,
}
