"""Lowering of a function that is differentiated at the level `llvm`: it has no early exits.

LLVM optimises such a function before it is differentiated. What can fail is a call that LLVM can't look
into, so that it adds no control flow, and so is what stops derivatives:

    cf.assert %c, "..."         ->  llvm.call @dialectad.assert(%c, %status) : (i1, i64) -> ()
    func.call @g(%x, %y)        ->  llvm.call @dialectad.call.g(%x, %y) : (f64, !llvm.ptr) -> ()
    %y = "ad.stop"(%x) : f64    ->  %y = llvm.call @dialectad.stop.f64(%x) : (f64) -> f64
    %c = "ad.cache"() : ...     ->  %c = llvm.call @dialectad.cache.f64() : () -> !llvm.ptr
    "ad.push"(%c, %x)           ->  llvm.call @dialectad.push.f64(%c, %x) : (!llvm.ptr, f64) -> ()

`%status` is what the function would give as its status. Memory isn't kept from one call to the next. A cache
that grows, in a derivative that is differentiated again, stays one: memory that is replaced by more memory
has no place of its own, of which there could be a shadow.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import llvm
from xdsl.dialects.builtin import AnyFloat, LocationAttr, i1
from xdsl.ir import Block, Operation, SSAValue

from dialectad.lower.llvm.function import FunctionLowering, ptr
from dialectad.lower.llvm_libraries import ASSERT, CALL, STOP

DIFFERENTIATED = "dialectad.differentiated"
"""The unit attribute of an `llvm.func` that was lowered like this."""


class DifferentiatedLowering(FunctionLowering):
    """Emits the blocks of one `llvm.func` that is differentiated."""

    keeps_memory = False

    def leave_if(self, failed: SSAValue, status: SSAValue) -> None:
        holds = self.emit(llvm.XOrOp.create(operands=[failed, self.int_constant(1, i1)], result_types=[i1]))
        self.leave_unless(holds, status)

    def leave_unless(self, condition: SSAValue, status: SSAValue) -> None:
        self.call(ASSERT, [condition, status], None)

    def call_ours(self, name: str, args: Sequence[SSAValue]) -> None:
        self.call(f"{CALL}.{name}", args, None)

    def put_arena_back(self) -> None:
        if self.arena is not None:
            self.free(self.load(self.arena[1], ptr))

    def locate(self, location: LocationAttr, block: Block, last: Operation | None) -> None:
        """Say where the ops after `last` in `block`, and those in blocks after it, come from: it is kept
        while LLVM optimises them."""
        op = block.first_op if last is None else last.next_op
        while True:
            while op is not None:
                op.location = location
                op = op.next_op
            if (following := block.next_block) is None:
                return
            block, op = following, following.first_op

    def stopped(self, value: SSAValue) -> SSAValue:
        if not isinstance(value.type, AnyFloat):
            return value
        result = self.call(f"{STOP}.{value.type.name}", [value], value.type)
        assert result is not None
        return result
