"""What is known of the extents of tensors from the ops that define them."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr
from xdsl.ir import Block, Operation, SSAValue

from dialectad.dialects import ad
from dialectad.dialects.extents import primal_of
from dialectad.lower.bufferization.places import Extent, is_tensor, kept_axes, mixed, tensor_shape
from dialectad.lower.bufferization.sinks import is_elementwise, updated


def stated(value: SSAValue) -> list[Extent] | SSAValue | None:
    """The dynamic extents that the definition of a tensor states, or a tensor with the same extents."""
    op = value.owner
    match op:
        case tensor.EmptyOp():
            return list(op.dynamic_sizes)
        case tensor.SplatOp():
            return list(op.dynamicSizes)
        case tensor.ExtractSliceOp():
            return [n for n in mixed(op.static_sizes, op.sizes) if not isinstance(n, int)]
        case tensor.ExpandShapeOp():
            return list(op.dynamic_output_shape)
        case ad.PopOp():
            return list(op.sizes)
        case ad.VJPOp() | ad.PullbackOp():
            return primal_of(value)
        case Block() | scf.ForOp() | scf.WhileOp() | scf.IfOp():
            return None
        case _:
            for index, operand in enumerate(op.operands):
                if updated(op, index) is value:
                    return operand
                if is_elementwise(op) and is_tensor(operand):
                    return operand
            return None


def bounds(value: SSAValue) -> list[int | None]:
    """What the dynamic extents of a tensor can't exceed, as a slice of an array or because of a loop."""
    while isinstance(known := stated(value), SSAValue):
        value = known
    if known is None:
        return [None] * tensor_shape(value).count(DYNAMIC_INDEX)
    found = [n if isinstance(n, int) else bound(n) for n in known]
    if isinstance(op := value.owner, tensor.ExtractSliceOp):
        source = tensor_shape(op.source)
        sizes = mixed(op.static_sizes, op.sizes)
        kept = kept_axes(sizes, tensor_shape(value))
        limits = [source[axis] for axis in kept if not isinstance(sizes[axis], int)]
        found = [_least(b, None if n == DYNAMIC_INDEX else n) for b, n in zip(found, limits, strict=True)]
    return found


_MAX_DEPTH = 8


def bound(value: SSAValue, depth: int = _MAX_DEPTH) -> int | None:
    """The greatest value that an index can have, where that is known."""
    if depth == 0:
        return None
    op = value.owner
    match op:
        case Block():
            loop = op.parent_op()
            if isinstance(loop, scf.ForOp) and value is op.args[0]:
                last = bound(loop.ub, depth - 1)
                return None if last is None else max(last - 1, 0)
            return None
        case arith.ConstantOp():
            return op.value.value.data if isinstance(op.value, IntegerAttr) else None
        case arith.AddiOp():
            a, b = bound(op.lhs, depth - 1), bound(op.rhs, depth - 1)
            return None if a is None or b is None else a + b
        case arith.SubiOp():
            a, b = bound(op.lhs, depth - 1), _least_value(op.rhs)
            return None if a is None or b is None else a - b
        case arith.MinSIOp():
            return _least(bound(op.lhs, depth - 1), bound(op.rhs, depth - 1))
        case arith.MaxSIOp() | arith.SelectOp():
            a, b = bound(op.operands[-2], depth - 1), bound(op.operands[-1], depth - 1)
            return None if a is None or b is None else max(a, b)
        case _:
            return None


def _least_value(value: SSAValue) -> int | None:
    """The smallest value of a constant, or of a loop's index."""
    op = value.owner
    match op:
        case arith.ConstantOp() if isinstance(op.value, IntegerAttr):
            return op.value.value.data
        case Block() if isinstance(loop := op.parent_op(), scf.ForOp) and value is op.args[0]:
            return _least_value(loop.lb)
        case _:
            return None


def _least(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def is_inside(value: SSAValue, op: Operation) -> bool:
    """Whether `value` is defined in a region of `op`."""
    block = value.owner if isinstance(value.owner, Block) else value.owner.parent
    while block is not None:
        above = block.parent_op()
        if above is op:
            return True
        block = None if above is None else above.parent
    return False


def any_inside(values: Sequence[Extent], op: Operation) -> bool:
    return any(isinstance(value, SSAValue) and is_inside(value, op) for value in values)
