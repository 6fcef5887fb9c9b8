"""Blocks, terminators, branches to blocks: what xDSL's `Operation.verify` checks, in linear time.

xDSL's own counts the blocks of a region for every block in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import tensor
from xdsl.ir import Block, Operation, Region
from xdsl.irdl import IRDLOperation
from xdsl.traits import IsTerminator, NoTerminator


def operation_errors(op: Operation) -> Iterator[str]:
    """What is wrong with `op` itself, its own verifier included."""
    if op.successors:
        block = op.parent
        if block is None or block.last_op is not op:
            yield "an op with successors must end its block"
        elif any(successor.parent is not block.parent for successor in op.successors):
            yield "branches to a block of another region"
    if _is_mistaken(op):
        return
    try:
        op.verify_()
    except Exception as error:  # xDSL's verifiers raise Exception, IndexError, AssertionError too
        yield " ".join(str(error).split()) or type(error).__name__


def _is_mistaken(op: Operation) -> bool:
    """Whether xDSL's verifier rejects `op` though it is valid: it can't expand a tensor of rank 0."""
    return isinstance(op, tensor.ExpandShapeOp) and len(op.reassociation) == 0


def region_errors(region: Region) -> Iterator[tuple[Operation | None, str]]:
    """What is wrong with the blocks of `region`; the op is None where it is the region's own."""
    parent = region.parent
    needs_terminator = (
        isinstance(parent, IRDLOperation)
        and not parent.has_trait(NoTerminator)
        and not _is_declaration(region)
    )
    first = region.blocks.first
    several = first is not None and first.next_block is not None
    for block in region.blocks:
        last = block.last_op
        if last is None:
            if several or needs_terminator:
                yield None, "holds an empty block: a terminator is expected"
        elif (several or needs_terminator) and not last.has_trait(IsTerminator):
            kind = "multi-block region" if several else "single-block region"
            yield last, f"terminates block in {kind} but is not a terminator"
    if first is not None and _has_predecessor(first, region):
        yield None, "the entry block of a region can't be branched to"


def _is_declaration(region: Region) -> bool:
    return region.blocks.first is None


def _has_predecessor(block: Block, region: Region) -> bool:
    return any(
        successor is block
        for other in region.blocks
        if other.last_op is not None
        for successor in other.last_op.successors
    )
