"""Derivatives of `arith`, on scalars and, element by element, on tensors.

| op | derivative |
|---|---|
| `addf` `subf` `negf` `mulf` `divf` | as in the books; x/y gives 1/y and -(x/y)/y |
| `maximumf` `minimumf` | 1 for the operand chosen, 0.5 for both at a tie (JAX) |
| `maxnumf` `minnumf` | the same; where one operand is NaN, 1 for the other |
| `remf` x, y | 1 and -trunc(x/y) |
| `select` | the cotangent for the operand chosen, exactly 0 for the other, whatever it is |
| `extf` `truncf` | the cotangent in the operand's precision |
| integers, comparisons, `sitofp`, `fptosi` ... | none |
| `bitcast` | none where bits only become conditions and numbers of their own; otherwise refused |

A `select` makes the cotangent of the value that wasn't chosen zero; that zero can still meet an infinite
partial further up, and 0 * inf is NaN (as in JAX): `where(x > 0, sqrt(x), 0)` at 0 is the classical case,
and `sqrt(where(x > 0, x, 1))` the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects import arith, math
from xdsl.ir import Operation, SSAValue

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import MINUS_ONE, ONE, ZERO, Expr, Factor, Gate, Over, element_type
from dialectad.ad.bits import only_tells
from dialectad.ad.forward import Forward
from dialectad.ad.reverse import Reverse, no_rule
from dialectad.ad.rule import Inactive, Partials, Point, Rule, inactive, linear, register
from dialectad.dialects.arith import Arith, RemfOp

register(arith.AddfOp, Partials(ONE, ONE))
register(arith.SubfOp, Partials(ONE, MINUS_ONE))
register(arith.NegfOp, Partials(MINUS_ONE))
register(arith.MulfOp, Partials(lambda at: at.y, lambda at: at.x))
register(arith.DivfOp, Partials(lambda at: Over(at.y), lambda at: Over(at.y, -at.r)))
register(RemfOp, Partials(ONE, lambda at: -(at.x / at.y).apply(math.TruncOp)))


def _chosen(predicate: str, a: Expr, b: Expr, *, number: bool) -> Factor:
    """1 where a is chosen over b, 0.5 where they are equal, 0 elsewhere."""
    rest: Factor = Gate(b.compare("uno", b), ONE, ZERO) if number else ZERO
    return Gate(a.compare(predicate, b), ONE, Gate(a.compare("oeq", b), a.like(0.5), rest))


def _choice(predicate: str, *, number: bool) -> Partials:
    def first(at: Point) -> Factor:
        return _chosen(predicate, at.x, at.y, number=number)

    def second(at: Point) -> Factor:
        return _chosen(predicate, at.y, at.x, number=number)

    return Partials(first, second)


register(arith.MaximumfOp, _choice("ogt", number=False))
register(arith.MinimumfOp, _choice("olt", number=False))
register(arith.MaxnumfOp, _choice("ogt", number=True))
register(arith.MinnumfOp, _choice("olt", number=True))


class Select(Rule):
    """Select the cotangent or zero."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return op.operands[1:]

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        mask = sweep.primal(op.operands[0])
        zero: SSAValue | None = None
        for chosen, operand in enumerate(op.operands[1:]):
            if not sweep.active(operand):
                continue
            zero = sweep.emitter.constant_like(0.0, d) if zero is None else zero
            select = arith.SelectOp(mask, zero, d) if chosen else arith.SelectOp(mask, d, zero)
            sweep.accumulate(operand, sweep.emitter.emit(select))

    def forward(self, sweep: Forward, op: Operation) -> None:
        if all(sweep.tangent(operand) is None for operand in op.operands[1:]):
            return
        tangents = [sweep.materialized(operand) for operand in op.operands[1:]]
        sweep.set_tangent(op.results[0], sweep.emitter.emit(arith.SelectOp(op.operands[0], *tangents)))


register(arith.SelectOp, Select())


@linear(arith.ExtFOp, arith.TruncFOp)
def convert(sweep: Reverse, op: arith.ExtFOp | arith.TruncFOp, d: SSAValue) -> None:
    """The cotangent in the precision of the operand."""
    widen = element_type(op.operands[0].type).bitwidth > element_type(d.type).bitwidth  # pyright: ignore[reportAttributeAccessIssue]
    back = arith.ExtFOp if widen else arith.TruncFOp
    sweep.accumulate(op.operands[0], sweep.emitter.emit(back(d, op.operands[0].type)))


_INTEGER = (
    arith.SignlessIntegerBinaryOperation,
    arith.MulExtendedBase,
    *(arith.AddUIExtendedOp, arith.CmpiOp, arith.IndexCastOp, arith.ExtSIOp, arith.ExtUIOp, arith.TruncIOp),
)
inactive(*(op for op in Arith.operations if issubclass(op, _INTEGER)))


class Bits(Inactive):
    """A float as an integer: it has no derivative if no float is made of it again."""

    def vary(self, activity: Activity, op: Operation) -> None:
        if any(operand in activity.varied for operand in op.operands) and not only_tells(op.results[0]):
            raise no_rule(op)


register(arith.BitcastOp, Bits())
inactive(*(arith.ConstantOp, arith.CmpfOp, arith.SIToFPOp, arith.UIToFPOp, arith.FPToSIOp, arith.FPToUIOp))
