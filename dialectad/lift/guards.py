"""Taking away the guard of a loop that does nothing by itself where the guard doesn't hold.

    %more = llvm.icmp "sgt" %n, %c0
    %r = scf.if %more {                                        %r = scf.for %i = %c0 to %n ...
      %s = scf.for %i = %c0 to %n step %c1                =>         iter_args(%a = %x) {
          iter_args(%a = %x) { ... }                             ...
      yield %s                                                 }
    } else { yield %x }

LLVM puts a guard before every loop that it rotates. Only integers and pointers may be computed beside the
loop: a floating-point op that isn't meant to run may have no derivative there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects import llvm, scf
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Block, Operation, SSAValue

from dialectad.dialects.llvm import PoisonOp
from dialectad.lift.inequalities import Difference, Fact, constant
from dialectad.lift.purity import is_speculatable

_FEW = 3
"""So many ops on integers aren't worth a branch."""


def does_nothing(block: Block, facts: Sequence[Fact], trips: Mapping[Operation, Difference]) -> bool:
    """Whether `block` has loops, or next to nothing in it, and no effect where `facts` hold."""
    loops = count = 0
    for op in block.ops:
        count += 1
        if isinstance(op, scf.ForOp):
            if op not in trips or trips[op].upper(facts) > 0:
                return False
            loops += 1
        elif not is_speculatable(op) or not all(_is_address(result) for result in op.results):
            return False
    return loops > 0 or count <= _FEW


def _is_address(value: SSAValue) -> bool:
    return isinstance(value.type, IntegerType | llvm.LLVMPointerType)


def unguard(block: Block, outer: Block) -> None:
    """Move the ops of `block` to the end of `outer`."""
    for op in list(block.ops):
        op.detach()
        outer.add_op(op)


def replace_poison(
    value: SSAValue | None, otherwise: SSAValue | None
) -> tuple[SSAValue | None, SSAValue | None]:
    """What a loop gives, and what is wanted where it does nothing; made the same if possible."""
    if value is None or otherwise is None:
        return value, otherwise
    loop = value.owner
    if isinstance(loop, scf.ForOp):
        position = 3 + value.index  # pyright: ignore[reportAttributeAccessIssue]
        init = loop.operands[position]
        if isinstance(init.owner, PoisonOp):
            loop.operands[position] = init = otherwise
        if init is otherwise or (constant(init) is not None and constant(init) == constant(otherwise)):
            return value, value
    return value, otherwise
