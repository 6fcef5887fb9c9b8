"""The forward sweep: tangents beside the primal values.

    func @f(%x) { ...; return %y }   =>   func @f.jvp(%x, %tx) { ...; return %y, %ty }

The tangent of `x` is called `tx`. It is computed right behind `x`; `None` is a symbolic zero.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import Emitter, name_after
from dialectad.ad.reverse import no_rule
from dialectad.ad.rule import RULES
from dialectad.dialects.destination import DestinationOp


class Forward:
    """The forward sweep over blocks, in place."""

    def __init__(self, activity: Activity, point: InsertPoint):
        self.emitter = Emitter(point, "tangent")
        self.activity = activity
        self.tangents: dict[SSAValue, SSAValue] = {}
        self.shadows: dict[SSAValue, SSAValue] = {}
        """The memory or cache of tangents that belongs to memory or a cache of primal values."""

    def active(self, value: SSAValue) -> bool:
        return self.activity.active(value)

    def primal(self, value: SSAValue) -> SSAValue:
        """Primal values are all in scope."""
        return value

    def content(self, op: Operation, memory: SSAValue) -> SSAValue:
        """Memory is what it was for `op`, unless that wrote it."""
        return memory

    def result(self, op: DestinationOp) -> SSAValue:
        """What `op` gives; in memory, the destination."""
        return op.destination if op.result is None else op.result

    def shadow(self, memory: SSAValue) -> SSAValue:
        """The memory that holds the tangents of what `memory` holds."""
        if (known := self.shadows.get(memory)) is None:
            op = memory.owner
            assert isinstance(op, Operation)
            with self.emitter.at(InsertPoint.after(op)), self.emitter.deriving(op):
                known = self.shadows[memory] = RULES[type(op)].shadow(self, op)
        return known

    def tangent(self, value: SSAValue) -> SSAValue | None:
        return self.tangents.get(value)

    def materialized(self, value: SSAValue) -> SSAValue:
        """The tangent of `value`, as a value even if it is zero."""
        t = self.tangents.get(value)
        return self.emitter.zero(value.type, self.emitter.sizes_of(value)) if t is None else t

    def empty_like(self, value: SSAValue) -> SSAValue:
        """A destination of the shape of `value` that nobody reads."""
        return self.emitter.empty(value.type, self.emitter.sizes_of(value))

    def set_tangent(self, value: SSAValue, tangent: SSAValue | None) -> None:
        if tangent is not None and self.active(value):
            self.tangents[value] = tangent
            name_after(tangent, value, "t")

    def block(self, ops: Iterable[Operation]) -> None:
        """Give the results of these ops their tangents, each right behind its op."""
        for op in tuple(ops):
            if self.activity.active_op(op):
                if (rule := RULES.get(type(op))) is None:
                    raise no_rule(op)
                with self.emitter.at(InsertPoint.after(op)), self.emitter.deriving(op):
                    rule.forward(self, op)
