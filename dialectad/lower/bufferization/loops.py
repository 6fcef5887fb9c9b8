"""Bufferization of loops: what they carry lives in buffers that are mutated in place.

A loop doesn't carry tensors any more: a carried tensor has a place, found at the loop's entry, where every
iteration finds it and leaves it. Only where iterations hand buffers on to one another (`a, b = b, a`) does
the loop carry memrefs, see `rotation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects import scf
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from dialectad.lower.bufferization.bufferizer import Bufferizer
from dialectad.lower.bufferization.carried import (
    YIELD,
    Carried,
    erase_tensor_args,
    replace_scalars,
    rotation,
    scalars,
)
from dialectad.lower.bufferization.places import Place, is_static, is_tensor
from dialectad.walk import walk


def _for(b: Bufferizer, op: scf.ForOp) -> None:
    """scf.for iter_args(%a = %A) { ...; scf.yield %a1 }  ~>  scf.for { writes into the buffer of %A }"""
    body = op.body.block
    end = cast(Operation, body.last_op)
    args = list(body.args)[1:]
    yielded = list(end.operands)
    unused = {
        k
        for k, (arg, result) in enumerate(zip(args, op.res, strict=True))
        if yielded[k] is arg and arg.has_one_use() and result.first_use is None
    }
    carried = Carried(b, op, list(op.iter_args), args, list(op.res), rotation(b, args, yielded))
    carried.decide(unused)
    carried.enter()
    carried.open(body, dict(enumerate(args)))
    carried.aim(end)

    def finish(end: Operation) -> None:
        handed = carried.hand_on(list(end.operands))
        end.operands = [*scalars(end.operands), *handed]

    b.run_block(body, finish)
    erase_tensor_args(body)
    rotating = [carried.places[k] for k in carried.rotating]
    new = b.emit(
        scf.ForOp.create(
            operands=[*op.operands[:3], *scalars(op.iter_args), *map(b.memref, rotating)],
            result_types=[*(r.type for r in scalars(op.res)), *(p.type for p in rotating)],
            regions=[op.detach_region(0)],
            attributes=op.attributes,
        )
    )
    replace_scalars(op, new)
    carried.leave(new)
    b.drop(op)


# --- scf.while ---------------------------------------------------------------------------------


def _while(b: Bufferizer, op: scf.WhileOp) -> None:
    """As `scf.for`. What the condition forwards is a carried value as it is, or gets a place of its own."""
    before, after = op.before_region.block, op.after_region.block
    condition, end = cast(Operation, before.last_op), cast(Operation, after.last_op)
    forwarded = list(condition.operands)[1:]
    args, after_args, results = list(before.args), list(after.args), list(op.res)
    yielded = list(end.operands)
    slot_of = {j: cast(BlockArgument, v).index for j, v in enumerate(forwarded) if _is_arg_of(v, before)}
    index_of: dict[int, int] = {}
    for j, k in slot_of.items():
        index_of.setdefault(k, j)
    unused = {
        k
        for k, j in index_of.items()
        if yielded[k] is after_args[j]
        and args[k].has_one_use()
        and after_args[j].has_one_use()
        and results[j].first_use is None
    }
    named = [after_args[index_of[k]] if k in index_of else args[k] for k in range(len(args))]
    slot_results = [results[index_of[k]] if k in index_of else None for k in range(len(args))]
    carried = Carried(b, op, list(op.arguments), args, slot_results, rotation(b, named, yielded))
    if any(k not in index_of or list(slot_of.values()).count(k) > 1 for k in carried.takes):
        carried.takes = {}
    carried.decide(unused)
    apart = {
        j: _apart_place(b, forwarded[j], results[j])
        for j in range(len(forwarded))
        if is_tensor(forwarded[j]) and j not in slot_of
    }
    carried.enter()

    carried.open(before, dict(enumerate(args)))
    for j, place in apart.items():
        b.targets[condition, j + 1] = place

    def finish_before(condition: Operation) -> None:
        b.write_all([(forwarded[j], place) for j, place in apart.items()], YIELD)
        handed = [carried.inner[k].buffer.memref for k in carried.rotating]
        condition.operands = [*scalars(condition.operands), *handed]

    b.run_block(before, finish_before)
    erase_tensor_args(before)

    carried.open(after, {})
    for j, arg in enumerate(after_args):
        if j in apart:
            b.define(arg, apart[j])
        elif j in slot_of and slot_of[j] in carried.places:
            b.define(arg, carried.inner[slot_of[j]])
    carried.aim(end)

    def finish_after(end: Operation) -> None:
        handed = carried.hand_on(list(end.operands))
        end.operands = [*scalars(end.operands), *handed]

    b.run_block(after, finish_after)
    erase_tensor_args(after)
    rotating = [carried.places[k] for k in carried.rotating]
    new = b.emit(
        scf.WhileOp.create(
            operands=[*scalars(op.arguments), *map(b.memref, rotating)],
            result_types=[*(r.type for r in scalars(results)), *(p.type for p in rotating)],
            regions=[op.detach_region(0), op.detach_region(0)],
            attributes=op.attributes,
        )
    )
    replace_scalars(op, new)
    carried.leave(new)
    for j, place in apart.items():
        b.define(results[j], place)
    for j, k in slot_of.items():
        if index_of[k] != j and k in carried.places:  # the same value, forwarded twice
            b.define(results[j], b.places[results[index_of[k]]])
    b.drop(op)


def _is_arg_of(value: SSAValue, block: Block) -> bool:
    return is_tensor(value) and isinstance(value, BlockArgument) and value.block is block


def _apart_place(b: Bufferizer, value: SSAValue, result: SSAValue) -> Place:
    """The place of what a condition computes and forwards."""
    if is_static(cast(TensorType[Any], value.type)):
        return b.fresh(result)
    return b.alloc_outside(result, [value])


# --- loop invariants ---------------------------------------------------------------------------


def forward_invariants(op: Operation) -> None:
    """Let users of a tensor that a loop carries around unchanged use its initial value.

    %r = scf.for iter_args(%a = %A) { use %a; yield %a }; use %r  ~>  ... { use %A; yield %a }; use %A
    """
    for loop in walk(op):
        if isinstance(loop, scf.ForOp):
            end = cast(Operation, loop.body.block.last_op)
            for k, init in enumerate(loop.iter_args):
                arg = loop.body.block.args[k + 1]
                if is_tensor(init) and end.operands[k] is arg:
                    _use_instead(init, [(arg, end), (loop.res[k], None)])
        elif isinstance(loop, scf.WhileOp):
            before, after = loop.before_region.block, loop.after_region.block
            condition, end = cast(Operation, before.last_op), cast(Operation, after.last_op)
            for j, value in enumerate(condition.operands[1:]):
                if not _is_arg_of(value, before):
                    continue
                k = cast(BlockArgument, value).index
                if end.operands[k] is after.args[j]:
                    init = loop.arguments[k]
                    _use_instead(init, [(value, condition), (after.args[j], end), (loop.res[j], None)])


def _use_instead(init: SSAValue, names: Sequence[tuple[SSAValue, Operation | None]]) -> None:
    for name, keeper in names:
        name.replace_uses_with_if(init, lambda use, keeper=keeper: use.operation is not keeper)


Bufferizer.RULES |= {scf.ForOp: _for, scf.WhileOp: _while}
