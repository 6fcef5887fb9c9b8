"""Bounds of integers, found by looking at how they are computed.

An induction variable lies between the bounds of its loop, and arithmetic on bounded values is bounded.
Bounds that leave 63 bits, and everything else, are unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import IndexType, IntegerType
from xdsl.ir import BlockArgument, Operation, SSAValue

from dialectad.rewrite import constants

Range = tuple[int, int]
"""The least and the greatest value."""

_LIMIT = 1 << 62
_DEPTH = 6


def bounds(value: SSAValue, depth: int = _DEPTH) -> Range | None:
    """Between which numbers an integer scalar lies (as a signed number)."""
    number = constants.integer(value)
    if number is not None:
        return number, number
    if depth == 0:
        return None
    if isinstance(value, BlockArgument):
        return _induction_variable(value, depth)
    owner = value.owner
    assert isinstance(owner, Operation)
    rule = _RULES.get(type(owner))
    return _within(rule(owner, depth - 1), value) if rule is not None else None


def _within(found: Range | None, value: SSAValue) -> Range | None:
    """What fits the type; beyond it the number would have wrapped around."""
    if found is None:
        return None
    type_ = value.type
    limit = 1 << (type_.width.data - 1) if isinstance(type_, IntegerType) else _LIMIT
    limit = min(limit, _LIMIT)
    return found if -limit <= found[0] and found[1] < limit else None


def _induction_variable(arg: BlockArgument, depth: int) -> Range | None:
    loop = arg.block.parent_op()
    if not isinstance(loop, scf.ForOp) or arg.index != 0:
        return None
    low, high = bounds(loop.lb, depth - 1), bounds(loop.ub, depth - 1)
    if low is None or high is None:
        return None
    last = high[1] - 1
    step = constants.integer(loop.step)
    if step is not None and low[0] == low[1] and high[0] == high[1] and last >= low[0]:
        last = low[0] + (last - low[0]) // step * step
    return (low[0], last) if last >= low[0] else None


def _both(op: Operation, depth: int) -> tuple[Range, Range] | None:
    a = bounds(op.operands[0], depth)
    b = bounds(op.operands[1], depth) if a is not None else None
    return (a, b) if a is not None and b is not None else None


def _add(op: Operation, depth: int) -> Range | None:
    both = _both(op, depth)
    return None if both is None else (both[0][0] + both[1][0], both[0][1] + both[1][1])


def _sub(op: Operation, depth: int) -> Range | None:
    both = _both(op, depth)
    return None if both is None else (both[0][0] - both[1][1], both[0][1] - both[1][0])


def _mul(op: Operation, depth: int) -> Range | None:
    both = _both(op, depth)
    if both is None:
        return None
    corners = [x * y for x in both[0] for y in both[1]]
    return min(corners), max(corners)


def _floordiv(op: Operation, depth: int) -> Range | None:
    divisor = constants.integer(op.operands[1])
    dividend = bounds(op.operands[0], depth)
    if divisor is None or divisor <= 0 or dividend is None:
        return None
    if type(op) is not arith.FloorDivSIOp and dividend[0] < 0:
        return None
    return dividend[0] // divisor, dividend[1] // divisor


def _remainder(op: Operation, depth: int) -> Range | None:
    divisor = constants.integer(op.operands[1])
    dividend = bounds(op.operands[0], depth)
    if divisor is None or divisor <= 0:
        return None
    if dividend is not None and dividend[0] >= 0:
        return 0, min(dividend[1], divisor - 1)
    return 1 - divisor, divisor - 1


def _minimum(op: Operation, depth: int) -> Range | None:
    both = _both(op, depth)
    return None if both is None else (min(both[0][0], both[1][0]), min(both[0][1], both[1][1]))


def _maximum(op: Operation, depth: int) -> Range | None:
    both = _both(op, depth)
    return None if both is None else (max(both[0][0], both[1][0]), max(both[0][1], both[1][1]))


def _select(op: Operation, depth: int) -> Range | None:
    a, b = bounds(op.operands[1], depth), bounds(op.operands[2], depth)
    return None if a is None or b is None else (min(a[0], b[0]), max(a[1], b[1]))


def _cast(op: Operation, depth: int) -> Range | None:
    return bounds(op.operands[0], depth)


def _extent(op: Operation, depth: int) -> Range | None:
    return 0, _LIMIT - 1


_RULES: dict[type[Operation], Callable[[Operation, int], Range | None]] = {
    arith.AddiOp: _add,
    arith.SubiOp: _sub,
    arith.MuliOp: _mul,
    arith.DivSIOp: _floordiv,
    arith.FloorDivSIOp: _floordiv,
    arith.RemSIOp: _remainder,
    arith.MinSIOp: _minimum,
    arith.MaxSIOp: _maximum,
    arith.SelectOp: _select,
    arith.IndexCastOp: _cast,
    arith.ExtSIOp: _cast,
    arith.TruncIOp: _cast,
    tensor.DimOp: _extent,
}


def compare(predicate: int, a: SSAValue, b: SSAValue) -> bool | None:
    """Whether `arith.cmpi predicate, a, b` is always, or never, true."""
    if not isinstance(a.type, IndexType | IntegerType):
        return None
    if a is b:
        return predicate in _REFLEXIVE
    order = _compare_with_bound(a, b)
    if order is not None and predicate < _UNSIGNED:
        return predicate in order
    x = bounds(a)
    y = bounds(b) if x is not None else None
    if x is None or y is None:
        return None
    if predicate >= _UNSIGNED:
        if x[0] < 0 or y[0] < 0:
            return None
        predicate -= _UNSIGNED - 2
    (a0, a1), (b0, b1) = x, y
    always, never = {
        0: (a0 == a1 == b0 == b1, a1 < b0 or b1 < a0),
        1: (a1 < b0 or b1 < a0, a0 == a1 == b0 == b1),
        2: (a1 < b0, a0 >= b1),
        3: (a1 <= b0, a0 > b1),
        4: (a0 > b1, a1 <= b0),
        5: (a0 >= b1, a1 < b0),
    }[predicate]
    return True if always else (False if never else None)


def _compare_with_bound(a: SSAValue, b: SSAValue) -> tuple[int, ...] | None:
    """The signed predicates that hold because one is an induction variable and the other its upper bound."""
    if _is_below(a, b):
        return _LESS
    return _GREATER if _is_below(b, a) else None


def _is_below(a: SSAValue, b: SSAValue) -> bool:
    if not isinstance(a, BlockArgument) or a.index != 0:
        return False
    loop = a.block.parent_op()
    return isinstance(loop, scf.ForOp) and loop.ub is b


_LESS = (1, 2, 3)
"""ne, slt, sle."""
_GREATER = (1, 4, 5)
"""ne, sgt, sge."""
_REFLEXIVE = (0, 3, 5, 7, 9)
"""The predicates that hold for equal numbers: eq, sle, sge, ule, uge."""
_UNSIGNED = 6
"""The first of the unsigned predicates, which stand in the order of the signed ones from 2."""
