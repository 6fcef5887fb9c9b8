"""Matrices on the way to a derivative: as tensors, or in memory of their own.

The derivative of a factorization takes several products and solves. `Matrices` builds them in the form that
the op has: on tensors each step gives a value; on memrefs it writes new memory, which is given back at the
end. A rule says

    with Matrices.of(sweep, op) as m:
        inner = m.map(half, m.product(factor, d, trans_a=True))

and doesn't know which of the two it is, nor whether the numbers are complex (`complex_matrices.py`): ^T is
the conjugate transpose then. Elements are real or complex, too, and `At` says what to do with both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xdsl.dialects import arith, math, memref, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from dialectad.ad.algebra import Emitter
from dialectad.ad.build import PARALLEL, REDUCTION, full_sum, generic_of
from dialectad.ad.extents import extents
from dialectad.ad.forward import Forward
from dialectad.ad.memory import is_memory
from dialectad.ad.reverse import Reverse
from dialectad.ad.rules.blas import contribute, product
from dialectad.ad.rules.memref import add_into, clear
from dialectad.ad.rules.tensor import insert_slice_op
from dialectad.dialects import blas
from dialectad.dialects.destination import DestinationOp, element, shape
from dialectad.dialects.rows import Extent, rows_of

Matrix = Any
"""A tensor, or memory; a `Pair` of them for complex numbers."""

Number = Any
"""A value; a pair of them for a complex number that needn't be real."""

Element = Callable[..., Number]
"""`body(at, *elements)` gives an element of a matrix."""

_I, _J = AffineDimExpr(0), AffineDimExpr(1)
SAME = AffineMap.identity(2)
ACROSS = AffineMap(2, 0, (_J, _I))
"""Element (j, i) of a square matrix, conjugate."""
BY_COLUMN = AffineMap(2, 0, (AffineConstantExpr(0), _J))
"""Element j of a single row."""
BY_ROW = AffineMap(2, 0, (AffineConstantExpr(0), _I))
"""Element i of a single row."""
_ON_DIAGONAL = AffineMap(2, 0, (_J, _J))


class At:
    """Where a body is in a matrix, and what it can say there."""

    def __init__(self, emitter: Emitter, type_: Attribute):
        self.emitter, self.type = emitter, type_

    def number(self, value: float) -> SSAValue:
        return self.emitter.scalar(value, self.type)

    def column(self, predicate: str) -> SSAValue:
        """Whether the column compares so with the row."""
        row, column = self.emitter.emit(linalg.IndexOp(0)), self.emitter.emit(linalg.IndexOp(1))
        return self.emitter.emit(arith.CmpiOp(column, row, predicate))

    def add(self, a: Number, b: Number) -> Number:
        return self.emitter.emit(arith.AddfOp(a, b))

    def sub(self, a: Number, b: Number) -> Number:
        return self.emitter.emit(arith.SubfOp(a, b))

    def mul(self, a: Number, b: Number) -> Number:
        return self.emitter.emit(arith.MulfOp(a, b))

    def div(self, a: Number, b: Number) -> Number:
        return self.emitter.emit(arith.DivfOp(a, b))

    def select(self, condition: SSAValue, a: Number, b: Number) -> Number:
        return self.emitter.emit(arith.SelectOp(condition, a, b))

    def is_zero(self, a: Number) -> SSAValue:
        return self.emitter.emit(arith.CmpfOp(a, self.number(0.0), "oeq"))

    def real(self, a: Number) -> SSAValue:
        """The real part."""
        return a

    def imaginary(self, a: Number) -> SSAValue | None:
        """The imaginary part; None where there is none."""
        return None

    def with_imaginary(self, re: SSAValue, im: SSAValue | None) -> Number:
        """The number of these parts."""
        assert im is None
        return re

    def conjugate(self, a: Number) -> Number:
        return a


class Matrices:
    """Builds what a rule needs at the sweep's insertion point."""

    def __init__(self, emitter: Emitter, type_: Attribute, *, in_memory: bool):
        self.emitter, self.type, self.in_memory = emitter, type_, in_memory
        self.temporaries: list[SSAValue] = []

    @staticmethod
    @contextmanager
    def of(sweep: Reverse | Forward, op: Operation) -> Iterator[Matrices]:
        """Matrices in the form that the operands of `op` have."""
        from dialectad.ad.complex_matrices import ComplexMatrices

        like = op.operands[0]
        kind = ComplexMatrices if "complex" in op.properties else Matrices
        built = kind(sweep.emitter, element(like), in_memory=is_memory(like))
        yield built
        for temporary in built.temporaries:
            sweep.emitter.insert(memref.DeallocOp.get(temporary))

    # From and to operands

    def take(self, value: SSAValue) -> Matrix:
        """The matrix that an operand or a result is."""
        return value

    def extents_of(self, sweep: Reverse | Forward, value: SSAValue) -> list[Extent]:
        """The extents of an operand, which itself may be gone."""
        found = iter(sweep.primals.sizes(value) if isinstance(sweep, Reverse) else extents(value))
        return [next(found) if n == DYNAMIC_INDEX else n for n in shape(value)]

    def real(self, matrix: Matrix) -> SSAValue:
        """The real parts of a matrix, the others being 0."""
        return matrix

    def result(self, matrix: Matrix) -> SSAValue:
        """A matrix as it is the result of an op."""
        return matrix

    # Sizes and places

    def extent(self, value: Matrix, axis: int) -> Extent:
        if (n := shape(value)[axis]) != DYNAMIC_INDEX:
            return n
        dim = memref.DimOp if self.in_memory else tensor.DimOp
        return self.emitter.emit(dim(value, self.emitter.integer(axis)))

    def empty(self, rows: Extent, columns: Extent) -> SSAValue:
        """A new matrix, of which nothing has been said yet."""
        sizes = [n for n in (rows, columns) if isinstance(n, SSAValue)]
        static = [n if isinstance(n, int) else DYNAMIC_INDEX for n in (rows, columns)]
        if not self.in_memory:
            return self.emitter.empty(TensorType(self.type, static), sizes)
        new = self.emitter.emit(memref.AllocOp(sizes, [], MemRefType(self.type, static)))
        self.temporaries.append(new)
        return new

    def empty_like(self, value: Matrix) -> Matrix:
        return self.empty(self.extent(value, 0), self.extent(value, 1))

    def rows(self, value: Matrix, start: Extent, count: Extent) -> Matrix:
        """Some rows of a matrix: in memory, a view of it."""
        columns = self.extent(value, 1)
        if self.in_memory:
            return self.emitter.emit(rows_of(value, start, count, columns))
        place = ([start, 0], [count, columns], [1, 1])
        static = [n if isinstance(n, int) else DYNAMIC_INDEX for n in (count, columns)]
        return self.emitter.emit(tensor.ExtractSliceOp(value, *place, TensorType(self.type, static)))

    def split(self, value: Matrix, *counts: Extent) -> list[Matrix]:
        """The parts of a matrix with so many rows each."""
        parts: list[Matrix] = []
        start: Extent = 0
        for count in counts:
            parts.append(self.rows(value, start, count))
            start = self.plus(start, count)
        return parts

    def stack(self, like: Matrix, *parts: Matrix) -> Matrix:
        """Parts below one another, as a matrix of the shape of `like`."""
        return self.stacked(self.empty_like(like), parts)

    def stacked(self, whole: SSAValue, parts: Sequence[SSAValue]) -> SSAValue:
        """Parts below one another, written over a matrix of their size."""
        start: Extent = 0
        for part in parts:
            count = self.extent(part, 0)
            if self.in_memory:
                self.emitter.insert(memref.CopyOp(part, self.rows(whole, start, count)))
            else:
                place = [[start, 0], [count, self.extent(part, 1)], [1, 1]]
                whole = self.emitter.emit(insert_slice_op(part, whole, place))
            start = self.plus(start, count)
        return whole

    def plus(self, a: Extent, b: Extent) -> Extent:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        return self.emitter.emit(arith.AddiOp(self._index(a), self._index(b)))

    def _index(self, value: Extent) -> SSAValue:
        return self.emitter.integer(value) if isinstance(value, int) else value

    @staticmethod
    def is_square(value: Matrix) -> bool:
        """Whether a matrix is known to be square."""
        n, m = shape(value)
        return n == m != DYNAMIC_INDEX

    # Steps

    def product(
        self, a: Matrix, b: Matrix, *, trans_a: bool = False, trans_b: bool = False, alpha: float = 1.0
    ) -> Matrix:
        """alpha op(a) op(b)."""
        dest = self.empty(self.extent(a, int(trans_a)), self.extent(b, int(not trans_b)))
        return self._put(product(blas.GemmOp, (a, b), dest, alpha, 0.0, trans_a=trans_a, trans_b=trans_b))

    def add_product(
        self, to: Matrix, a: Matrix, b: Matrix, *, trans_a: bool = False, trans_b: bool = False,
        alpha: float = 1.0,
    ) -> Matrix:  # fmt: skip
        """to + alpha op(a) op(b), over `to`, which is one of these matrices."""
        return self._put(product(blas.GemmOp, (a, b), to, alpha, 1.0, trans_a=trans_a, trans_b=trans_b))

    def solve(
        self, kind: type[DestinationOp], matrices: Sequence[Matrix], rows: Matrix, *, trans: bool
    ) -> Matrix:
        """`getrs` or `trtrs` of right-hand sides that stay what they are."""
        return self._put(kind(*matrices, self.copy(rows), trans=trans))  # pyright: ignore[reportArgumentType, reportCallIssue]

    def copy(self, value: Matrix) -> Matrix:
        """A matrix that may be written over."""
        if not self.in_memory:
            return value
        new = self.empty_like(value)
        self.emitter.insert(memref.CopyOp(value, new))
        return new

    def map(
        self, body: Element, *sources: Matrix | tuple[Matrix, AffineMap], like: Matrix | None = None
    ) -> Matrix:
        """A matrix of the shape of `like`, or of the first source, whose elements `body` gives."""
        ins = [source if isinstance(source, tuple) else (source, SAME) for source in sources]
        return self._filled(self.empty_like(ins[0][0] if like is None else like), body, ins)

    def _filled(self, out: Matrix, body: Element, ins: Sequence[tuple[Matrix, AffineMap]] = ()) -> Matrix:
        block = Block(arg_types=[self.type] * (len(ins) + 1))
        with self.emitter.inside(block):
            value = body(At(self.emitter, self.type), *block.args[:-1])
            self.emitter.insert(linalg.YieldOp(value))
        return self._put(generic_of(ins, out, SAME, (PARALLEL, PARALLEL), block))

    def transpose(self, value: Matrix) -> Matrix:
        """The transpose of a square matrix."""
        return self.map(lambda _, x: x, (value, ACROSS), like=value)

    def diagonal(self, value: Matrix, like: Matrix) -> Matrix:
        """The diagonal, as a row of the shape of `like`."""
        return self.map(lambda _, x: x, (value, _ON_DIAGONAL), like=like)

    def real_diagonal(self, value: Matrix, like: Matrix) -> Matrix:
        """The real parts of the diagonal, likewise."""
        return self.map(lambda at, x: at.real(x), (value, _ON_DIAGONAL), like=like)

    def dot(self, a: Matrix, b: Matrix) -> SSAValue:
        """The sum of the products of elements, a scalar: of complex ones the real part of conj(a) b."""
        if not self.in_memory:
            return full_sum(self.emitter, self.map(lambda at, x, y: at.mul(x, y), a, b))
        total = self.emitter.emit(memref.AllocOp([], [], MemRefType(self.type, [])))
        self.temporaries.append(total)
        clear(self.emitter, total)
        block = Block(arg_types=[self.type] * 3)
        at, (x, y, so_far) = At(self.emitter, self.type), block.args
        with self.emitter.inside(block):
            self.emitter.insert(linalg.YieldOp(at.add(so_far, at.mul(x, y))))
        number = AffineMap(2, 0, ())
        self._put(generic_of([(a, SAME), (b, SAME)], total, number, (REDUCTION, REDUCTION), block))
        return self.emitter.emit(memref.LoadOp.get(total, []))

    def magnitudes(self, value: Matrix, *, trans: bool = False) -> SSAValue:
        """The sums of absolute values of the columns, or rows, as a row."""
        size = self.map(lambda at, x: at.emitter.emit(math.AbsFOp(x)), value)
        ones = self.empty(1, self.extent(value, int(trans)))
        ones = self._filled(ones, lambda at: at.number(1.0))
        return self.product(ones, size, trans_b=trans)

    def identity(self, like: Matrix) -> Matrix:
        return self.map(lambda at: at.select(at.column("eq"), at.number(1.0), at.number(0.0)), like=like)

    def add(self, a: Matrix, b: Matrix) -> Matrix:
        return self.map(lambda at, x, y: at.add(x, y), a, b)

    def sub(self, a: Matrix, b: Matrix) -> Matrix:
        return self.map(lambda at, x, y: at.sub(x, y), a, b)

    def _put(self, op: Operation) -> SSAValue:
        """The result of an op: what it gives, or the memory that it writes."""
        if self.in_memory:
            self.emitter.insert(op)
            return op.operands[-1]
        return self.emitter.emit(op)

    # Where they go

    def accumulate(self, sweep: Reverse, to: SSAValue, term: Matrix) -> None:
        """Add to the cotangent of `to`."""
        if not sweep.active(to):
            return
        if self.in_memory:
            add_into(self.emitter, sweep.shadow(to), term)
            return
        if term.type != to.type:  # one of the two may have a dynamic extent
            assert isinstance(to.type, TensorType)
            term = self.emitter.emit(tensor.CastOp(term, to.type))
        sweep.accumulate(to, term)

    def accumulate_product(
        self, sweep: Reverse, to: SSAValue, a: Matrix, b: Matrix, alpha: float = 1.0, **trans: bool
    ) -> None:
        """Add alpha op(a) op(b) to the cotangent of `to`."""
        if sweep.active(to):
            contribute(sweep, to, blas.GemmOp, a, b, alpha, **trans)

    def set(self, memory: SSAValue, value: Matrix | None) -> None:
        """Write a matrix, or zeros, over memory."""
        if value is None:
            clear(self.emitter, memory)
        else:
            self.emitter.insert(memref.CopyOp(value, memory))
