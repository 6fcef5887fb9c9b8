"""`run-forward`: a parallel loop that walks backwards through memory walks forwards.

    scf.for %i = %l to %n {                      scf.for %j = %l to %n {
      %k = arith.subi %last, %i             =>     %i = arith.subi %l + %n - 1, %j
      ... %a[%k]                                   %k = arith.subi %last, %i
    } {dialectad.parallel = "loop 0"}              ... %a[%k]

The reverse sweep runs loops backwards. Where iterations are independent (`mark-parallel` has said so) and the
loop carries nothing but sums and the like, the order is free, and LLVM needn't turn each vector around.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad.ad.polyhedron import ONE
from dialectad.lower.loops.accesses import constant, index_of, innermost_loops, touches
from dialectad.lower.loops.numbers import Numbers
from dialectad.lower.loops.sums import only_reduces
from dialectad.lower.mark_parallel import PARALLEL


@dataclass(frozen=True)
class RunForwardPass(ModulePass):
    """Turn parallel loops around that run from high addresses to low ones."""

    name = "run-forward"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for loop in innermost_loops(op):
            wanted = PARALLEL in loop.attributes and constant(loop.step) == 1 and _runs_backwards(loop)
            if wanted and only_reduces(loop):
                _turn(loop)


def _runs_backwards(loop: scf.ForOp) -> bool:
    """Whether no address grows from one iteration to the next, and some get less."""
    steps = [t.address.get(index_of(loop), 0) for t in touches(loop) or () if t.at is not None]
    return any(step < 0 for step in steps) and not any(step > 0 for step in steps)


def _turn(loop: scf.ForOp) -> None:
    builder = Builder(InsertPoint.before(loop))
    highest = Numbers(builder, loop.lb).value({loop.lb: 1, loop.ub: 1, ONE: -1})
    index = index_of(loop)
    uses = list(index.uses)
    first = loop.body.block.first_op
    assert first is not None
    old = arith.SubiOp(highest, index)
    loop.body.block.insert_op_before(old, first)
    for use in uses:
        use.operation.operands[use.index] = old.result
