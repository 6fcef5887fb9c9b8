"""Partial derivatives multiplied with one another before they meet a cotangent that a loop carries.

    scf.for ... iter_args(%d = ...) {                  scf.for ... iter_args(%d = ...) {
      %u = %d * %a                                       %c = %a * %b - %a
      %v = %u * %b;  %w = %v - %u              =>        %w = %d * %c
      yield %w                                           yield %w
    }                                                  }

A reverse loop waits for what it carries. Before, each iteration was a chain of operations that start from the
last one's cotangent; now it is one product, and `%c`, the derivative of the whole iteration, can be computed
ahead, or be cached instead of what it is made of (`choose.py`). The Jacobian of a statement or block, made
before the adjoint is, is *preaccumulated* (Griewank, Walther: Evaluating Derivatives, 10.2).

A cotangent that depends on two others is the start of a chain of its own.

Note [Overflow]
The product of finite partials may be infinite. Then 0 times it is NaN, where the chain gives 0: a cotangent
of 0 times an infinite product is taken as 0. Where the product is finite nothing is selected, so a derivative
with respect to the cotangent, which second derivatives need, is right at 0 as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import AnyFloat, FloatAttr, UnrealizedConversionCastOp
from xdsl.dialects.math import AbsFOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.rewrite.effects import SCALAR


def preaccumulate(block: Block, carried: Sequence[SSAValue]) -> None:
    """Shorten the chains from the scalar cotangents that a loop carries into `block` to what it yields."""
    end = block.last_op
    assert isinstance(end, scf.YieldOp)
    yielded = set(end.operands)
    seeds = [d for d in carried if isinstance(d.type, AnyFloat) and d not in yielded]
    if seeds:
        _Chains(block, seeds).shorten()


@dataclass
class _Link:
    """A cotangent that is a factor times a seed."""

    seed: SSAValue
    steps: int
    """How many operations it is away from the seed."""
    factor: Callable[[], SSAValue]
    """Builds the factor, before the operation that the cotangent is the result of."""


@dataclass
class _Chains:
    block: Block
    seeds: Sequence[SSAValue]
    partials: set[SSAValue] = field(default_factory=set)
    links: dict[SSAValue, _Link] = field(default_factory=dict)
    factors: dict[SSAValue, SSAValue] = field(default_factory=dict)

    def shorten(self) -> None:
        ops = list(self.block.ops)
        for op in ops:
            self._visit(op)
        for op in ops:
            if len(op.results) == 1 and self._is_end(op.results[0]):
                link = self.links[op.results[0]]
                op.results[0].replace_all_uses_with(_applied(op, link.seed, link.factor()))
        for op in reversed(ops):
            if len(op.results) == 1 and op.results[0] in self.links and op.results[0].first_use is None:
                op.detach()
                op.erase()

    def _is_end(self, value: SSAValue) -> bool:
        """Whether `value` is needed by more than its chain, and not one operation from its seed anyway."""
        link = self.links.get(value)
        return (
            link is not None
            and link.steps > 1
            and any(
                len(use.operation.results) != 1 or use.operation.results[0] not in self.links
                for use in value.uses
            )
        )

    def _is_partial(self, value: SSAValue) -> bool:
        owner = value.owner
        if isinstance(owner, Block):
            return owner is not self.block
        return owner.parent is not self.block or value in self.partials

    def _visit(self, op: Operation) -> None:
        if isinstance(op, UnrealizedConversionCastOp) and not op.operands:
            self.partials.update(op.results)  # what stands for a primal value
        elif type(op) in SCALAR and all(map(self._is_partial, op.operands)):
            self.partials.update(op.results)
        elif (link := self._link(op)) is not None:
            self.links[op.results[0]] = link

    def _link(self, op: Operation) -> _Link | None:
        match op:
            case arith.MulfOp():
                for d, partial in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
                    if (link := self._from(d)) is not None and self._is_partial(partial):
                        return self._extended(op, [d], link, lambda a, p=partial: _product(op, a, p))
            case arith.DivfOp():
                if (link := self._from(op.lhs)) is not None and self._is_partial(op.rhs):
                    return self._extended(
                        op, [op.lhs], link, lambda a: _before(op, arith.DivfOp(_made(op, a), op.rhs))
                    )
            case arith.NegfOp():
                if (link := self._from(op.operand)) is not None:
                    return self._extended(
                        op, [op.operand], link, lambda a: _before(op, arith.NegfOp(_made(op, a)))
                    )
            case arith.AddfOp() | arith.SubfOp():
                a, b = self._from(op.lhs), self._from(op.rhs)
                if a is not None and b is not None and a.seed is b.seed:
                    longer = max(a, b, key=lambda link: link.steps)
                    return self._extended(
                        op,
                        [op.lhs, op.rhs],
                        longer,
                        lambda x, y: _before(op, type(op)(_made(op, x), _made(op, y))),
                    )
            case _:
                pass
        return None

    def _from(self, value: SSAValue) -> _Link | None:
        if value in self.seeds:
            return _Link(value, 0, lambda: value)
        return self.links.get(value)

    def _extended(
        self, op: Operation, before: list[SSAValue], link: _Link, build: Callable[..., SSAValue]
    ) -> _Link:
        result = op.results[0]

        def factor() -> SSAValue:
            if (known := self.factors.get(result)) is None:
                of = [None if d in self.seeds else self.links[d].factor() for d in before]
                known = self.factors[result] = build(*of)
            return known

        return _Link(link.seed, link.steps + 1, factor)


def _before(op: Operation, new: Operation) -> SSAValue:
    new.location = op.location
    Rewriter.insert_op(new, InsertPoint.before(op))
    return new.results[0]


def _applied(op: Operation, seed: SSAValue, factor: SSAValue) -> SSAValue:
    """The cotangent that `factor` makes of `seed`; see Note [Overflow]."""
    zero, infinity = (_constant(op, c) for c in (0.0, math.inf))
    overflowed = _before(op, arith.CmpfOp(_before(op, AbsFOp(factor)), infinity, "oeq"))
    nothing = _before(op, arith.AndIOp(overflowed, _before(op, arith.CmpfOp(seed, zero, "oeq"))))
    return _before(op, arith.SelectOp(nothing, zero, _before(op, arith.MulfOp(seed, factor))))


def _constant(op: Operation, value: float) -> SSAValue:
    type_ = op.results[0].type
    assert isinstance(type_, AnyFloat)
    return _before(op, arith.ConstantOp(FloatAttr(value, type_)))


def _made(op: Operation, factor: SSAValue | None) -> SSAValue:
    """A factor as a value; None is one."""
    return _constant(op, 1.0) if factor is None else factor


def _product(op: Operation, factor: SSAValue | None, partial: SSAValue) -> SSAValue:
    return partial if factor is None else _before(op, arith.MulfOp(factor, partial))
