"""Surgery on ops with regions: moving a block's content, dropping loop-carried values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from xdsl.dialects import scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block, Operation, SSAValue

Reshape = tensor.CollapseShapeOp | tensor.ExpandShapeOp


def reshaped_back(reshape: Reshape, value: SSAValue) -> Operation:
    """What gives `value`, of the type of the reshape's result, the shape of its source, which is static."""
    t = reshape.src.type
    assert isinstance(t, TensorType)
    if isinstance(reshape, tensor.CollapseShapeOp):
        return tensor.ExpandShapeOp(value, [], reshape.reassociation, list(t.get_shape()), t)
    return tensor.CollapseShapeOp.create(
        operands=[value], result_types=[t], properties={"reassociation": reshape.reassociation}
    )


def replace(op: Operation, values: Sequence[SSAValue]) -> None:
    """Give `values` to the users of the results of `op`, and erase it."""
    for result, value in zip(op.results, values, strict=True):
        result.replace_all_uses_with(value)
    erase(op)


def erase(op: Operation) -> None:
    """Erase an op without live uses."""
    block = op.parent
    assert block is not None
    block.erase_op(op, safe_erase=False)


def insert_before(op: Operation, *new: Operation) -> None:
    """Insert ops before `op`; those without a place in the source get the one of `op`."""
    block = op.parent
    assert block is not None
    for n in new:
        n.location = op.location
        block.insert_op_before(n, op)


def splice(op: Operation, block: Block, args: Sequence[SSAValue]) -> list[SSAValue]:
    """Move the content of `block` to before `op`; gives the operands of its terminator.

    op { ^bb(%a): %x = use %a; yield %x }  ~>  %x = use %arg;  op
    """
    parent, terminator = op.parent, block.last_op
    assert parent is not None
    assert terminator is not None
    for arg, value in zip(block.args, args, strict=True):
        arg.replace_all_uses_with(value)
    results = list(terminator.operands)
    erase(terminator)
    inner = block.first_op
    while inner is not None:
        following = inner.next_op
        block.detach_op(inner)
        parent.insert_op_before(inner, op)
        inner = following
    return results


def shrink_for(loop: scf.ForOp, keep: Sequence[bool], values: Sequence[SSAValue] | None = None) -> scf.ForOp:
    """Drop the loop-carried values that aren't to be kept.

    `values`, where given, take the place of all loop-carried values that are dropped; otherwise these have
    no uses, but for each other.
    """
    block = loop.body.block
    terminator = block.last_op
    assert terminator is not None
    for i in reversed(range(len(keep))):
        if not keep[i]:
            if values is not None:
                block.args[i + 1].replace_all_uses_with(values[i])
            block.erase_arg(block.args[i + 1], safe_erase=False)
    terminator.operands = list(compress(terminator.operands, keep))
    new = scf.ForOp.create(
        operands=[*loop.operands[:3], *compress(loop.operands[3:], keep)],
        result_types=list(compress(loop.result_types, keep)),
        regions=[loop.detach_region(0)],
        attributes=loop.attributes,
        location=loop.location,
    )
    _put_in_place(loop, new, keep, values)
    return new


def shrink_if(branch: scf.IfOp, keep: Sequence[bool], values: Sequence[SSAValue] | None = None) -> scf.IfOp:
    """Drop the results that aren't to be kept; `values`, where given, replace them."""
    for region in branch.regions:
        if region.first_block is not None:
            terminator = region.block.last_op
            assert terminator is not None
            terminator.operands = list(compress(terminator.operands, keep))
    new = scf.IfOp.create(
        operands=branch.operands,
        result_types=list(compress(branch.result_types, keep)),
        regions=[branch.detach_region(0) for _ in range(2)],
        attributes=branch.attributes,
        location=branch.location,
    )
    _put_in_place(branch, new, keep, values)
    return new


def shrink_while(
    loop: scf.WhileOp,
    keep: Sequence[bool],
    keep_results: Sequence[bool],
    values: Sequence[SSAValue] | None = None,
) -> scf.WhileOp:
    """Drop arguments (`keep`) and results (`keep_results`) of a `while`.

    `values`, where given, take the place of the dropped arguments, inside and after the loop: they go with
    results and arguments that are paired, see `is_paired`.
    """
    before, after = loop.before_region.block, loop.after_region.block
    condition, terminator = before.last_op, after.last_op
    assert condition is not None
    assert terminator is not None
    for block, kept in ((before, keep), (after, keep_results)):
        for i in reversed(range(len(kept))):
            if not kept[i]:
                if values is not None:
                    block.args[i].replace_all_uses_with(values[i])
                block.erase_arg(block.args[i], safe_erase=False)
    condition.operands = [condition.operands[0], *compress(condition.operands[1:], keep_results)]
    terminator.operands = list(compress(terminator.operands, keep))
    new = scf.WhileOp.create(
        operands=list(compress(loop.operands, keep)),
        result_types=list(compress(loop.result_types, keep_results)),
        regions=[loop.detach_region(0) for _ in range(2)],
        attributes=loop.attributes,
        location=loop.location,
    )
    _put_in_place(loop, new, keep_results, values)
    return new


def _put_in_place(
    old: Operation, new: Operation, keep: Sequence[bool], values: Sequence[SSAValue] | None
) -> None:
    block = old.parent
    assert block is not None
    block.insert_op_before(new, old)
    for result, kept in zip(compress(old.results, keep), new.results, strict=True):
        result.replace_all_uses_with(kept)
    if values is not None:
        for result, value, kept in zip(old.results, values, keep, strict=True):
            if not kept:
                result.replace_all_uses_with(value)
    block.erase_op(old, safe_erase=False)


def is_paired(loop: scf.WhileOp) -> bool:
    """Whether the condition hands the arguments on as they are, so that argument i is result i."""
    block = loop.before_region.block
    condition = block.last_op
    assert condition is not None
    return tuple(condition.operands[1:]) == tuple(block.args)
