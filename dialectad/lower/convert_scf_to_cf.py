"""`convert-scf-to-cf`: structured control flow becomes blocks and branches.

Every op is moved at most once per level of nesting, so the pass is linear in the size of the function (xDSL's
own splits blocks and measures block lists, which is quadratic). Blocks come out in an order in which each
follows those that dominate it.

In a `func.func` the branches are ops of `cf`, in an `llvm.func` (whose loops are over integers) of `llvm`.

It is also the last pass that knows where a block ends, so it puts the `ad.release` of every cache there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, builtin, cf, func, llvm, scf
from xdsl.dialects.builtin import IntegerAttr, UnitAttr, i1, i32, i64
from xdsl.ir import Block, Operation, OpResult, Region, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import ad

_SLT = IntegerAttr(2, i64)
_NSW = arith.IntegerOverflowAttr((arith.IntegerOverflowFlag.NSW,))
_MAY_WRAP = arith.IntegerOverflowAttr("none")
_LLVM_NSW, _LLVM_MAY_WRAP = IntegerAttr(1, i32), IntegerAttr(0, i32)


def _is_llvm(block: Block) -> bool:
    return isinstance(block.parent_op(), llvm.FuncOp)


def _branch(block: Block, target: Block, operands: tuple[SSAValue, ...]) -> None:
    kind = llvm.BrOp if _is_llvm(block) else cf.BranchOp
    block.add_op(kind.create(operands=operands, successors=[target]))


def _conditional(block: Block, condition: SSAValue, then: Block, otherwise: Block) -> None:
    kind = llvm.CondBrOp if _is_llvm(block) else cf.ConditionalBranchOp
    block.add_op(kind(condition, then, (), otherwise, ()))


def _less(block: Block, a: SSAValue, b: SSAValue) -> SSAValue:
    kind = llvm.ICmpOp if _is_llvm(block) else arith.CmpiOp
    op = kind.create(operands=[a, b], result_types=[i1], properties={"predicate": _SLT})
    block.add_op(op)
    return op.results[0]


def _advance(block: Block, index: SSAValue, step: SSAValue) -> SSAValue:
    # A step of one can't pass the greatest integer: the induction variable is below the bound.
    kind, nsw, may_wrap = (
        (llvm.AddOp, _LLVM_NSW, _LLVM_MAY_WRAP) if _is_llvm(block) else (arith.AddiOp, _NSW, _MAY_WRAP)
    )
    flags = nsw if _is_one(step) else may_wrap
    op = kind.create(operands=[index, step], result_types=[index.type], properties={"overflowFlags": flags})
    block.add_op(op)
    return op.results[0]


def _move(op: Operation, block: Block) -> None:
    op.detach()
    block.add_op(op)


def _terminator(block: Block) -> Operation:
    terminator = block.last_op
    assert terminator is not None
    return terminator


def _release_caches(block: Block) -> None:
    """Free the block's own caches before its terminator."""
    for cache in [op for op in block.ops if type(op) is ad.CacheOp]:
        block.insert_op_before(ad.ReleaseOp(cache.result), _terminator(block))


def _place(source: Block, region: Region, block: Block) -> tuple[Block, Operation]:
    """Move the ops of `source` to the end of `block`, converting those that have regions.

    The terminator is left detached. Gives the block where control ends, and the terminator.
    """
    _release_caches(source)
    ops = list(source.ops)
    straight = source is block  # ops before the first structured one can stay where they are
    for op in ops[:-1]:
        if (convert := _CONVERT.get(type(op))) is not None:
            straight = False
            op.detach()
            block = convert(op, region, block)
            op.erase()
        elif not straight:
            _move(op, block)
    ops[-1].detach()
    return block, ops[-1]


def _append(region: Region, block: Block) -> Block:
    region.add_block(block)
    return block


def _replace_all(results: tuple[OpResult, ...], values: tuple[SSAValue, ...]) -> None:
    for result, value in zip(results, values, strict=True):
        result.replace_all_uses_with(value)


_KEPT = ("dialectad.parallel", "dialectad.loop")
"""Attributes of a loop that its branch back gets."""


def _for(op: Operation, region: Region, block: Block) -> Block:
    """
    %r = scf.for %i = %lb to %ub step %s iter_args(%a = %init) { B; yield %b }
    ->
      br ^head(%lb, %init)
    ^head(%i, %a): cond_br (%i < %ub), ^body, ^exit
    ^body: B; br ^head(%i + %s, %b)
    ^exit: (%r is %a)
    """
    assert isinstance(op, scf.ForOp)
    body = op.body.block
    tiny = _is_tiny(op)
    head = _append(region, Block(arg_types=[arg.type for arg in body.args]))
    for inner, outer in zip(body.args, head.args, strict=True):
        inner.replace_all_uses_with(outer)
        outer.name_hint = inner.name_hint
    induction, *carried = head.args
    _branch(block, head, (op.lb, *op.iter_args))
    more = _less(head, induction, op.ub)
    start = _append(region, Block())
    end, terminator = _place(body, region, start)
    _branch(end, head, (_advance(end, induction, op.step), *terminator.operands))
    if tiny:
        _terminator(end).attributes["dialectad.unroll"] = UnitAttr()
    _terminator(end).attributes |= {name: op.attributes[name] for name in _KEPT if name in op.attributes}
    terminator.erase()
    after = _append(region, Block())
    _conditional(head, more, start, after)
    _replace_all(op.results, tuple(carried))
    return after


def _constant(value: SSAValue) -> int | None:
    owner = value.owner
    if isinstance(owner, arith.ConstantOp | llvm.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def _is_one(value: SSAValue) -> bool:
    return _constant(value) == 1


TINY_COUNT, TINY_TOTAL = 15, 64
"""Loops of up to so many iterations, and nests of up to so many in total, become straight code.

All others stay loops: LLVM would unroll before it vectorises, and then vectorise the next loop out, whose
accesses have gaps; and the time to compile grows with the code. A loop of 8 is one vector.
"""


def _is_tiny(op: scf.ForOp) -> bool:
    total = _iterations(op)
    return total is not None and total <= TINY_TOTAL


def _iterations(op: scf.ForOp) -> int | None:
    """How often the innermost bodies of a nest of tiny loops run; None if it isn't one."""
    first, last, step = (_constant(value) for value in (op.lb, op.ub, op.step))
    if first is None or last is None or step != 1 or last - first > TINY_COUNT or last - first == 8:
        return None
    nested = 0
    for inner in op.body.block.ops:
        if isinstance(inner, scf.ForOp):
            if (count := _iterations(inner)) is None:
                return None
            nested += count
        elif type(inner) in _CONVERT:
            return None
    return (last - first) * max(nested, 1)


def _while(op: Operation, region: Region, block: Block) -> Block:
    """
    %r = scf.while (%a = %init) { B; condition(%c) %x } do { ^(%y): A; yield %z }
    ->
      br ^head(%init)
    ^head(%a): B; cond_br %c, ^body, ^exit
    ^body: A; br ^head(%z)           (%y is %x)
    ^exit:                           (%r is %x)
    """
    assert isinstance(op, scf.WhileOp)
    before, after_body = op.before_region.block, op.after_region.block
    head = _append(region, Block(arg_types=[arg.type for arg in before.args]))
    for inner, outer in zip(before.args, head.args, strict=True):
        inner.replace_all_uses_with(outer)
        outer.name_hint = inner.name_hint
    _branch(block, head, tuple(op.arguments))
    tail, condition = _place(before, region, head)
    forwarded = tuple(condition.operands)
    for inner, value in zip(after_body.args, forwarded[1:], strict=True):
        inner.replace_all_uses_with(value)
    start = _append(region, Block())
    end, terminator = _place(after_body, region, start)
    _branch(end, head, tuple(terminator.operands))
    terminator.erase()
    after = _append(region, Block())
    _conditional(tail, forwarded[0], start, after)
    condition.erase()
    _replace_all(op.results, forwarded[1:])
    return after


def _if(op: Operation, region: Region, block: Block) -> Block:
    """
    %r = scf.if %c { A; yield %a } else { B; yield %b }
    ->
      cond_br %c, ^then, ^else
    ^then: A; br ^join(%a)
    ^else: B; br ^join(%b)
    ^join(%r):
    """
    assert isinstance(op, scf.IfOp)
    join = Block(arg_types=op.result_types)
    starts: list[Block] = []
    for branch in (op.true_region, op.false_region):
        if branch.first_block is None:
            starts.append(join)
            continue
        starts.append(_append(region, Block()))
        end, terminator = _place(branch.block, region, starts[-1])
        _branch(end, join, tuple(terminator.operands))
        terminator.erase()
    _append(region, join)
    _conditional(block, op.cond, *starts)
    _replace_all(op.results, tuple(join.args))
    return join


def _execute_region(op: Operation, region: Region, block: Block) -> Block:
    """%r = scf.execute_region { A; yield %a }  ->  A   (%r is %a)"""
    assert isinstance(op, scf.ExecuteRegionOp)
    end, terminator = _place(op.region.block, region, block)
    _replace_all(op.results, tuple(terminator.operands))
    terminator.erase()
    return end


_CONVERT: dict[type[Operation], Callable[[Operation, Region, Block], Block]] = {
    scf.ForOp: _for,
    scf.WhileOp: _while,
    scf.IfOp: _if,
    scf.ExecuteRegionOp: _execute_region,
}


def convert_region(region: Region) -> None:
    """Flatten the structured control flow in every block of a function's body."""
    for block in list(region.blocks):
        end, terminator = _place(block, region, block)
        end.add_op(terminator)


@dataclass(frozen=True)
class ConvertScfToCfPass(ModulePass):
    """Turn `scf.for`, `scf.while` and `scf.if` into blocks and branches."""

    name = "convert-scf-to-cf"

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        for function in list(op.body.block.ops):
            is_function = isinstance(function, func.FuncOp | llvm.FuncOp)
            if is_function and function.body.first_block is not None:
                convert_region(function.body)
