"""What conditions say about integers: enough to see that a loop runs at least once, or not at all.

%more = llvm.icmp "sgt" %n, 0; known to hold  =>  range(%n) = [1, 2^63 - 1]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, IntegerType
from xdsl.ir import Operation, SSAValue

from dialectad.dialects.llvm import FreezeOp

Fact: TypeAlias = tuple[SSAValue, bool]
"""A condition, and whether it holds."""

Comparison: TypeAlias = tuple[str, SSAValue, SSAValue]
"""A predicate of `llvm.icmp` that holds for two values."""

INVERSE = {
    "eq": "ne",
    "ne": "eq",
    "slt": "sge",
    "sge": "slt",
    "sgt": "sle",
    "sle": "sgt",
    "ult": "uge",
    "uge": "ult",
    "ugt": "ule",
    "ule": "ugt",
}
"""What holds where a comparison doesn't."""

SWAPPED = {
    "eq": "eq",
    "ne": "ne",
    "slt": "sgt",
    "sgt": "slt",
    "sle": "sge",
    "sge": "sle",
    "ult": "ugt",
    "ugt": "ult",
    "ule": "uge",
    "uge": "ule",
}
"""What holds for the operands the other way around."""


def constant(value: SSAValue) -> int | None:
    """The signed integer that `value` is known to be."""
    owner = value.owner
    if isinstance(owner, llvm.ConstantOp) and isinstance(owner.value, IntegerAttr):
        number, type_ = owner.value.value.data, value.type
        assert isinstance(type_, IntegerType)
        half = 1 << (type_.width.data - 1)
        return (number + half) % (2 * half) - half
    if isinstance(owner, llvm.ZeroOp) and isinstance(value.type, IntegerType):
        return 0
    return None


def is_true(value: SSAValue) -> bool:
    """Whether a bit is known to be set."""
    return constant(value) == -1


def has_flag(op: Operation, flag: int) -> bool:
    """Whether `op` may not wrap around: 1 as a signed number, 2 as an unsigned one."""
    match op.properties.get("overflowFlags"):
        case IntegerAttr() as flags:
            return bool(flags.value.data & flag)
        case llvm.OverflowAttr() as flags:
            wanted = llvm.OverflowFlag.NO_SIGNED_WRAP if flag == 1 else llvm.OverflowFlag.NO_UNSIGNED_WRAP
            return wanted in flags.data
        case _:
            return False


def offset(value: SSAValue) -> tuple[SSAValue | None, int]:
    """`value` as another one plus a constant, without a wrap between them; None: the constant alone."""
    total = 0
    while True:
        known = constant(value)
        if known is not None:
            return None, total + known
        owner = value.owner
        if not isinstance(owner, llvm.AddOp | llvm.SubOp) or not has_flag(owner, 1):
            return value, total
        step = constant(owner.rhs)
        if step is None:
            return value, total
        total += step if isinstance(owner, llvm.AddOp) else -step
        value = owner.lhs


@dataclass(frozen=True)
class Difference:
    """plus - minus + constant, of `i64` values; exact, not wrapped around."""

    plus: SSAValue | None
    minus: SSAValue | None
    constant: int

    @staticmethod
    def of(a: SSAValue, b: SSAValue, constant: int = 0) -> Difference:
        """a - b + constant"""
        (plus, more), (minus, less) = offset(a), offset(b)
        if plus is minus:
            plus = minus = None
        return Difference(plus, minus, constant + more - less)

    def lower(self, facts: Iterable[Fact]) -> int:
        """The least that it can be."""
        comparisons = list(decode(facts))
        by_range = _range(self.plus, comparisons)[0] - _range(self.minus, comparisons)[1]
        return self.constant + max(by_range, _least_difference(self.plus, self.minus, comparisons))

    def upper(self, facts: Iterable[Fact]) -> int:
        """The most that it can be."""
        comparisons = list(decode(facts))
        by_range = _range(self.plus, comparisons)[1] - _range(self.minus, comparisons)[0]
        return self.constant + min(by_range, -_least_difference(self.minus, self.plus, comparisons))


def lowest(value: SSAValue, facts: Iterable[Fact]) -> int:
    """The least signed number that `value` can be."""
    return _range(value, list(decode(facts)))[0]


def decode(facts: Iterable[Fact]) -> Iterator[Comparison]:
    """The comparisons that follow from conditions."""
    pending = list(facts)
    while pending:
        condition, holds = pending.pop()
        op = condition.owner
        match op:
            case llvm.ICmpOp():
                predicate = llvm.ALL_ICMP_FLAGS[op.predicate.value.data].value
                yield predicate if holds else INVERSE[predicate], op.lhs, op.rhs
            case llvm.XOrOp() if is_true(op.rhs):
                pending.append((op.lhs, not holds))
            case llvm.AndOp() if holds:
                pending += [(op.lhs, True), (op.rhs, True)]
            case llvm.OrOp() if not holds:
                pending += [(op.lhs, False), (op.rhs, False)]
            case llvm.SelectOp() if holds and constant(op.rhs) == 0:  # and
                pending += [(op.cond, True), (op.lhs, True)]
            case llvm.SelectOp() if not holds and is_true(op.lhs):  # or
                pending += [(op.cond, False), (op.rhs, False)]
            case FreezeOp():
                pending.append((op.val, holds))
            case _:
                pass


def _range(value: SSAValue | None, comparisons: list[Comparison]) -> tuple[int, int]:
    """The signed numbers that a value can be, both ends included; None is 0."""
    if value is None:
        return 0, 0
    if (known := constant(value)) is not None:
        return known, known
    assert isinstance(value.type, IntegerType)
    half = 1 << (value.type.width.data - 1)
    low, high = -half, half - 1
    owner = value.owner
    if isinstance(owner, llvm.ZExtOp | llvm.SExtOp):
        assert isinstance(owner.arg.type, IntegerType)
        inner_low, inner_high = _range(owner.arg, comparisons)
        if isinstance(owner, llvm.ZExtOp) and inner_low < 0:
            inner_low, inner_high = 0, (1 << owner.arg.type.width.data) - 1
        low, high = max(low, inner_low), min(high, inner_high)
    for _ in range(2):  # an unsigned comparison may need what a signed one says
        for predicate, a, b in comparisons:
            if b is value:
                predicate, a, b = SWAPPED[predicate], b, a
            if a is value and (bound := constant(b)) is not None:
                low, high = _narrowed(low, high, predicate, bound)
    return low, high


def _narrowed(low: int, high: int, predicate: str, bound: int) -> tuple[int, int]:
    match predicate:
        case "eq":
            return max(low, bound), min(high, bound)
        case "ne":
            return low + (low == bound), high - (high == bound)
        case "slt":
            return low, min(high, bound - 1)
        case "sle":
            return low, min(high, bound)
        case "sgt":
            return max(low, bound + 1), high
        case "sge":
            return max(low, bound), high
        case "ult" if bound >= 0:
            return max(low, 0), min(high, bound - 1)
        case "ule" if bound >= 0:
            return max(low, 0), min(high, bound)
        case "ugt" if low >= 0 and bound >= 0:
            return max(low, bound + 1), high
        case "uge" if low >= 0 and bound >= 0:
            return max(low, bound), high
        case _:
            return low, high


_LEAST = {"sgt": 1, "sge": 0, "eq": 0}


def _least_difference(a: SSAValue | None, b: SSAValue | None, comparisons: list[Comparison]) -> int:
    """The least that a - b can be, as far as they are compared with each other."""
    least = -(1 << 65)
    for predicate, left, right in comparisons:
        if left is b and right is a:
            predicate, left, right = SWAPPED[predicate], right, left
        if left is a and right is b:
            least = max(least, _LEAST.get(predicate, least))
    return least
