"""Derivatives of `lapack`: solves with the factors that there are, and products.

| op | tangent | adjoint |
|---|---|---|
| `getrs`, `trtrs` x = A^-1 b | tx = A^-1 (tb - tA x) | db = A^-T dx, dA = -db x^T |
| `logdet` s = log abs(det A) | ts = tr(A^-1 tA) | dA = ds A^-T |
| `potrf` A = L L^T | tL = L P(L^-1 tA L^-T) | dA = sym(L^-T P(L^T dL) L^-1) |

where P halves the diagonal and drops what is above it. See M. Giles, Collected matrix derivative results for
forward and reverse mode algorithmic differentiation (2008), and I. Murray, Differentiation of the Cholesky
decomposition, arXiv:1602.07527, equations 8 and 9.

A right-hand side is a row: for rows B and X = B A^-T the adjoint is dB = dX A^-1, dA = -dB^T X. No derivative
flows through the factors that `getrf` gives, as what uses them has the matrix itself for an operand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseArrayBase, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineMap

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import Emitter, element_type
from dialectad.ad.build import PARALLEL, full_sum, generic
from dialectad.ad.forward import Forward
from dialectad.ad.memory import is_memory
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, inactive, register
from dialectad.ad.rules.blas import product
from dialectad.dialects import blas, lapack
from dialectad.errors import CompileError

_SQUARE = AffineMap.identity(2)


class _OnTensors(Rule):
    """A rule that holds on tensors only."""

    def vary(self, activity: Activity, op: Operation) -> None:
        if is_memory(op.operands[0]) and any(activity.is_varied(o) for o in op.operands):
            raise CompileError(
                f"the derivative of {op.name} in memory",
                locations.of(op),
                hint="differentiate it at level linalg",
                pass_name="differentiate",
            )
        super().vary(activity, op)


def _by_index(
    emitter: Emitter, like: SSAValue, source: SSAValue | None, choose: Callable[[Emitter, SSAValue], SSAValue]
) -> SSAValue:
    """A square matrix like `like`; `choose(emitter, x)` gives an element from that of `source`."""
    assert isinstance(like.type, TensorType)
    ins = [] if source is None else [(source, _SQUARE)]
    out = emitter.empty(like.type, emitter.sizes_of(like))
    return generic(emitter, ins, out, _SQUARE, [PARALLEL] * 2, lambda e, args: choose(e, args[0]))


def _compare(emitter: Emitter, predicate: str) -> SSAValue:
    """How the column compares with the row, in a body."""
    row, column = emitter.emit(linalg.IndexOp(0)), emitter.emit(linalg.IndexOp(1))
    return emitter.emit(arith.CmpiOp(column, row, predicate))


def _identity(emitter: Emitter, like: SSAValue) -> SSAValue:
    element = element_type(like.type)

    def choose(e: Emitter, _: SSAValue) -> SSAValue:
        one, zero = e.scalar(1.0, element), e.scalar(0.0, element)
        return e.emit(arith.SelectOp(_compare(e, "eq"), one, zero))

    return _by_index(emitter, like, None, choose)


def _lower_half(emitter: Emitter, value: SSAValue) -> SSAValue:
    """P: the diagonal halved, nothing above it."""
    element = element_type(value.type)

    def choose(e: Emitter, x: SSAValue) -> SSAValue:
        half = e.emit(arith.MulfOp(x, e.scalar(0.5, element)))
        below = e.emit(arith.SelectOp(_compare(e, "slt"), x, e.scalar(0.0, element)))
        return e.emit(arith.SelectOp(_compare(e, "eq"), half, below))

    return _by_index(emitter, value, value, choose)


def _transpose(emitter: Emitter, value: SSAValue) -> SSAValue:
    """The transpose of a square matrix."""
    assert isinstance(value.type, TensorType)
    out = emitter.empty(value.type, emitter.sizes_of(value))
    return emitter.emit(linalg.TransposeOp(value, out, DenseArrayBase.from_list(i64, [1, 0])))


def _symmetric(emitter: Emitter, value: SSAValue) -> SSAValue:
    """The mean of a matrix and its transpose."""
    total = emitter.add(value, _transpose(emitter, value))
    return emitter.emit(arith.MulfOp(total, emitter.constant_like(0.5, total)))


def _product(
    emitter: Emitter, a: SSAValue, b: SSAValue, like: SSAValue, *, trans_a: bool = False, alpha: float = 1.0
) -> SSAValue:
    """alpha op(a) b, of the shape of `like`."""
    assert isinstance(like.type, TensorType)
    dest = emitter.empty(like.type, emitter.sizes_of(like))
    return emitter.emit(product(blas.GemmOp, (a, b), dest, alpha, 0.0, trans_a=trans_a))


class Solve(_OnTensors):
    """`getrs` and `trtrs`: linear in the right-hand sides."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return op.operands[0], op.operands[-1]

    @staticmethod
    def _solved(sweep: Reverse | Forward, op: Operation, rows: SSAValue, *, trans: bool) -> SSAValue:
        matrices = [sweep.primal(value) for value in op.operands[:-1]]
        kind = type(op)
        assert kind is lapack.GetrsOp or kind is lapack.TrtrsOp
        return sweep.emitter.emit(kind(*matrices, rows, trans=trans))  # pyright: ignore

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        matrix, dest, trans = op.operands[0], op.operands[-1], "trans" in op.properties
        db = self._solved(sweep, op, d, trans=not trans)
        if sweep.active(matrix):
            x = sweep.primal(op.results[0])
            left, right = (x, db) if trans else (db, x)
            like = sweep.primal(matrix)
            term = _product(sweep.emitter, left, right, like, trans_a=True, alpha=-1.0)
            sweep.accumulate(matrix, term)
        sweep.accumulate(dest, db)

    def forward(self, sweep: Forward, op: Operation) -> None:
        matrix, dest, trans = op.operands[0], op.operands[-1], "trans" in op.properties
        tb, ta = sweep.tangent(dest), sweep.tangent(matrix)
        if ta is not None:
            beta = 0.0 if tb is None else 1.0
            into = sweep.empty_like(dest) if tb is None else tb
            x = sweep.primal(op.results[0])
            tb = sweep.emitter.emit(product(blas.GemmOp, (x, ta), into, -1.0, beta, trans_b=not trans))
        sweep.set_tangent(op.results[0], None if tb is None else self._solved(sweep, op, tb, trans=trans))


class Logdet(_OnTensors):
    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return op.operands[:1]

    @staticmethod
    def _inverse(sweep: Reverse | Forward, op: Operation) -> SSAValue:
        """A^-T: its rows are the columns of A^-1."""
        matrix, factors = (sweep.primal(value) for value in op.operands)
        return sweep.emitter.emit(lapack.GetrsOp(matrix, factors, _identity(sweep.emitter, matrix)))

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        inverse, emitter = self._inverse(sweep, op), sweep.emitter
        assert isinstance(inverse.type, TensorType)
        factor = emitter.emit(tensor.SplatOp(d, emitter.sizes_of(inverse), inverse.type))
        sweep.accumulate(op.operands[0], emitter.emit(arith.MulfOp(factor, inverse)))

    def forward(self, sweep: Forward, op: Operation) -> None:
        if (t := sweep.tangent(op.operands[0])) is None:
            sweep.set_tangent(op.results[0], None)
            return
        term = sweep.emitter.emit(arith.MulfOp(self._inverse(sweep, op), t))
        sweep.set_tangent(op.results[0], full_sum(sweep.emitter, term))


class Cholesky(_OnTensors):
    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        factor, emitter = sweep.primal(op.results[0]), sweep.emitter
        inner = _lower_half(emitter, _product(emitter, factor, d, d, trans_a=True))
        right = emitter.emit(lapack.TrtrsOp(factor, inner, trans=True))
        both = emitter.emit(lapack.TrtrsOp(factor, _transpose(emitter, right), trans=True))
        sweep.accumulate(op.operands[0], _symmetric(emitter, both))

    def forward(self, sweep: Forward, op: Operation) -> None:
        if (t := sweep.tangent(op.operands[0])) is None:
            sweep.set_tangent(op.results[0], None)
            return
        factor, emitter = sweep.primal(op.results[0]), sweep.emitter
        right = emitter.emit(lapack.TrtrsOp(factor, t))
        both = emitter.emit(lapack.TrtrsOp(factor, _transpose(emitter, right)))
        inner = _lower_half(emitter, both)
        sweep.set_tangent(op.results[0], _product(emitter, factor, inner, inner))


inactive(lapack.GetrfOp)
register(lapack.GetrsOp, Solve())
register(lapack.TrtrsOp, Solve())
register(lapack.LogdetOp, Logdet())
register(lapack.PotrfOp, Cholesky())
