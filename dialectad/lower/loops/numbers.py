"""Arithmetic on the bounds of loops, of whatever integer type these are; constants are folded."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import SSAValue

from dialectad.ad.dependence import linear
from dialectad.ad.polyhedron import ONE, Linear, plus


@dataclass(frozen=True)
class Numbers:
    """Emits linear expressions as values."""

    builder: Builder
    like: SSAValue
    """A value of the type that is wanted."""

    def value(self, e: Linear) -> SSAValue:
        """The value of a linear expression of values."""
        total: SSAValue | None = None
        number = e.get(ONE, 0)
        for variable, coefficient in e.items():
            if variable == ONE:
                continue
            assert isinstance(variable, SSAValue)
            if (known := _constant(variable)) is not None:
                number += known * coefficient
                continue
            term = self._scaled(variable, coefficient)
            total = term if total is None else self.builder.insert(arith.AddiOp(total, term)).result
        if total is None:
            return self.constant(number)
        return self.builder.insert(arith.AddiOp(total, self.constant(number))).result if number else total

    def _scaled(self, value: SSAValue, factor: int) -> SSAValue:
        if value.type != self.like.type:
            value = self.builder.insert(arith.IndexCastOp(value, self.like.type)).result
        return (
            value if factor == 1 else self.builder.insert(arith.MuliOp(value, self.constant(factor))).result
        )

    def constant(self, value: int) -> SSAValue:
        t = self.like.type
        op = arith.ConstantOp.create(result_types=[t], properties={"value": IntegerAttr(value, t)})  # pyright: ignore
        return self.builder.insert(op).results[0]

    def least(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """min(a, b)"""
        gap = self.gap(a, b)
        return (a if gap <= 0 else b) if gap is not None else self.builder.insert(arith.MinSIOp(a, b)).result

    def greatest(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """max(a, b)"""
        gap = self.gap(a, b)
        return (a if gap >= 0 else b) if gap is not None else self.builder.insert(arith.MaxSIOp(a, b)).result

    @staticmethod
    def gap(a: SSAValue, b: SSAValue) -> int | None:
        """a - b, if it is known."""
        gap = plus(linear(a), linear(b), -1)
        return gap.get(ONE, 0) if set(gap) <= {ONE} else None


def _constant(value: SSAValue) -> int | None:
    found = linear(value)
    return found.get(ONE, 0) if set(found) <= {ONE} else None
