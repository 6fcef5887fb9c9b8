"""What is done so that a branch that isn't taken can run all the same.

    scf.if %c { %q = arith.divsi %a, %b }       ~>   %d = arith.select %c, %b, 1;  %q = arith.divsi %a, %d
    scf.if %c { %e = tensor.extract %t[%i] }    ~>   %j = arith.select %c, %i, 0;  %e = tensor.extract %t[%j]

What is computed then doesn't matter: nobody looks at it.
"""

from __future__ import annotations

from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Operation, SSAValue

from dialectad.dialects.extents import source as source_of_extent
from dialectad.rewrite import constants, effects, extents, slices, structure
from dialectad.rewrite.speculation import is_speculatable
from dialectad.rewrite.writer import Writer
from dialectad.walk import walk

Element = tensor.ExtractOp | tensor.InsertOp


def extent_number(value: SSAValue, dim: int) -> int | None:
    """The extent of a tensor, if it is known."""
    found = source_of_extent(value, dim)
    if isinstance(found, SSAValue):
        return constants.integer(found)
    return found if isinstance(found, int) else None


def guard(op: Operation, taken: SSAValue, writer: Writer) -> SSAValue | None:
    """Make a pure op harmless; gives what takes its place where it can't be anything but an error."""
    for inner in tuple(walk(op)):
        instead = _guard(inner, taken, writer)
        if instead is None:
            continue
        if inner is op:
            return instead
        structure.replace(inner, [instead])
    return None


def _guard(op: Operation, taken: SSAValue, writer: Writer) -> SSAValue | None:
    if is_speculatable(op):
        return None
    if type(op) in effects.TRAPPING:
        _replace(op, 1, 1, taken, writer)
    elif isinstance(op, math.IPowIOp):
        _replace(op, 1, 0, taken, writer)
    elif isinstance(op, Element):
        whole = op.tensor if isinstance(op, tensor.ExtractOp) else op.dest
        if any(extent_number(whole, dim) == 0 for dim in range(len(op.indices))):
            return _nothing(op, writer)
        first = len(op.operands) - len(op.indices)
        for i in range(first, len(op.operands)):
            _replace(op, i, 0, taken, writer)
    elif isinstance(op, slices.Slice):
        first = 1 if isinstance(op, tensor.ExtractSliceOp) else 2
        for i in range(first, first + len(op.offsets)):
            _replace(op, i, 0, taken, writer)
    return None


def _replace(op: Operation, operand: int, by: int, taken: SSAValue, writer: Writer) -> None:
    """Let an integer operand be `by` where the branch isn't taken."""
    value = op.operands[operand]
    safe = writer.number(constants.number_attr(by, constants.element_type(value.type)))
    if isinstance(value.type, TensorType):
        splat = tensor.SplatOp(safe, extents.dynamic_sizes(value, op), value.type)
        structure.insert_before(op, splat)
        safe = splat.result
    select = arith.SelectOp(taken, value, safe)
    structure.insert_before(op, select)
    op.operands[operand] = select.result


def _nothing(op: Element, writer: Writer) -> SSAValue:
    """What an access to an empty tensor gives: it is never made."""
    if isinstance(op, tensor.InsertOp):
        return op.dest
    type_ = op.result.type
    return writer.number(constants.number_attr(0.0 if isinstance(type_, AnyFloat) else 0, type_))
