"""The worklist of `canonicalize`, and what its rules do to the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, scf
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import structure
from dialectad.rewrite.constants import Scalar
from dialectad.walk import walk

_ENDS = (scf.YieldOp, scf.ConditionOp)


@dataclass
class Rewriter:
    """Ops to look at; whatever a rule changes is looked at again."""

    pending: list[Operation] = field(default_factory=list)
    queued: set[Operation] = field(default_factory=set)
    erased: set[Operation] = field(default_factory=set)

    def push(self, op: Operation) -> None:
        """Look at `op` (again)."""
        if isinstance(op, _ENDS):
            parent = op.parent_op()
            if parent is None:
                return
            op = parent
        if op not in self.queued:
            self.queued.add(op)
            self.pending.append(op)

    def pop(self) -> Operation | None:
        """The next op that still exists."""
        while self.pending:
            op = self.pending.pop()
            self.queued.discard(op)
            if op.parent is not None and op not in self.erased:
                return op
        return None

    def push_users(self, value: SSAValue) -> None:
        for use in value.uses:
            self.push(use.operation)

    def replace(self, op: Operation, values: Sequence[SSAValue]) -> None:
        """Give `values` to the users of `op`, and erase it."""
        for result in op.results:
            self.push_users(result)
        self._forget(op)
        structure.replace(op, values)

    def erase(self, op: Operation) -> None:
        """Erase an op without uses."""
        self._forget(op)
        structure.erase(op)

    def _forget(self, op: Operation) -> None:
        if op.regions:
            self.erased.update(walk(op))
        else:
            self.erased.add(op)

    def splice(self, op: Operation, region: int, args: Sequence[SSAValue]) -> list[SSAValue]:
        """Move the content of a region to before `op`; gives what it ended with."""
        block = op.regions[region].block
        for inner in walk(block):
            self.push(inner)
        return structure.splice(op, block, args)

    def insert(self, before: Operation, new: Operation) -> SSAValue:
        """Insert an op with one result, at the place in the source of `before`."""
        structure.insert_before(before, new)
        self.push(new)
        return new.results[0]

    def constant(self, before: Operation, attr: Scalar) -> SSAValue:
        """A scalar constant."""
        constant = arith.ConstantOp(attr)
        structure.insert_before(before, constant)
        return constant.result
