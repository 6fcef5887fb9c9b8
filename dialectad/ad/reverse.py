"""The reverse sweep: what rules see of it, and the function that it makes.

    func @f(%x) { ...; return %y }
    =>
    func @f.vjp(%x, %dy) { ...; <the same ops backwards, each replaced by its adjoint>; return %y, %dx }

The cotangent of `x` is called `dx`. A value that isn't active has none, and one that nothing has
contributed to is `None`, a symbolic zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xdsl.dialects import memref, scf
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import Emitter, name_after
from dialectad.ad.cells import Cells
from dialectad.ad.halves import Halves
from dialectad.ad.memory import BY_ELEMENT, is_memory
from dialectad.ad.primals import Primals
from dialectad.ad.rule import RULES
from dialectad.dialects.destination import DestinationOp
from dialectad.errors import CompileError

InPlace = Callable[[SSAValue, bool], SSAValue]
"""Gives a cotangent with something added to a part of it; told whether it is all zeros so far."""


def no_rule(op: Operation) -> CompileError:
    return CompileError(
        f"there is no derivative rule for {op.name}",
        locations.of(op),
        hint="register one with dialectad.ad.rule.register, or keep active values away from this operation "
        "(da.stop_gradient)",
        pass_name="differentiate",
    )


class Reverse:
    """The reverse sweep over a block whose ops have run, built at the end of that block."""

    def __init__(self, top: Block, activity: Activity, point: InsertPoint, halves: Halves | None = None):
        self.halves = halves
        """How calls that stay are differentiated in two halves; None: they are checkpoints."""
        self.emitter = Emitter(point, "adjoint")
        self.activity = activity
        self.primals = Primals(top, self.emitter)
        self.cotangents: dict[SSAValue, SSAValue] = {}
        self.shadows: dict[SSAValue, SSAValue] = {}
        """The memory or cache of cotangents that belongs to memory or a cache of the top block."""
        self.cells = Cells()
        self.pending: dict[SSAValue, list[tuple[Operation, InPlace]]] = {}
        """Contributions to parts of cotangents that don't exist yet."""

    # What a rule asks

    def active(self, value: SSAValue) -> bool:
        return self.activity.active(value)

    def primal(self, value: SSAValue) -> SSAValue:
        return self.primals.value(value)

    def content(self, op: Operation, memory: SSAValue) -> SSAValue:
        """Memory with what `memory` held when `op` ran; on tensors the value itself."""
        return self.primals.content(op, memory) if is_memory(memory) else self.primal(memory)

    def result(self, op: DestinationOp) -> SSAValue:
        """What `op` gives; in memory, the destination as it was then."""
        if op.result is not None:
            return self.primal(op.result)
        return self.primals.content(op, op.destination, after=True)

    def shadow(self, memory: SSAValue) -> SSAValue:
        """The memory that holds the cotangents of what `memory` holds."""
        if (known := self.shadows.get(memory)) is not None:
            return known
        op = memory.owner
        assert isinstance(op, Operation)
        rule = RULES[type(op)]
        if op.parent is not self.primals.top:
            return self.primals.shadow(memory, lambda: rule.shadow(self, op))
        with self.emitter.at(InsertPoint.after(op)), self.emitter.deriving(op):
            known = self.shadows[memory] = rule.shadow(self, op)
        return known

    def deallocate(self, memory: SSAValue) -> None:
        """Give memory back when nothing needs it any more."""
        assert isinstance(memory.owner, Operation)
        block = memory.owner.parent
        assert block is not None
        if block is self.primals.top:
            self.primals.finally_.append(memref.DeallocOp.get(memory))
        else:
            last = block.last_op
            assert isinstance(last, scf.YieldOp), "shadows are made when the block is complete"
            self.emitter.builder.insert(memref.DeallocOp.get(memory), InsertPoint.before(last))

    def cotangent(self, value: SSAValue) -> SSAValue | None:
        """The sum of what has been contributed so far."""
        if value in self.pending:
            self.cotangents[value] = self._settle(value, self.zero_of(value), is_zero=True)
        return self.cotangents.get(value)

    def materialized(self, value: SSAValue) -> SSAValue:
        """The cotangent of `value`, as a value even if it is zero."""
        d = self.cotangent(value)
        return self.zero_of(value) if d is None else d

    def zero_of(self, value: SSAValue) -> SSAValue:
        return self.emitter.zero(value.type, self.primals.sizes(value))

    def empty_like(self, value: SSAValue) -> SSAValue:
        """A destination of the shape of `value` that nobody reads."""
        return self.emitter.empty(value.type, self.primals.sizes(value))

    # What a rule does

    def accumulate(self, value: SSAValue, contribution: SSAValue) -> None:
        """Add to the cotangent of `value`."""
        if not self.active(value):
            return
        d = self.cotangents.get(value)
        total = self._settle(value, contribution) if d is None else self.emitter.add(d, contribution)
        self.replace(value, total)

    def contribute(self, value: SSAValue, op: Operation, into: InPlace) -> None:
        """Add to a part of the cotangent of `value`, once there is one: see Note [Slices]."""
        if not self.active(value):
            return
        if (d := self.cotangents.get(value)) is None:
            self.pending.setdefault(value, []).append((op, into))
        else:
            self.replace(value, into(d, False))

    def _settle(self, value: SSAValue, d: SSAValue, *, is_zero: bool = False) -> SSAValue:
        for op, into in self.pending.pop(value, ()):
            with self.emitter.deriving(op):
                d = into(d, is_zero)
            is_zero = False
        return d

    def replace(self, value: SSAValue, cotangent: SSAValue | None) -> None:
        """Set the cotangent of `value`: for contributions that are made in the destination."""
        if cotangent is None:
            self.cotangents.pop(value, None)
        elif self.active(value):
            self.cotangents[value] = cotangent
            name_after(cotangent, value, "d")

    def block(self, ops: Iterable[Operation]) -> None:
        """Reverse a block (without its terminator)."""
        for op in reversed(tuple(ops)):
            if self.activity.active_op(op):
                if (rule := RULES.get(type(op))) is None:
                    raise no_rule(op)
                with self.emitter.deriving(op):
                    if type(op) not in BY_ELEMENT and (op.regions or any(map(is_memory, op.operands))):
                        self.cells.flush()
                    rule.reverse(self, op)
        self.cells.flush()


def body_ops(block: Block) -> tuple[Operation, ...]:
    """The ops of a block without its terminator."""
    return tuple(block.ops)[:-1]
