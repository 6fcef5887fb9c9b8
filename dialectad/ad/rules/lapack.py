"""Derivatives of `lapack`'s solves: solves with the factors that there are, and products.

| op | tangent | adjoint |
|---|---|---|
| `getrs`, `trtrs` x = A^-1 b | tx = A^-1 (tb - tA x) | db = A^-T dx, dA = -db x^T |
| `logdet` s = log abs(det A) | ts = tr(A^-1 tA) | dA = ds A^-T |
| `logdet` of complex A, s = Im log det A | ts = Im tr(A^-1 tA) | dA = i ds A^-T |
| `potrf` A = L L^T | tL = L P(L^-1 tA L^-T) | dA = sym(L^-T P(L^T dL) L^-1) |
| `lu` A = L U | tF = L low(M) + up(M) U | dA = L^-T (low(L^T low(dF)) + up(up(dF) U^T)) U^-T |
| `pinv` P = A^+ | tP = -P tA P + P P^T tA^T (I - A P) + (I - P A) tA^T P^T P | its transpose |

where P halves the diagonal and drops what is above it, in `potrf`; in `lu`, F is both factors in one matrix,
M = L^-1 tA U^-1, `low` is what is below the diagonal, and `up` the rest. See M. Giles, An extended collection
of matrix derivative results for forward and reverse mode algorithmic differentiation (2008); I. Murray,
Differentiation of the Cholesky decomposition, arXiv:1602.07527, equations 8 and 9; and, for a pseudoinverse,
where the rank stays what it is, G. Golub and V. Pereyra, The differentiation of pseudo-inverses and nonlinear
least squares problems whose variables separate, SIAM J. Numer. Anal. 10 (1973), equation 4.12.

Complex matrices have the same rules, where ^T is the conjugate transpose and every trace is its real part.

A right-hand side is a row: for rows B and X = B A^-T the adjoint is dB = dX A^-1, dA = -dB^T X. No derivative
flows through the factors that `getrf` gives, as what uses them has the matrix itself for an operand.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import Operation, SSAValue

from dialectad.ad.activity import Activity
from dialectad.ad.forward import Forward
from dialectad.ad.matrices import ACROSS, At, Matrices, Matrix, Number
from dialectad.ad.memory import is_memory
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, register
from dialectad.dialects import lapack
from dialectad.dialects.destination import DestinationOp


class Overwrite(Rule):
    """What writes a matrix over its destination.

    Its derivative is made of that matrix and of what else it read, never of what was overwritten. In memory
    the shadow of the destination is that of the result before, and of what was overwritten after the reverse.
    """

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        assert isinstance(op, DestinationOp)
        return op.operands if op.reads_destination() else op.operands[:-1]

    def vary(self, activity: Activity, op: Operation) -> None:
        super().vary(activity, op)
        if not op.results and any(activity.is_varied(value) for value in self.reads(op)):
            activity.mark_varied(op.operands[-1])

    def use(self, activity: Activity, op: Operation) -> None:
        super().use(activity, op)
        if not op.results and activity.is_useful(op.operands[-1]):
            for value in self.reads(op):
                activity.mark_useful(value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, DestinationOp)
        dest = op.destination
        if op.result is None:
            if sweep.active(dest):
                shadow = sweep.shadow(dest)
                with Matrices.of(sweep, op) as m:
                    is_read = self._reads_active(sweep, op)
                    m.set(shadow, self.adjoint(sweep, m, op, m.take(shadow)) if is_read else None)
        elif (d := sweep.cotangent(op.result)) is not None:
            with Matrices.of(sweep, op) as m:
                if (before := self.adjoint(sweep, m, op, m.take(d))) is not None:
                    m.accumulate(sweep, dest, before)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, DestinationOp)
        if op.result is None:
            if sweep.active(op.destination):
                with Matrices.of(sweep, op) as m:
                    t = self.tangent(sweep, m, op) if self._reads_active(sweep, op) else None
                    m.set(sweep.shadow(op.destination), t)
        elif any(sweep.tangent(value) is not None for value in self.reads(op)):
            with Matrices.of(sweep, op) as m:
                t = self.tangent(sweep, m, op)
                sweep.set_tangent(op.result, None if t is None else m.result(t))

    def _reads_active(self, sweep: Reverse | Forward, op: Operation) -> bool:
        return any(sweep.active(value) for value in self.reads(op))

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: Matrix) -> Matrix | None:
        """Add to the cotangents of the other operands; gives that of the destination as it was before."""
        raise NotImplementedError

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> Matrix | None:
        """The tangent of the result."""
        raise NotImplementedError


def tangent_of(sweep: Forward, m: Matrices, value: SSAValue) -> Matrix | None:
    """The tangent of an operand."""
    if is_memory(value):
        return m.take(sweep.shadow(value)) if sweep.active(value) else None
    return None if (t := sweep.tangent(value)) is None else m.take(t)


def content(sweep: Reverse | Forward, m: Matrices, op: Operation, values: Iterable[SSAValue]) -> list[Matrix]:
    """What operands of `op` were."""
    return [m.take(sweep.content(op, value)) for value in values]


class ByProduct(Overwrite):
    """`getrf`: no derivative flows through factors."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return ()


class Solve(Overwrite):
    """`getrs` and `trtrs`: linear in the right-hand sides."""

    @staticmethod
    def _solved(
        sweep: Reverse | Forward, m: Matrices, op: DestinationOp, rows: Matrix, *, trans: bool
    ) -> Matrix:
        return m.solve(type(op), content(sweep, m, op, op.operands[:-1]), rows, trans=trans)

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: Matrix) -> Matrix:
        trans = "trans" in op.properties
        db = self._solved(sweep, m, op, d, trans=not trans)
        if sweep.active(op.operands[0]):
            x = m.take(sweep.result(op))
            left, right = (x, db) if trans else (db, x)
            m.accumulate_product(sweep, op.operands[0], left, right, -1.0, trans_a=True)
        return db

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> Matrix | None:
        trans = "trans" in op.properties
        tb, ta = tangent_of(sweep, m, op.destination), tangent_of(sweep, m, op.operands[0])
        if ta is not None:
            x = m.take(sweep.result(op))
            if tb is None:
                tb = m.product(x, ta, trans_b=not trans, alpha=-1.0)
            else:
                tb = m.add_product(m.copy(tb), x, ta, trans_b=not trans, alpha=-1.0)
        return None if tb is None else self._solved(sweep, m, op, tb, trans=trans)


class Cholesky(Overwrite):
    """`potrf`: the matrix is symmetric, and so is its cotangent."""

    @staticmethod
    def _lower_half(at: At, x: Number) -> Number:
        """P: the diagonal halved, nothing above it."""
        below = at.select(at.column("slt"), x, at.number(0.0))
        return at.select(at.column("eq"), at.mul(x, at.number(0.5)), below)

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: Matrix) -> Matrix:
        factor = m.take(sweep.result(op))
        inner = m.map(self._lower_half, m.product(factor, d, trans_a=True))
        right = m.solve(lapack.TrtrsOp, [factor], inner, trans=True)
        both = m.solve(lapack.TrtrsOp, [factor], m.transpose(right), trans=True)
        return m.map(lambda at, x, y: at.mul(at.add(x, y), at.number(0.5)), both, (both, ACROSS))

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> Matrix | None:
        if (t := tangent_of(sweep, m, op.destination)) is None:
            return None
        factor = m.take(sweep.result(op))
        right = m.solve(lapack.TrtrsOp, [factor], t, trans=False)
        both = m.solve(lapack.TrtrsOp, [factor], m.transpose(right), trans=False)
        return m.product(factor, m.map(self._lower_half, both))


class Pseudoinverse(Overwrite):
    """`pinv`: no derivative flows through how it was computed."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return op.operands[:1]

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: Matrix) -> None:
        (a,), p, to = content(sweep, m, op, op.operands[:1]), m.take(sweep.result(op)), op.operands[0]
        m.accumulate_product(sweep, to, m.product(p, d, trans_a=True), p, -1.0, trans_b=True)
        left = m.product(m.product(d, p, trans_a=True), p, trans_b=True)
        m.accumulate(sweep, to, left)
        m.accumulate_product(sweep, to, a, m.product(p, left), -1.0)
        right = m.product(p, m.product(p, d, trans_b=True), trans_a=True)
        m.accumulate(sweep, to, right)
        m.accumulate_product(sweep, to, m.product(right, p), a, -1.0)

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> Matrix | None:
        if (t := tangent_of(sweep, m, op.operands[0])) is None:
            return None
        (a,), p = content(sweep, m, op, op.operands[:1]), m.take(sweep.result(op))
        left = m.product(p, m.product(p, t, trans_a=True, trans_b=True))
        right = m.product(m.product(t, p, trans_a=True, trans_b=True), p)
        total = m.add(left, right)
        total = m.add_product(total, m.product(left, a), p, alpha=-1.0)
        total = m.add_product(total, p, m.product(a, right), alpha=-1.0)
        return m.add_product(total, m.product(p, t), p, alpha=-1.0)


class Triangles(Overwrite):
    """`lu`: no derivative flows through how the factors were computed."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return op.operands[:1]

    @staticmethod
    def _split(m: Matrices, factors: Matrix) -> tuple[Matrix, Matrix]:
        """L, and U^T."""

        def left(at: At, x: Number) -> Number:
            below = at.select(at.column("slt"), x, at.number(0.0))
            return at.select(at.column("eq"), at.number(1.0), below)

        def right(at: At, x: Number) -> Number:
            return at.select(at.column("sle"), x, at.number(0.0))

        return m.map(left, factors), m.map(right, (factors, ACROSS), like=factors)

    @staticmethod
    def _below(at: At, x: Number, y: Number) -> Number:
        """x below the diagonal, y on and above it."""
        return at.select(at.column("slt"), x, y)

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: Matrix) -> None:
        left, right = self._split(m, m.take(sweep.result(op)))
        zeros = m.map(lambda at, x: at.number(0.0), d)
        below, above = m.map(self._below, d, zeros), m.map(self._below, zeros, d)
        inner = m.map(self._below, m.product(left, below, trans_a=True), m.product(above, right))
        rows = m.solve(lapack.TrtrsOp, [right], inner, trans=True)
        both = m.solve(lapack.TrtrsOp, [left], m.transpose(rows), trans=True)
        m.accumulate(sweep, op.operands[0], m.transpose(both))

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> Matrix | None:
        if (t := tangent_of(sweep, m, op.operands[0])) is None:
            return None
        left, right = self._split(m, m.take(sweep.result(op)))
        rows = m.solve(lapack.TrtrsOp, [right], t, trans=False)
        both = m.transpose(m.solve(lapack.TrtrsOp, [left], m.transpose(rows), trans=False))
        zeros = m.map(lambda at, x: at.number(0.0), both)
        below = m.product(left, m.map(self._below, both, zeros))
        return m.add_product(below, m.map(self._below, zeros, both), right, trans_b=True)


class Logdet(Rule):
    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return op.operands[:1]

    @staticmethod
    def _inverse(sweep: Reverse | Forward, m: Matrices, op: Operation) -> Matrix:
        """A^-T: its rows are the columns of A^-1. For the imaginary part it is i times that."""
        matrices = content(sweep, m, op, op.operands)
        inverse = m.solve(lapack.GetrsOp, matrices, m.identity(matrices[0]), trans=False)
        return m.map(Logdet._turned, inverse) if "imaginary" in op.properties else inverse

    @staticmethod
    def _turned(at: At, x: Number) -> Number:
        """i x"""
        return at.with_imaginary(at.sub(at.number(0.0), at.imaginary(x)), at.real(x))

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        with Matrices.of(sweep, op) as m:
            term = m.map(lambda at, x: at.mul(x, d), self._inverse(sweep, m, op))
            m.accumulate(sweep, op.operands[0], term)

    def forward(self, sweep: Forward, op: Operation) -> None:
        with Matrices.of(sweep, op) as m:
            if (t := tangent_of(sweep, m, op.operands[0])) is not None:
                sweep.set_tangent(op.results[0], m.dot(self._inverse(sweep, m, op), t))


register(lapack.GetrfOp, ByProduct())
register(lapack.GetrsOp, Solve())
register(lapack.TrtrsOp, Solve())
register(lapack.PotrfOp, Cholesky())
register(lapack.PinvOp, Pseudoinverse())
register(lapack.LuOp, Triangles())
register(lapack.LogdetOp, Logdet())
