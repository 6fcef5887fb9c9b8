"""Ops appended to a block, each folded as `canonicalize` would."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad.rewrite import structure
from dialectad.rewrite.canonicalize import VALUE_RULES
from dialectad.rewrite.constants import Scalar
from dialectad.rewrite.rewriter import Rewriter


class Writer(Rewriter):
    """Writes a block without control flow. Every scalar constant stands there once, at the start."""

    def __init__(self, block: Block):
        super().__init__()
        self.block = block
        self.constants: dict[Attribute, SSAValue] = {}
        self.last: Operation | None = None
        """The last of the constants."""

    def append(self, op: Operation) -> Sequence[SSAValue]:
        """Append `op`; gives what it, or the simpler thing in its place, results in."""
        self.block.add_op(op)
        return self.folded(op)

    def emit(self, op: Operation, of: Operation) -> SSAValue:
        """Append an op with one result, at the place in the source of `of`."""
        op.location = of.location
        return self.append(op)[0]

    def folded(self, op: Operation) -> Sequence[SSAValue]:
        """The results of `op`, or what takes its place."""
        rule = VALUE_RULES.get(type(op))
        value = rule(op, self) if rule is not None else None
        if value is None:
            return op.results
        structure.erase(op)
        return [value]

    def insert(self, before: Operation, new: Operation) -> SSAValue:
        structure.insert_before(before, new)
        return self.folded(new)[0]

    def constant(self, before: Operation, attr: Scalar) -> SSAValue:
        return self.number(attr)

    def number(self, attr: Scalar) -> SSAValue:
        """The scalar constant `attr`."""
        if (known := self.constants.get(attr)) is None:
            op = arith.ConstantOp(attr)
            self._at_start(op)
            known = self.constants[attr] = op.result
        return known

    def constant_like(self, op: arith.ConstantOp) -> SSAValue:
        """The same constant."""
        attr = op.properties["value"]
        if isinstance(attr, IntegerAttr | FloatAttr):
            return self.number(attr)
        if (known := self.constants.get(attr)) is None:
            new = op.clone()
            self._at_start(new)
            known = self.constants[attr] = new.result
        return known

    def _at_start(self, op: Operation) -> None:
        if self.last is not None:
            self.block.insert_op_after(op, self.last)
        elif self.block.first_op is not None:
            self.block.insert_op_before(op, self.block.first_op)
        else:
            self.block.add_op(op)
        self.last = op
