"""Activity: which values depend on an active argument (varied) and reach an active result (useful).

Only what is both is differentiated. The analysis is one walk per direction, repeated over loop bodies
until nothing changes; rules say how a derivative flows through their ops (`Rule.vary`, `Rule.use`).
Memory is active as a whole: what is marked is the buffer, whatever view of it is written or read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from xdsl.ir import Block, Operation, SSAValue

from dialectad.ad.algebra import is_differentiable
from dialectad.ad.memory import buffer_of
from dialectad.ad.rule import RULES, Rule

_DEFAULT = Rule()


def _flow(op: Operation) -> Rule:
    """The rule of `op`; what has none is taken to let everything through (and refused later)."""
    return RULES.get(type(op), _DEFAULT)


@dataclass
class Activity:
    varied: set[SSAValue] = field(default_factory=set)
    """What depends on an active argument."""
    useful: set[SSAValue] = field(default_factory=set)
    """What an active result depends on."""
    _active_ops: dict[Operation, bool] = field(default_factory=dict)

    @staticmethod
    def of(block: Block, arguments: Iterable[SSAValue], results: Iterable[SSAValue]) -> Activity:
        """The activity of a function's body."""
        activity = Activity(set(arguments), set(results))
        activity.vary(block)
        activity.use(block)
        return activity

    @staticmethod
    def varied_by(block: Block, arguments: Iterable[SSAValue]) -> Activity:
        """What depends on `arguments`; all of it counts as useful."""
        activity = Activity(set(arguments))
        activity.vary(block)
        activity.useful = activity.varied
        return activity

    def is_varied(self, value: SSAValue) -> bool:
        return buffer_of(value) in self.varied

    def is_useful(self, value: SSAValue) -> bool:
        return buffer_of(value) in self.useful

    def active(self, value: SSAValue) -> bool:
        value = buffer_of(value)
        return value in self.varied and value in self.useful

    def mark_varied(self, value: SSAValue) -> None:
        """`value`, or what a memref is a view of, depends on an active argument."""
        if is_differentiable(value.type):
            self.varied.add(buffer_of(value))

    def mark_useful(self, value: SSAValue) -> None:
        """An active result depends on `value`, or on what a memref is a view of."""
        if is_differentiable(value.type):
            self.useful.add(buffer_of(value))

    def active_op(self, op: Operation) -> bool:
        """Whether `op` has to be differentiated: a result is active, or an operand that it stores away."""
        if (known := self._active_ops.get(op)) is None:
            known = self._active_ops[op] = (
                any(self.active(result) for result in op.results)
                or (not op.results and not op.regions and any(self.active(o) for o in op.operands))
                or any(
                    self.active_op(nested)
                    for region in op.regions
                    for block in region.blocks
                    for nested in block.ops
                    if nested is not block.last_op
                )
            )
        return known

    def rename(self, old: SSAValue, new: SSAValue) -> None:
        """`new` has taken the place of `old`."""
        for marked in (self.varied, self.useful):
            if old in marked:
                marked.add(new)

    def vary(self, block: Block) -> None:
        for op in block.ops:
            _flow(op).vary(self, op)

    def use(self, block: Block) -> None:
        for op in reversed(tuple(block.ops)):
            _flow(op).use(self, op)
