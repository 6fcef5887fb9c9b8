"""Structured ops taken apart: what their bodies and maps say."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.ad.build import REDUCTION


def combiner(op: linalg.ReduceOp) -> type[Operation] | None:
    """The op that the body consists of, if it is one op of both arguments."""
    body = op.region.block
    first, last = body.first_op, body.last_op
    if first is None or last is None or first.next_op is not last or len(first.operands) != 2:
        return None
    return (
        type(first)
        if set(first.operands) == set(body.args) and last.operands[0] is first.results[0]
        else None
    )


EXTREMA: tuple[type[Operation], ...] = (
    *(arith.MaximumfOp, arith.MinimumfOp, arith.MaxnumfOp, arith.MinnumfOp),
)


@dataclass(frozen=True)
class Parts:
    """A `linalg.generic` on tensors with one result, taken apart."""

    op: linalg.GenericOp

    @property
    def body(self) -> Block:
        return self.op.body.block

    @property
    def maps(self) -> list[AffineMap]:
        return [m.data for m in self.op.indexing_maps]

    @property
    def yielded(self) -> SSAValue:
        last = self.body.last_op
        assert last is not None
        return last.operands[0]

    @property
    def reduces(self) -> bool:
        """Whether an element of the result is written several times, or not at all and so the initial one."""
        out = self.maps[-1]
        return any(i == REDUCTION for i in self.op.iterator_types) or not is_permutation(out)

    @property
    def out_arg(self) -> SSAValue:
        return self.body.args[-1]

    @property
    def reads_out(self) -> bool:
        return self.out_arg.first_use is not None

    @property
    def captured(self) -> list[SSAValue]:
        """What the body uses from outside."""
        found: dict[SSAValue, None] = {}
        for op in self.body.ops:
            for operand in op.operands:
                owner = operand.owner
                if (owner if isinstance(owner, Block) else owner.parent) is not self.body:
                    found[operand] = None
        return list(found)

    @property
    def addend(self) -> SSAValue | None:
        """f, if the body is `yield o + f` and f doesn't depend on o."""
        total, o = self.yielded.owner, self.out_arg
        if not isinstance(total, arith.AddfOp) or not o.has_one_use() or o not in total.operands:
            return None
        return total.rhs if total.lhs is o else total.lhs


def is_permutation(map_: AffineMap) -> bool:
    """Whether each point of the iteration space has an element of its own, and no element is left over."""
    return len(map_.results) == map_.num_dims and sorted(dims_of(map_)) == list(range(map_.num_dims))


def dims_of(map_: AffineMap) -> list[int]:
    return [e.position for e in map_.results if isinstance(e, AffineDimExpr)]
