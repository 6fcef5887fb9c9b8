"""Complex matrices on the way to a derivative: pairs of real ones.

An operand of a complex `lapack` op holds the real parts above the imaginary ones. Rules that are written for
`Matrices` hold for these, too: what they call the transpose is the conjugate transpose, and a cotangent is
the pair of the cotangents of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xdsl.dialects import arith, math
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineMap

from dialectad.ad.build import PARALLEL, generic_of
from dialectad.ad.forward import Forward
from dialectad.ad.matrices import ACROSS, SAME, At, Element, Matrices, Matrix, Number
from dialectad.ad.reverse import Reverse
from dialectad.ad.rules.memref import add_into
from dialectad.dialects import lapack
from dialectad.dialects.destination import DestinationOp
from dialectad.dialects.rows import Extent


class Parts(NamedTuple):
    """A complex number."""

    re: SSAValue
    im: SSAValue


@dataclass(frozen=True)
class Pair:
    """A complex matrix."""

    re: SSAValue
    im: SSAValue
    whole: SSAValue | None = None
    """Both, one above the other, if that is at hand."""


class ComplexAt(At):
    """Numbers are real values, or `Parts`."""

    def _parts(self, a: Number) -> Parts:
        return a if isinstance(a, Parts) else Parts(a, self.number(0.0))

    def add(self, a: Number, b: Number) -> Number:
        if not isinstance(a, Parts) and not isinstance(b, Parts):
            return super().add(a, b)
        (x, y), (u, v) = self._parts(a), self._parts(b)
        return Parts(super().add(x, u), super().add(y, v))

    def sub(self, a: Number, b: Number) -> Number:
        if not isinstance(a, Parts) and not isinstance(b, Parts):
            return super().sub(a, b)
        (x, y), (u, v) = self._parts(a), self._parts(b)
        return Parts(super().sub(x, u), super().sub(y, v))

    def mul(self, a: Number, b: Number) -> Number:
        if not isinstance(a, Parts):
            a, b = b, a
        if not isinstance(a, Parts):
            return super().mul(a, b)
        if not isinstance(b, Parts):
            return Parts(*(super(ComplexAt, self).mul(x, b) for x in a))
        (x, y), (u, v) = a, b
        re = super().sub(super().mul(x, u), super().mul(y, v))
        return Parts(re, super().add(super().mul(x, v), super().mul(y, u)))

    def div(self, a: Number, b: Number) -> Number:
        """By the larger part of `b` first, so that nothing overflows."""
        if not isinstance(b, Parts):
            return (
                Parts(*(super(ComplexAt, self).div(x, b) for x in a))
                if isinstance(a, Parts)
                else super().div(a, b)
            )
        re, im = super(), b.im
        high = self._larger(b)
        scaled = Parts(re.div(b.re, high), re.div(im, high))
        size = re.add(re.mul(scaled.re, scaled.re), re.mul(scaled.im, scaled.im))
        return self.div(self.div(self.mul(a, self.conjugate(scaled)), size), high)

    def _larger(self, b: Parts) -> SSAValue:
        re, im = (self.emitter.emit(math.AbsFOp(x)) for x in b)
        return self.emitter.emit(arith.MaximumfOp(re, im))

    def select(self, condition: SSAValue, a: Number, b: Number) -> Number:
        if not isinstance(a, Parts) and not isinstance(b, Parts):
            return super().select(condition, a, b)
        (x, y), (u, v) = self._parts(a), self._parts(b)
        return Parts(super().select(condition, x, u), super().select(condition, y, v))

    def is_zero(self, a: Number) -> SSAValue:
        if not isinstance(a, Parts):
            return super().is_zero(a)
        re, im = (super(ComplexAt, self).is_zero(x) for x in a)
        return self.emitter.emit(arith.AndIOp(re, im))

    def real(self, a: Number) -> SSAValue:
        return self._parts(a).re

    def imaginary(self, a: Number) -> SSAValue:
        return self._parts(a).im

    def with_imaginary(self, re: SSAValue, im: SSAValue | None) -> Number:
        return re if im is None else Parts(re, im)

    def conjugate(self, a: Number) -> Number:
        re, im = self._parts(a)
        return Parts(re, super().sub(self.number(0.0), im))


class ComplexMatrices(Matrices):
    """A matrix is a `Pair`, or real."""

    # From and to operands

    def take(self, value: SSAValue) -> Pair:
        rows = self._half(super().extent(value, 0))
        return Pair(super().rows(value, 0, rows), super().rows(value, rows, rows), value)

    def _half(self, extent: Extent) -> Extent:
        if isinstance(extent, int):
            return extent // 2
        return self.emitter.emit(arith.DivUIOp(extent, self.emitter.integer(2)))

    def extents_of(self, sweep: Reverse | Forward, value: SSAValue) -> list[Extent]:
        rows, columns = super().extents_of(sweep, value)
        return [self._half(rows), columns]

    def real(self, matrix: Matrix) -> SSAValue:
        return matrix.re

    def result(self, matrix: Pair) -> SSAValue:
        if matrix.whole is not None:
            return matrix.whole
        return self.stacked(self._whole_like(matrix), (matrix.re, matrix.im))

    def _whole_like(self, matrix: Pair) -> SSAValue:
        rows = self.extent(matrix, 0)
        return self.empty(self.plus(rows, rows), self.extent(matrix, 1))

    # Sizes and places

    def extent(self, value: Matrix, axis: int) -> Extent:
        return super().extent(value.re if isinstance(value, Pair) else value, axis)

    def rows(self, value: Matrix, start: Extent, count: Extent) -> Matrix:
        if not isinstance(value, Pair):
            return super().rows(value, start, count)
        return Pair(super().rows(value.re, start, count), super().rows(value.im, start, count))

    def stack(self, like: Matrix, *parts: Matrix) -> Matrix:
        every = [*(part.re for part in parts), *(part.im for part in parts)]
        return self.take(self.stacked(self._whole_like(like), every))

    @staticmethod
    def is_square(value: Matrix) -> bool:
        return Matrices.is_square(value.re if isinstance(value, Pair) else value)

    # Steps

    def product(
        self, a: Matrix, b: Matrix, *, trans_a: bool = False, trans_b: bool = False, alpha: float = 1.0
    ) -> Matrix:
        if not isinstance(a, Pair):
            return super().product(a, b, trans_a=trans_a, trans_b=trans_b, alpha=alpha)
        flags = {"trans_a": trans_a, "trans_b": trans_b}
        x, y = (-1.0 if trans else 1.0 for trans in (trans_a, trans_b))  # the signs of imaginary parts
        first = Pair(
            super().product(a.re, b.re, alpha=alpha, **flags),
            super().product(a.re, b.im, alpha=alpha * y, **flags),
        )
        return Pair(
            super().add_product(first.re, a.im, b.im, alpha=-alpha * x * y, **flags),
            super().add_product(first.im, a.im, b.re, alpha=alpha * x, **flags),
        )

    def add_product(
        self, to: Matrix, a: Matrix, b: Matrix, *, trans_a: bool = False, trans_b: bool = False,
        alpha: float = 1.0,
    ) -> Matrix:  # fmt: skip
        flags = {"trans_a": trans_a, "trans_b": trans_b}
        x, y = (-1.0 if trans else 1.0 for trans in (trans_a, trans_b))
        re = super().add_product(to.re, a.re, b.re, alpha=alpha, **flags)
        im = super().add_product(to.im, a.re, b.im, alpha=alpha * y, **flags)
        return Pair(
            super().add_product(re, a.im, b.im, alpha=-alpha * x * y, **flags),
            super().add_product(im, a.im, b.re, alpha=alpha * x, **flags),
        )

    def solve(
        self, kind: type[DestinationOp], matrices: Sequence[Matrix], rows: Matrix, *, trans: bool
    ) -> Matrix:
        right = self.result(rows)
        copy = super().copy(right) if right is rows.whole else right
        made = kind(*map(self.result, matrices), copy, trans=trans, complex=True)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return self.take(self._put(made))

    def factorized(self, matrix: Matrix) -> Matrix:
        """The LU factors of a square matrix."""
        n, row = self.extent(matrix, 0), self.empty(1, self.extent(matrix, 1))
        rows = self.plus(n, 1)
        parts = [x for part in (matrix.re, matrix.im) for x in (self._real().transpose(part), row)]
        whole = self.stacked(self.empty(self.plus(rows, rows), n), parts)
        return self.take(self._put(lapack.GetrfOp(whole, complex=True)))

    def copy(self, value: Matrix) -> Matrix:
        if not isinstance(value, Pair):
            return super().copy(value)
        return Pair(super().copy(value.re), super().copy(value.im))

    def map(
        self, body: Element, *sources: Matrix | tuple[Matrix, AffineMap], like: Matrix | None = None
    ) -> Matrix:
        """A pair: each of its parts is made of all that the body reads."""
        ins = [source if isinstance(source, tuple) else (source, SAME) for source in sources]
        shape_of = ins[0][0] if like is None else like
        real = shape_of.re if isinstance(shape_of, Pair) else shape_of
        return Pair(*(self._part(self.empty_like(real), body, ins, k) for k in (0, 1)))

    def _part(
        self, out: SSAValue, body: Element, ins: Sequence[tuple[Matrix, AffineMap]], k: int
    ) -> SSAValue:
        """The real (0) or imaginary (1) parts of what the body gives."""
        flat = [
            (value, map_)
            for source, map_ in ins
            for value in ((source.re, source.im) if isinstance(source, Pair) else (source,))
        ]
        block = Block(arg_types=[self.type] * (len(flat) + 1))
        at, given = ComplexAt(self.emitter, self.type), iter(block.args)
        with self.emitter.inside(block):
            elements: list[Number] = []
            for source, map_ in ins:
                element = Parts(next(given), next(given)) if isinstance(source, Pair) else next(given)
                elements.append(at.conjugate(element) if map_ is ACROSS else element)
            value = body(at, *elements)
            self.emitter.insert(linalg.YieldOp((at.real, at.imaginary)[k](value)))
        return self._put(generic_of(flat, out, SAME, (PARALLEL, PARALLEL), block))

    def dot(self, a: Matrix, b: Matrix) -> SSAValue:
        parts = self._real().dot(a.re, b.re), self._real().dot(a.im, b.im)
        return self.emitter.emit(arith.AddfOp(*parts))

    def magnitudes(self, value: Matrix, *, trans: bool = False) -> SSAValue:
        """Of both parts together."""
        parts = (self._real().magnitudes(part, trans=trans) for part in (value.re, value.im))
        return self._real().add(*parts)

    def _real(self) -> Matrices:
        """What builds real matrices, among these."""
        real = Matrices(self.emitter, self.type, in_memory=self.in_memory)
        real.temporaries = self.temporaries
        return real

    def add(self, a: Matrix, b: Matrix) -> Matrix:
        return super().add(a, b) if isinstance(a, Pair) else self._real().add(a, b)

    # Where they go

    def accumulate(self, sweep: Reverse, to: SSAValue, term: Matrix) -> None:
        if not sweep.active(to):
            return
        if not self.in_memory:
            super().accumulate(sweep, to, self.result(term))
            return
        shadow = self.take(sweep.shadow(to))
        add_into(self.emitter, shadow.re, term.re)
        add_into(self.emitter, shadow.im, term.im)

    def accumulate_product(
        self, sweep: Reverse, to: SSAValue, a: Matrix, b: Matrix, alpha: float = 1.0, **trans: bool
    ) -> None:
        if not sweep.active(to):
            return
        if self.in_memory:
            self.add_product(self.take(sweep.shadow(to)), a, b, alpha=alpha, **trans)
        else:
            self.accumulate(sweep, to, self.product(a, b, alpha=alpha, **trans))

    def set(self, memory: SSAValue, value: Matrix | None) -> None:
        if value is None:
            super().set(memory, None)
            return
        here = self.take(memory)
        super().set(here.re, value.re)
        super().set(here.im, value.im)
