"""Branches on one condition become one branch.

%a = scf.if %c { A } else { B };  ...;  %d = scf.if %c { C } else { D }
=>
%a, %d = scf.if %c { A; C } else { B; D };  ...
"""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.lower.sweeps.together import move_behind, that_follow
from dialectad.rewrite import cse, structure


def merge_branches(block: Block) -> None:
    """Merge what branches on the same condition, here and in what becomes one."""
    by_condition: dict[SSAValue, list[scf.IfOp]] = {}
    for op in block.ops:
        if isinstance(op, scf.IfOp):
            by_condition.setdefault(op.cond, []).append(op)
    for branches in by_condition.values():
        merged = branches[0]
        for branch in branches[1:]:
            following = that_follow(merged, branch)
            if following is None:
                merged = branch
                continue
            merged = _merge(merged, branch)
            move_behind(following, merged)
            cse.eliminate(merged)
            for region in merged.regions:
                merge_branches(region.block)


def _merge(first: scf.IfOp, second: scf.IfOp) -> scf.IfOp:
    then, otherwise = (_joined(*blocks) for blocks in zip(_blocks(first), _blocks(second), strict=True))
    types = [*first.result_types, *second.result_types]
    merged = scf.IfOp(first.cond, types, Region(then), Region(otherwise))
    merged.location = first.location
    Rewriter.insert_op(merged, InsertPoint.before(second))
    count = len(first.results)
    structure.replace(first, merged.results[:count])
    structure.replace(second, merged.results[count:])
    return merged


def _blocks(op: scf.IfOp) -> list[Block | None]:
    return [region.first_block for region in op.regions]


def _joined(*blocks: Block | None) -> Block:
    """The ops of both, and what both yield."""
    joined = Block()
    yielded: list[SSAValue] = []
    end: Operation | None = None
    for block in blocks:
        if block is None:
            continue
        *ops, end = block.ops
        for op in ops:
            op.detach()
            joined.add_op(op)
        yielded += end.operands
    joined.add_op(new := scf.YieldOp(*yielded))
    if end is not None:
        new.location = end.location
    return joined
