"""`mark-parallel`: say of innermost loops that no iteration depends on memory that another one writes.

    scf.for %j { %x = memref.load %a[%k, %j]; memref.store %x, %a[%i, %j] }
    =>
    scf.for %j { %x = memref.load %a[%k, %j] {dialectad.parallel = "loop 0"}; memref.store ... {...} } {...}

LLVM is told as `llvm.access.group` and `llvm.loop.parallel_accesses`, and vectorises such a loop without
asking at run time whether rows overlap; with row %k = row %i, as here, it would find that they do. What
a loop carries in registers is LLVM's to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

from dialectad.lower.loops.accesses import Meetings, conflicts, innermost_loops, touches

PARALLEL = "dialectad.parallel"


@dataclass(frozen=True)
class MarkParallelPass(ModulePass):
    """Mark the innermost loops whose iterations are independent of one another in memory."""

    name = "mark-parallel"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for number, loop in enumerate(innermost_loops(op)):
            _mark(loop, StringAttr(f"loop {number}"))


def _mark(loop: scf.ForOp, name: StringAttr) -> None:
    found = touches(loop)
    if not found or conflicts(found, Meetings(loop)):
        return
    for one in (loop, *(touch.op for touch in found)):
        one.attributes[PARALLEL] = name
