"""Rules: what the derivative of an op is, whatever its level and for both modes.

There is one registry, `RULES`. A rule is of one of these kinds:

- `Partials`: the partial derivatives of a scalar function, as data. They hold on scalars and, element by
  element, on tensors. An op of your own needs three lines:

      register(MyOps.SoftplusOp, Partials(lambda at: 1.0 / (1.0 + (-at.x).apply(math.ExpOp))))

  `at.x`, `at.y`, `at.z` are the operands and `at.r` the result; asking for one makes the engine keep or
  recompute it. A partial is an expression, `ONE`, `MINUS_ONE`, `ZERO` or `Over(denominator, numerator)`.
- `Linear`: an op that is linear in the operands that it `reads` (jointly); given is its transpose.
- `Inactive`: the derivative is zero, or the op has nothing to do with floats.
- Anything else derives from `Rule` itself: control flow, caches, products (`rules/`).

`d` is a cotangent and `t` a tangent throughout; `None` is the zero one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xdsl.ir import Operation, SSAValue

from dialectad.ad.algebra import ZERO, Expr, Factor, Symbol, is_differentiable

if TYPE_CHECKING:
    from dialectad.ad.activity import Activity
    from dialectad.ad.forward import Forward
    from dialectad.ad.reverse import Reverse


class Rule:
    """The derivative of an op."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        """The values through which a derivative flows into the results of `op`."""
        return (operand for operand in op.operands if is_differentiable(operand.type))

    def vary(self, activity: Activity, op: Operation) -> None:
        """Mark the results that depend on varied values."""
        if any(activity.is_varied(value) for value in self.reads(op)):
            for result in op.results:
                activity.mark_varied(result)

    def use(self, activity: Activity, op: Operation) -> None:
        """Mark the operands on which useful results depend."""
        if any(activity.is_useful(result) for result in op.results):
            for value in self.reads(op):
                activity.mark_useful(value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        """Pass the cotangents of the results on to what `op` reads."""
        raise NotImplementedError

    def forward(self, sweep: Forward, op: Operation) -> None:
        """Give the results their tangents."""
        raise NotImplementedError

    def shadow(self, sweep: Reverse | Forward, op: Operation) -> SSAValue:
        """Memory for the derivatives of what the memory `op` gives holds."""
        raise NotImplementedError


RULES: dict[type[Operation], Rule] = {}
"""The rule of each op type."""


def register(op_type: type[Operation], rule: Rule) -> None:
    """Let `rule` differentiate the ops of `op_type`."""
    RULES[op_type] = rule


class Inactive(Rule):
    """No derivative flows through the op."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return ()


def inactive(*op_types: type[Operation]) -> None:
    """Register ops through which no derivative flows."""
    for op_type in op_types:
        register(op_type, Inactive())


class Point:
    """The point at which a partial derivative is taken: operands `x`, `y`, `z` and the result `r`."""

    def __init__(self, sweep: Reverse | Forward, op: Operation):
        self._sweep = sweep
        self.op = op

    def operand(self, index: int) -> Expr:
        return Expr(self._sweep.emitter, self._sweep.primal(self.op.operands[index]))

    @property
    def x(self) -> Expr:
        return self.operand(0)

    @property
    def y(self) -> Expr:
        return self.operand(1)

    @property
    def z(self) -> Expr:
        return self.operand(2)

    @property
    def r(self) -> Expr:
        return Expr(self._sweep.emitter, self._sweep.primal(self.op.results[0]))


Partial = Symbol | Callable[[Point], Factor]


class Partials(Rule):
    """The partial derivatives of an elementwise op with one result, one for each operand."""

    def __init__(self, *of: Partial):
        self.of = of

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return (o for o, p in zip(op.operands, self.of, strict=True) if p is not ZERO)

    @staticmethod
    def _at(partial: Partial, point: Point) -> Factor:
        return partial if isinstance(partial, Symbol) else partial(point)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        point = Point(sweep, op)
        for operand, partial in zip(op.operands, self.of, strict=True):
            if partial is not ZERO and sweep.active(operand):
                sweep.accumulate(operand, sweep.emitter.scale(d, self._at(partial, point)))

    def forward(self, sweep: Forward, op: Operation) -> None:
        point = Point(sweep, op)
        total: SSAValue | None = None
        for operand, partial in zip(op.operands, self.of, strict=True):
            if partial is ZERO or (t := sweep.tangent(operand)) is None:
                continue
            term = sweep.emitter.scale(t, self._at(partial, point))
            total = term if total is None else sweep.emitter.add(total, term)
        sweep.set_tangent(op.results[0], total)


Transpose = Callable[["Reverse", Any, SSAValue], None]
Reads = Callable[[Any], Sequence[SSAValue]]


@dataclass(frozen=True)
class Linear(Rule):
    """An op that is linear in what it reads, and has one result."""

    transpose: Transpose
    """Given the sweep, the op and the cotangent of its result, accumulate the operands' cotangents."""
    reads_of: Reads | None = None
    """The operands in which the op is linear; all differentiable ones if not given."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return super().reads(op) if self.reads_of is None else self.reads_of(op)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is not None:
            self.transpose(sweep, op, d)

    def forward(self, sweep: Forward, op: Operation) -> None:
        """The op itself, on the tangents of what it reads."""
        read = list(self.reads(op))
        if all(sweep.tangent(value) is None for value in read):
            return
        mapper = {value: sweep.materialized(value) for value in read}
        clone = op.clone()
        # Only what the op is linear in becomes a tangent: an operand may also stand in another place.
        clone.operands = [mapper.get(operand, operand) for operand in op.operands]
        sweep.set_tangent(op.results[0], sweep.emitter.emit(clone))


def linear(*op_types: type[Operation], reads: Reads | None = None) -> Callable[[Transpose], Transpose]:
    """Register the decorated function as the transpose of linear ops."""

    def decorate(transpose: Transpose) -> Transpose:
        for op_type in op_types:
            register(op_type, Linear(transpose, reads))
        return transpose

    return decorate
