"""`scf.while` before reverse mode: rotated, so that the condition stands alone, and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import AnyFloat, IndexType, IntegerType, UnitAttr, i1
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.memory import written_by
from dialectad.dialects.ad import PopOp, PushOp, ReserveOp
from dialectad.walk import walk

COUNTED = "dialectad.counted"
"""Marks a `scf.while` whose last result counts its iterations, while its function is differentiated."""


def rotate(op: scf.WhileOp) -> scf.WhileOp:
    """Leave nothing but the condition in the first region.

    while (a = init) { <before>; condition(c) x } do (x) { <after>; yield y }
    =>
    <before(init)>
    while (k = c, v = x) { condition(k) k, v } do (k, v) { <after(v)>; <before(y)>; yield c, x }

    Where nothing comes after the condition, the code isn't doubled: see `_enter_first`.
    """
    before, after = op.before_region.block, op.after_region.block
    condition, last = before.last_op, after.last_op
    assert isinstance(condition, scf.ConditionOp)
    assert isinstance(last, scf.YieldOp)
    block = op.parent
    assert block is not None
    if list(condition.args) == list(before.args) and not any(map(_writes, walk(op.before_region))):
        return op
    if last is after.first_op and all(_has_zero(v.type) for v in condition.args):
        return _enter_first(op)

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


def _enter_first(op: scf.WhileOp) -> scf.WhileOp:
    """A flag lets the loop run at least once.

    while (a = init) { <before>; condition(c) x } do (x) { yield y }
    =>
    while (k = true, a = init, v = 0) { condition(k) k, a, v } do (k, a, v) { <before(a)>; yield c, y, x }
    """
    emitter = Emitter.before(op)
    before, after = op.before_region.block, op.after_region.block
    condition, last = before.last_op, after.last_op
    assert isinstance(condition, scf.ConditionOp)
    assert isinstance(last, scf.YieldOp)
    results = list(condition.args)
    inits = [emitter.integer(1, i1), *op.arguments, *(_zero(emitter, v.type) for v in results)]
    types = [v.type for v in inits]
    first = Block(arg_types=types)
    first.add_op(scf.ConditionOp(first.args[0], *first.args))
    mapper: dict[SSAValue, SSAValue] = dict(zip(after.args, results, strict=True))
    yielded = [condition.operands[0], *(mapper.get(v, v) for v in last.operands), *results]
    body = op.detach_region(op.before_region)
    body.block.insert_arg(i1, 0)
    for type_ in (v.type for v in results):
        body.block.insert_arg(type_, len(body.block.args))
    condition.detach()
    body.block.add_op(scf.YieldOp(*yielded))
    condition.erase()
    new = scf.WhileOp(inits, types, Region(first), body)
    emitter.insert(new)
    for old, result in zip(op.results, new.results[len(new.results) - len(results) :], strict=True):
        old.replace_all_uses_with(result)
    op.detach()
    op.erase()
    return new


def _has_zero(type_: Attribute) -> bool:
    return isinstance(type_, AnyFloat | IntegerType | IndexType)


def _zero(emitter: Emitter, type_: Attribute) -> SSAValue:
    if isinstance(type_, IntegerType | IndexType):
        return emitter.integer(0, type_)
    return emitter.scalar(0.0, type_)


def _writes(op: Operation) -> bool:
    return isinstance(op, PushOp | PopOp | ReserveOp) or any(True for _ in written_by(op))


def count_iterations(op: scf.WhileOp) -> None:
    """Give the loop one more result, the number of its iterations."""
    emitter = Emitter.before(op)
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
    new.location = op.location
    block = op.parent
    assert block is not None
    block.insert_op_before(new, op)
    for old, result in zip(op.results, new.results, strict=False):
        result.name_hint = old.name_hint
        old.replace_all_uses_with(result)
    block.erase_op(op)
