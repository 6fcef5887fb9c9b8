"""What to cache of a block, chosen when its reverse is complete.

The reverse sweep asks for primal values, and computes partial derivatives of them. Both can be cached:

    %c = cos(%x);  %d = %dy * %c      // %x was asked for; keeping cos(%x) is as good

The values of the forward block, and the *partials*, which the reverse block computes of nothing but primal
values, form a graph. What is cached is its minimum cut between the values that are lost and those that meet
a cotangent (`cut.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, IndexType, IntegerType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.cut import minimum_cut
from dialectad.dialects.arith import Arith

_SCALAR_OPS = frozenset((*Arith.operations, *math.Math.operations))

_LARGEST = 4000
"""Nodes of a graph for which a cut is looked for: the time it takes grows faster than the graph."""


def size_of(type_: Attribute) -> int | None:
    """The bytes that caching a scalar takes; None for anything else."""
    match type_:
        case IntegerType():
            return max(1, type_.width.data // 8)
        case IndexType():
            return 8
        case _:
            return type_.bitwidth // 8 if isinstance(type_, AnyFloat) else None


@dataclass
class Graph:
    """What the reverse of a block computes of the values of that block, in a reverse block's words.

    A node is a value of the forward block or, for a partial, one of the reverse block.
    """

    placeholders: Mapping[SSAValue, SSAValue]
    """Placeholder -> the value of the forward block that was asked for."""
    outer: Mapping[SSAValue, SSAValue]
    """Placeholder -> a value from further out that was asked for; the forward block can use it as it is."""
    operands: Callable[[SSAValue], list[SSAValue] | None]
    """What a value of the forward block can be computed of again, as far as that isn't there anyway; None if
    it can't."""
    is_free: Callable[[SSAValue], bool]
    """Whether a value of the forward block is there anyway."""
    in_scope: Callable[[SSAValue], bool]
    """Whether the forward block can use a value that the reverse block uses."""
    partials: dict[SSAValue, Operation] = field(default_factory=dict)
    costs: dict[SSAValue, int] = field(default_factory=dict)
    edges: dict[SSAValue, list[SSAValue]] = field(default_factory=dict)
    lost: list[SSAValue] = field(default_factory=list)

    def cut(self, reverse: Block) -> list[SSAValue]:
        """The nodes to cache."""
        for op in reverse.ops:
            if self._is_partial(op):
                self.partials[op.results[0]] = op
        needed: list[SSAValue] = []
        for placeholder, value in self.placeholders.items():
            if not self.is_free(value) and size_of(value.type) is not None:
                self._add(value)
                if self._meets_cotangent(placeholder):
                    needed.append(value)
        for partial, op in self.partials.items():
            nodes = [node for operand in op.operands if (node := self._node(operand)) is not None]
            if not nodes:
                continue
            self.costs[partial] = size_of(partial.type) or 1
            for node in nodes:
                self.edges.setdefault(node, []).append(partial)
            if self._meets_cotangent(partial):
                needed.append(partial)
        if not self.lost or not needed or len(self.costs) > _LARGEST:
            return []
        return minimum_cut(self.edges, self.lost, needed, self.costs)

    def _is_partial(self, op: Operation) -> bool:
        if type(op) not in _SCALAR_OPS or len(op.results) != 1 or size_of(op.results[0].type) is None:
            return False
        return isinstance(op, arith.ConstantOp) or all(
            operand in self.placeholders
            or operand in self.partials
            or operand in self.outer
            or self.in_scope(operand)
            for operand in op.operands
        )

    def _node(self, operand: SSAValue) -> SSAValue | None:
        """The node that stands for an operand of a partial, if it isn't free."""
        value = self.placeholders.get(operand, operand)
        return value if value in self.costs else None

    def _meets_cotangent(self, value: SSAValue) -> bool:
        return any(
            not (results := use.operation.results) or results[0] not in self.partials for use in value.uses
        )

    def _add(self, value: SSAValue) -> None:
        """Take in a value of the forward block, with what it can be computed of."""
        todo = [value]
        while todo:
            value = todo.pop()
            if value in self.costs:
                continue
            self.costs[value] = size_of(value.type) or 1
            if (operands := self.operands(value)) is None:
                self.lost.append(value)
                continue
            for operand in operands:
                self.edges.setdefault(operand, []).append(value)
                todo.append(operand)

    def move(self, partial: SSAValue, forward: Block, made: dict[SSAValue, SSAValue]) -> SSAValue:
        """Compute a partial at the end of the forward block; `made` remembers what was moved."""
        if (known := made.get(partial)) is None:
            op = self.partials[partial]
            clone = op.clone()
            clone.operands = [self._moved(operand, forward, made) for operand in op.operands]
            clone.location = op.location
            last = forward.last_op
            assert last is not None
            Rewriter.insert_op(clone, InsertPoint.before(last))
            known = made[partial] = clone.results[0]
        return known

    def _moved(self, operand: SSAValue, forward: Block, made: dict[SSAValue, SSAValue]) -> SSAValue:
        if operand in self.partials:
            return self.move(operand, forward, made)
        return self.placeholders.get(operand) or self.outer.get(operand) or operand

    def prune(self, keep: Container[SSAValue]) -> None:
        """Erase the partials that nobody uses any more, but for those to `keep`."""
        for partial, op in reversed(self.partials.items()):
            if partial.first_use is None and partial not in keep:
                op.detach()
                op.erase()
