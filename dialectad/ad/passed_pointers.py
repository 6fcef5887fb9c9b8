"""Compute addresses again that the condition of a loop passes on: integers can be passed on as well.

LLVM computes an address once for what a loop's condition reads and what its body does. Which memory the
pointer is into doesn't show behind the condition then:

    %r = scf.while ... { %p = llvm.getelementptr %a[%n];  ...;  condition(%c) %p }
         do (%q) { <uses %q> };  <uses %r>
    =>
    %m = scf.while ... { %p = llvm.getelementptr %a[%n];  ...;  condition(%c) %n }
         do (%k) { %q = llvm.getelementptr %a[%k];  <uses %q> };  %r = llvm.getelementptr %a[%m];  <uses %r>
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import llvm, scf
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.rewrite import structure


def recompute_passed_pointers(op: scf.WhileOp) -> None:
    """Let the body of `op`, and what follows, compute the addresses that its condition passes on."""
    before = op.before_region.block
    chains: dict[int, list[Operation]] = {}
    for i, value in enumerate(_condition(op).args):
        chain: list[Operation] = []
        if isinstance(value.type, llvm.LLVMPointerType) and _find_chain(value, before, chain):
            chains[i] = chain
    if not chains:
        return
    needed = [
        operand
        for chain in chains.values()
        for link in chain
        for operand in link.operands
        if _is_inside(operand, before) and operand.owner not in chain
    ]
    kept = len(op.results)
    op = _passing_on(op, list(dict.fromkeys(needed)))
    pointers = dict(zip(chains, [_condition(op).args[i] for i in chains], strict=True))
    following = InsertPoint.after(op)
    for values, point in (
        (op.after_region.block.args, InsertPoint.at_start(op.after_region.block)),
        (op.results, following),
    ):
        mapper: dict[SSAValue, SSAValue] = dict(zip(_condition(op).args[kept:], values[kept:], strict=True))
        for i, chain in chains.items():
            values[i].replace_all_uses_with(_recomputed(pointers[i], chain, mapper, point))
    keep_results = [i not in chains for i in range(len(op.results))]
    structure.shrink_while(op, [True] * len(op.arguments), keep_results)


def _condition(op: scf.WhileOp) -> scf.ConditionOp:
    condition = op.before_region.block.last_op
    assert isinstance(condition, scf.ConditionOp)
    return condition


def _is_inside(value: SSAValue, block: Block) -> bool:
    owner = value.owner
    return owner is block or (isinstance(owner, Operation) and owner.parent is block)


def _find_chain(pointer: SSAValue, before: Block, chain: list[Operation]) -> bool:
    """Put the ops that compute `pointer` in `before` into `chain`; whether it starts from known memory."""
    if not _is_inside(pointer, before):
        return True
    owner = pointer.owner
    if not isinstance(owner, llvm.GEPOp | llvm.SelectOp):
        return False
    pointers = [operand for operand in owner.operands if isinstance(operand.type, llvm.LLVMPointerType)]
    if not all(_find_chain(operand, before, chain) for operand in pointers):
        return False
    if owner not in chain:
        chain.append(owner)
    return True


def _passing_on(op: scf.WhileOp, values: Sequence[SSAValue]) -> scf.WhileOp:
    """The loop with more results: values of its first region."""
    condition = _condition(op)
    condition.operands = [*condition.operands, *values]
    after = op.after_region.block
    for value in values:
        after.insert_arg(value.type, len(after.args))
    types = [*op.result_types, *(value.type for value in values)]
    regions = [op.detach_region(region) for region in (op.before_region, op.after_region)]
    new = scf.WhileOp(op.arguments, types, *regions)
    new.attributes = op.attributes
    structure.insert_before(op, new)
    structure.replace(op, new.results[: len(op.results)])
    return new


def _recomputed(
    pointer: SSAValue, chain: Sequence[Operation], mapper: dict[SSAValue, SSAValue], point: InsertPoint
) -> SSAValue:
    """`pointer` computed again at `point`, where `mapper` says what stands for what its chain takes."""
    mapper = dict(mapper)
    for link in chain:
        copy = link.clone(mapper)
        copy.location = link.location
        Rewriter.insert_op(copy, point)
    return mapper.get(pointer, pointer)
