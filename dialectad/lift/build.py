"""Making ops, with a place to put them and a memory of the conditions around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, IntegerType, LocationAttr, i1, i32, i64
from xdsl.ir import Block, Operation, SSAValue

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lift.graph import PASS_NAME, Constants
from dialectad.lift.inequalities import Difference, Fact, constant, is_true
from dialectad.lift.outcome import Flag

Number: TypeAlias = SSAValue | int
"""An `i64`, known now or when the program runs."""

DEEPEST = 150
"""How deeply regions may be nested: printing and verifying them recurses."""

_MAY_WRAP = IntegerAttr(0, i32)
_SLT = IntegerAttr(2, i64)
_NO_FAST_MATH = llvm.FastMathAttr(None)


class Builder:
    """Appends ops to a block."""

    def __init__(self, constants: Constants, block: Block):
        self.constants = constants
        self.block = block
        self.location: LocationAttr = locations.UNKNOWN
        self.facts: list[Fact] = []
        """What holds here, from the outside in."""
        self._open = {block}

    @contextmanager
    def inside(self, block: Block, *facts: Fact) -> Iterator[None]:
        """Continue in a nested block, where `facts` hold."""
        if len(self._open) > DEEPEST:
            raise CompileError(
                f"more than {DEEPEST} branches and loops, one in the other",
                locations.from_attr(self.location),
                hint="many early exits, such as checks in straight code, nest so deeply",
                pass_name=PASS_NAME,
            )
        outer, self.block = self.block, block
        self._open.add(block)
        self.facts += facts
        yield
        self.block = outer
        self._open.remove(block)
        del self.facts[len(self.facts) - len(facts) :]

    def is_visible(self, value: SSAValue) -> bool:
        """Whether a value that was emitted can be used here."""
        owner = value.owner
        block = owner if isinstance(owner, Block) else owner.parent
        return block is None or block in self._open  # constants aren't in a block yet

    def add_op(self, op: Operation) -> Operation:
        """Append an op, at the location of what it is made from."""
        if op.location == locations.UNKNOWN:
            op.location = self.location
        self.block.add_op(op)
        return op

    def value(self, number: Number) -> SSAValue:
        """A number as a value."""
        return self.constants.integer(number, i64) if isinstance(number, int) else number

    def add(self, a: Number, b: Number) -> Number:
        """a + b"""
        a, b = _folded(a), _folded(b)
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int):
            a, b = b, a
        if b == 0:
            return a
        return self._binary(llvm.AddOp, a, b)

    def subtract(self, a: Number, b: Number) -> Number:
        """a - b"""
        a, b = _folded(a), _folded(b)
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if isinstance(b, int):
            return self.add(a, -b)
        return self._binary(llvm.SubOp, a, b)

    def multiply(self, a: Number, b: Number) -> Number:
        """a * b"""
        a, b = _folded(a), _folded(b)
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if isinstance(a, int):
            a, b = b, a
        if isinstance(b, int) and b in (0, 1):
            return a if b else 0
        if b == -1:
            return self.subtract(0, a)
        return self._binary(llvm.MulOp, a, b)

    def divide_up(self, a: Number, b: int) -> Number:
        """a / b, rounded up, for a positive b; at most 0 where a is."""
        a = _folded(a)
        if b == 1:
            return a
        if isinstance(a, int):
            return -(-a // b)
        above = self.value(self.add(a, b - 1))
        return self.add_op(llvm.SDivOp.create(operands=[above, self.value(b)], result_types=[i64])).results[0]

    def at_least(self, a: Number, least: Number) -> Number:
        """max(a, least)"""
        a, least = _folded(a), _folded(least)
        if isinstance(a, int) and isinstance(least, int):
            return max(a, least)
        a, least = self.value(a), self.value(least)
        below = self.add_op(
            llvm.ICmpOp.create(operands=[a, least], result_types=[i1], properties={"predicate": _SLT})
        ).results[0]
        return self.select(below, least, a)

    def affine(self, start: SSAValue, index: Number, step: Number, sign: int = 1) -> SSAValue:
        """start + sign * step * index, in the type of `start`."""
        type_ = start.type
        assert isinstance(type_, IntegerType)
        if isinstance(step, int) and step < 0:
            step, sign = -step, -sign
        if type_ == i64:
            distance = self.multiply(index, step)
            return self.value(self.add(start, distance) if sign > 0 else self.subtract(start, distance))
        count = self.value(self.resize(index, type_))
        stride = self.constants.integer(step, type_) if isinstance(step, int) else step
        distance = count if constant(stride) == 1 else self._binary(llvm.MulOp, count, stride)
        if sign > 0 and constant(start) == 0:
            return distance
        return self._binary(llvm.AddOp if sign > 0 else llvm.SubOp, start, distance)

    def resize(self, number: Number, type_: IntegerType, *, signed: bool = True) -> Number:
        """A number of any width in another one."""
        known = number if isinstance(number, int) else constant(number)
        width = 64 if isinstance(number, int) else _width(number)
        if known is not None:
            known = known if signed else known % (1 << width)
            return known if type_ == i64 else self.constants.integer(known, type_)
        assert not isinstance(number, int)
        if width == type_.width.data:
            return number
        kind = llvm.TruncOp if width > type_.width.data else llvm.SExtOp if signed else llvm.ZExtOp
        return self.add_op(kind.create(operands=[number], result_types=[type_])).results[0]

    def difference(self, d: Difference) -> Number:
        """The value of a difference."""
        plus: Number = 0 if d.plus is None else d.plus
        minus: Number = 0 if d.minus is None else d.minus
        return self.add(self.subtract(plus, minus), d.constant)

    def select(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        """`a` where the condition holds, otherwise `b`."""
        if a is b:
            return a
        if a.type == i1 and is_true(a) and constant(b) == 0:
            return condition
        if a.type == i1 and constant(a) == 0 and is_true(b):
            return self.negate(condition)
        return self.add_op(
            llvm.SelectOp.create(
                operands=[condition, a, b],
                result_types=[a.type],
                properties={"fastmathFlags": _NO_FAST_MATH},
            )
        ).results[0]

    def negate(self, condition: SSAValue) -> SSAValue:
        """Whether `condition` doesn't hold."""
        owner = condition.owner
        if isinstance(owner, llvm.XOrOp) and is_true(owner.rhs):
            return owner.lhs
        bit = self.constants.bit(True)
        return self.add_op(llvm.XOrOp.create(operands=[condition, bit], result_types=[i1])).results[0]

    def bit(self, flag: Flag) -> SSAValue:
        """A flag as a value."""
        return self.constants.bit(flag) if isinstance(flag, bool) else flag

    def invert(self, flag: Flag) -> Flag:
        """Whether a flag isn't set."""
        return not flag if isinstance(flag, bool) else self.negate(flag)

    def any(self, flags: Iterable[Flag]) -> Flag:
        """Whether one of `flags` is set."""
        found: Flag = False
        for flag in flags:
            if found is True or flag is True:
                return True
            if isinstance(found, bool):
                found = flag
            elif not isinstance(flag, bool):
                op = llvm.OrOp.create(operands=[found, flag], result_types=[i1])
                found = self.add_op(op).results[0]
        return found

    def _binary(self, kind: type[Operation], a: Number, b: Number) -> SSAValue:
        a, b = self.value(a), self.value(b)
        op = kind.create(operands=[a, b], result_types=[a.type], properties={"overflowFlags": _MAY_WRAP})
        return self.add_op(op).results[0]


def _width(value: SSAValue) -> int:
    assert isinstance(value.type, IntegerType)
    return value.type.width.data


def _folded(number: Number) -> Number:
    if isinstance(number, int):
        return number
    known = constant(number) if number.type == i64 else None
    return number if known is None else known
