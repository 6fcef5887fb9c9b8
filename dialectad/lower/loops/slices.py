"""Copies of parts of a loop's body: what values are computed from, elsewhere or in another iteration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xdsl.builder import Builder
from xdsl.dialects import llvm, scf
from xdsl.ir import Block, Operation, SSAValue

from dialectad.lower.loops.accesses import LOADS, STORES, is_before
from dialectad.rewrite import structure
from dialectad.rewrite.effects import is_pure
from dialectad.walk import walk


def inputs(op: Operation) -> Iterator[SSAValue]:
    """The operands of an op and of what is in its regions."""
    for inner in walk(op):
        yield from inner.operands


def slice_of(values: Iterable[SSAValue], loop: scf.ForOp) -> list[Operation] | None:
    """The ops in the body that these values are computed by, in order; None if an iteration hands one on."""
    body, wanted, pending = loop.body.block, set[Operation](), list(values)
    while pending:
        value = pending.pop()
        if is_before(value, loop):
            continue
        if isinstance(owner := value.owner, Block):
            if owner is body and value is not body.args[0]:
                return None
            continue  # the index, or an argument of a region that goes along
        while owner.parent is not body:
            parent = owner.parent_op()
            assert parent is not None
            owner = parent
        if owner not in wanted:
            if any(isinstance(inner, STORES) for inner in walk(owner)):
                return None
            wanted.add(owner)
            pending += inputs(owner)
    return [op for op in body.ops if op in wanted]


def copy(ops: Iterable[Operation], builder: Builder, known: dict[SSAValue, SSAValue]) -> None:
    """Insert copies of ops, unless they are there; `known` has the new values for the old ones."""
    for op in ops:
        if not op.results or op.results[0] not in known:
            builder.insert(op.clone(known))


def remove_unused(loop: scf.ForOp) -> None:
    """Erase what nobody needs any more: ops of the body that only compute, or the whole loop."""
    for op in reversed(list(loop.body.block.ops)):
        if all(result.first_use is None for result in op.results) and _only_computes(op):
            structure.erase(op)
    if not loop.results and all(_only_computes(op) for op in loop.body.block.ops if op.next_op is not None):
        structure.erase(loop)


_COMPUTE = (*LOADS, llvm.GEPOp, llvm.ICmpOp, llvm.SelectOp, scf.IfOp, scf.YieldOp)


def _only_computes(op: Operation) -> bool:
    return not isinstance(op, scf.YieldOp) and all(
        is_pure(inner) or isinstance(inner, _COMPUTE) for inner in walk(op)
    )
