"""The slices of one tensor that the iterations of a loop read, one after the other.

scf.for %i = 0 to 10 { %s = tensor.extract_slice %x[%i, 0] [1, 4] [1, 1]; ... }      rows 0, 1, ... of %x
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, TensorType
from xdsl.ir import SSAValue

from dialectad.rewrite import constants, slices


@dataclass(frozen=True)
class Trips:
    """The iterations of a loop by steps of 1 whose bounds are constants."""

    loop: scf.ForOp
    first: int
    count: int

    @staticmethod
    def of(loop: scf.ForOp) -> Trips | None:
        first, end, step = (constants.integer(v) for v in (loop.lb, loop.ub, loop.step))
        if first is None or end is None or step != 1 or loop.lb.type != IndexType():
            return None
        return Trips(loop, first, end - first)

    def is_outside(self, value: SSAValue) -> bool:
        """Whether `value` is there before the loop."""
        return not self.loop.is_ancestor(value.owner)


@dataclass(frozen=True)
class IteratedSlices:
    """Slices of `source` at `first`, `first + 1`, ... of its dimension `dim`, or backwards; else whole."""

    source: SSAValue
    dim: int
    first: int
    "Of all iterations, the least."
    is_reversed: bool

    @staticmethod
    def of(value: SSAValue, trips: Trips) -> IteratedSlices | None:
        """What `value` is in the iterations of a loop, all of which are within the tensor."""
        op = value.owner
        if not isinstance(op, tensor.ExtractSliceOp) or not trips.is_outside(op.source):
            return None
        assert isinstance(op.source.type, TensorType)
        shape, sizes, kept = op.source.type.get_shape(), slices.sizes(op), slices.kept_dims(op)
        dropped = [dim for dim in range(len(shape)) if dim not in kept]
        whole = all(
            offset == 0 and size == extent and extent != DYNAMIC_INDEX
            for dim, (offset, size, extent) in enumerate(zip(slices.offsets(op), sizes, shape, strict=True))
            if dim in kept
        )
        if len(dropped) != 1 or not whole or any(stride != 1 for stride in slices.strides(op)):
            return None
        (dim,) = dropped
        offset = slices.offsets(op)[dim]
        place = affine(offset, trips.loop.body.block.args[0]) if isinstance(offset, SSAValue) else None
        if place is None or place[0] not in (1, -1):
            return None
        ends = [place[0] * i + place[1] for i in (trips.first, trips.first + trips.count - 1)]
        if min(ends) < 0 or max(ends) >= shape[dim]:
            return None
        return IteratedSlices(op.source, dim, min(ends), place[0] < 0)


def affine(value: SSAValue, variable: SSAValue) -> tuple[int, int] | None:
    """(a, b) where `value` = a `variable` + b."""
    if value is variable:
        return 1, 0
    if (number := constants.integer(value)) is not None:
        return 0, number
    op = value.owner
    if isinstance(op, arith.IndexCastOp):
        return affine(op.operands[0], variable)
    if not isinstance(op, arith.AddiOp | arith.SubiOp):
        return None
    lhs, rhs = affine(op.lhs, variable), affine(op.rhs, variable)
    if lhs is None or rhs is None:
        return None
    sign = -1 if isinstance(op, arith.SubiOp) else 1
    return lhs[0] + sign * rhs[0], lhs[1] + sign * rhs[1]
