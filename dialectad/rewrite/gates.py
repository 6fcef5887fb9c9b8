"""What is done so that the derivatives of a branch that isn't taken are 0.

Its results get a cotangent of 0, but 0 times a derivative that is infinite is NaN. So what comes from outside
is *gated* before anything is computed with it:

    scf.if %c { %y = math.sqrt %x }   ~>   %s = ad.stop %x;  %g = arith.select %c, %x, %s;  %y = math.sqrt %g

The gate gives %x, but a cotangent, NaN or not, only gets through where the branch is taken. What moves values
and adds them lets a cotangent of 0 through as it is, and needs no gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AnyFloat
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue

from dialectad.dialects.ad import StopOp
from dialectad.rewrite import constants, structure
from dialectad.walk import walk

_MOVING = frozenset(
    (
        *(op for op in tensor.Tensor.operations if op is not tensor.YieldOp),
        *(arith.AddfOp, arith.SubfOp, arith.NegfOp, arith.SelectOp, arith.ExtFOp, arith.TruncFOp),
        *(linalg.TransposeOp, linalg.BroadcastOp, linalg.FillOp, StopOp),
    )
)
"""Ops that don't multiply a cotangent."""


@dataclass
class Gates:
    """The gates of one branch, written into `block`."""

    taken: SSAValue
    "Whether the branch, and all around it, is taken."
    block: Block
    behind: set[SSAValue] = field(default_factory=set)
    "What is only reached through gates."
    made: dict[SSAValue, SSAValue] = field(default_factory=dict)

    def gate(self, op: Operation) -> bool:
        """Put gates before what `op` is computed from; tells whether its results are behind gates."""
        if type(op) in _MOVING:
            return all(not self._needs_gate(operand) for operand in op.operands)
        if any(_is_float(result) for result in op.results):
            for inner in walk(op):
                for i, operand in enumerate(inner.operands):
                    if self._needs_gate(operand):
                        inner.operands[i] = self._gated(operand, op)
        return True

    def add(self, values: Sequence[SSAValue]) -> None:
        """These values are reached through gates only."""
        self.behind.update(values)

    def _needs_gate(self, value: SSAValue) -> bool:
        owner = value.owner
        is_outer = owner is self.block or (isinstance(owner, Operation) and owner.parent is self.block)
        return is_outer and _is_float(value) and value not in self.behind and constants.uniform(value) is None

    def _gated(self, value: SSAValue, before: Operation) -> SSAValue:
        if (known := self.made.get(value)) is None:
            stop = StopOp(value)
            gate = arith.SelectOp(self.taken, value, stop.result)
            structure.insert_before(before, stop, gate)
            known = self.made[value] = gate.result
            self.behind.add(known)
        return known


def _is_float(value: SSAValue) -> bool:
    return isinstance(constants.element_type(value.type), AnyFloat)
