"""`lift-cf-to-scf`: blocks and branches become structured control flow.

    llvm.func @f(%n: i64, %x: f64) -> f64 {                  llvm.func @f(%n: i64, %x: f64) -> f64 {
      %more = llvm.icmp "sgt" %n, %c0                          %r = scf.for %i = %c0 to %n step %c1
      llvm.cond_br %more, ^loop(%c0, %x), ^out(%x)                 iter_args(%a = %x) -> (f64) : i64 {
    ^loop(%i: i64, %a: f64):                                     %b = llvm.fmul %a, %a
      %b = llvm.fmul %a, %a                            =>        scf.yield %b
      %i1 = llvm.add %i, %c1                                   }
      %end = llvm.icmp "eq" %i1, %n                            llvm.return %r
      llvm.cond_br %end, ^out(%b), ^loop(%i1, %b)            }
    ^out(%r: f64):
      llvm.return %r
    }

Every control-flow graph can be lifted. Loops that are counted become `scf.for` over `i64`, others
`scf.while`; branches become `scf.if`, or `llvm.select` where there is nothing to run. The body of the
function is one block in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import builtin, llvm
from xdsl.passes import ModulePass

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lift.graph import Constants, Graph
from dialectad.lift.layout import Layout
from dialectad.lift.purity import sweep
from dialectad.lift.structure import Structurer
from dialectad.lower.llvm.differentiated import DIFFERENTIATED


def lift(function: llvm.FuncOp) -> None:
    """Make the body of a function one block."""
    try:
        _lift(function)
    except CompileError as error:
        error.location = error.location or locations.of(function)
        raise


def _lift(function: llvm.FuncOp) -> None:
    entry = function.body.first_block
    assert entry is not None
    output = function.function_type.output
    constants = Constants(entry)
    graph = Graph(function.body, constants, [] if isinstance(output, llvm.LLVMVoidType) else [output])
    structurer = Structurer(Layout(graph), entry)
    returned = structurer.run()
    entry.add_op(llvm.ReturnOp(*returned))
    for block in list(function.body.blocks)[1:]:
        function.body.erase_block(block, safe_erase=False)
    if constants.ops:
        assert entry.first_op is not None
        entry.insert_ops_before(constants.ops, entry.first_op)
    sweep([*structurer.replaced, *constants.ops])


@dataclass(frozen=True)
class LiftCfToScfPass(ModulePass):
    """Turn the blocks and branches of every `llvm.func` into `scf.for`, `scf.while` and `scf.if`."""

    name = "lift-cf-to-scf"

    differentiated: bool = False
    """Lift only what is to be differentiated."""

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        for function in list(op.body.block.ops):
            if not isinstance(function, llvm.FuncOp) or function.body.first_block is None:
                continue
            if not self.differentiated or DIFFERENTIATED in function.attributes:
                lift(function)
