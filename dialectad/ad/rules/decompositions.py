"""Derivatives of `lapack`'s decompositions: products, and quotients of differences.

| op | tangent | adjoint |
|---|---|---|
| `syevd` A = V diag(w) V^T | tw = diag(P), tV = V (F * P) | dA = V (diag(dw) + F * skew(V^T dV)) V^T |
| `gesdd` A = U diag(s) V^T | ts = diag(P), tU = U X + (tA V - U P) / s | dA = (U C + R) V^T + U T^T |
| `geqrf` A = Q R | tQ = B - Q up(Q^T B), tR = up(Q^T B) R | dA = (dQ + Q low(R dR^T - dQ^T Q)) R^-T |

with P = V^T tA V or U^T tA V, B = tA R^-1, F[i, j] = 1 / (w[j] - w[i]), `*` by element, and

    X[i, j] = (P[i, j] s[j] + s[i] P[j, i]) / (s[j]^2 - s[i]^2)
    C[i, j] = (K[i, j] s[j] + s[i] L[i, j]) / (s[j]^2 - s[i]^2),  K = 2 skew(U^T dU),  L = 2 skew(V^T dV)
    C[i, i] = ds[i],    R = (dU - U U^T dU) / s,    T = (dV - V V^T dV) / s

`up` adds the lower half to the upper one, `low` mirrors the lower half. See M. Giles, An extended collection
of matrix derivative results for forward and reverse mode algorithmic differentiation (2008), sections 3.1 and
3.2; J. Townsend, Differentiating the singular value decomposition (2016); and S. Walter and L. Lehmann,
Algorithmic differentiation of linear algebra functions with application in optimum experimental design,
arXiv:1001.1654.

Note [Repeated values]
~~~~~~~~~~~~~~~~~~~~~~
Vectors of equal values aren't functions of the matrix. If the cotangents of both are 0, as for functions of
the values alone, so is what they contribute; otherwise it isn't finite, even if the numerator is 0, for the
limit of the quotient may be anything. The smallest positive number stands for a difference that doesn't
matter: then 0 divided by it is 0, but where it turns out to matter in the next derivative, that shows.
Tangents of such vectors are never finite.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import SSAValue

from dialectad import locations
from dialectad.ad.forward import Forward
from dialectad.ad.matrices import ACROSS, BY_COLUMN, BY_ROW, At, Extent, Matrices, extents_of
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import register
from dialectad.ad.rules.lapack import Overwrite, tangent_of
from dialectad.dialects import lapack
from dialectad.dialects.destination import DestinationOp
from dialectad.errors import CompileError


def _off_diagonal(
    at: At, numerator: SSAValue, denominator: SSAValue, on: SSAValue, size: SSAValue | None = None
) -> SSAValue:
    """A quotient, but `on` on the diagonal; of no interest where `size` is 0: see Note [Repeated values]."""
    diagonal = at.column("eq")
    if size is not None:
        denominator = _relevant(at, denominator, size)
    safe = at.select(diagonal, at.number(1.0), denominator)
    return at.select(diagonal, on, at.div(numerator, safe))


def _relevant(at: At, denominator: SSAValue, size: SSAValue) -> SSAValue:
    least = at.number(2.0**-149 if isinstance(at.type, Float32Type) else 2.0**-1074)
    nothing = at.emitter.emit(arith.AndIOp(at.is_zero(denominator), at.is_zero(size)))
    return at.select(nothing, least, denominator)


class Decomposition(Overwrite):
    """What is read is the matrix; the destination's old content has no influence."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        """How many rows each part has, for a matrix of this shape."""
        raise NotImplementedError

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: SSAValue) -> None:
        self._check(op)
        counts = self.parts(*extents_of(sweep, op.operands[0]))
        self.pull(sweep, m, op, m.split(sweep.result(op), *counts), m.split(d, *counts))

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> SSAValue | None:
        self._check(op)
        (matrix,) = self.reads(op)
        if (t := tangent_of(sweep, matrix)) is None:
            return None
        result, counts = sweep.result(op), self.parts(*extents_of(sweep, matrix))
        return m.stack(result, *self.push(m, op, m.split(result, *counts), t))

    def _check(self, op: DestinationOp) -> None:
        for flag, what, hint in (
            ("full", "singular vectors that belong to no singular value", "pass full_matrices=False"),
            ("complete", "the columns of Q that belong to none of the matrix", "use mode='reduced'"),
        ):
            if flag in op.properties:
                raise CompileError(
                    f"the derivative of {what}, which aren't determined",
                    locations.of(op),
                    hint=hint,
                    pass_name="differentiate",
                )

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[SSAValue], d: list[SSAValue]
    ) -> None:
        """Add to the cotangent of the matrix, given the parts and their cotangents."""
        raise NotImplementedError

    def push(self, m: Matrices, op: DestinationOp, parts: list[SSAValue], t: SSAValue) -> Iterable[SSAValue]:
        """The tangents of the parts, given that of the matrix."""
        raise NotImplementedError


class Eigen(Decomposition):
    """Eigenvectors are rows. The matrix is symmetric, and so are its tangent and cotangent."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, 1]

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[SSAValue], d: list[SSAValue]
    ) -> None:
        (vectors, values), (dv, dw) = parts, d

        def core(at: At, *e: SSAValue) -> SSAValue:
            x, y, wi, wj, dwj, ri, rj = e
            skew = at.mul(at.sub(x, y), at.number(0.5))
            return _off_diagonal(at, skew, at.sub(wj, wi), dwj, at.add(ri, rj))

        inner, sizes = m.product(vectors, dv, trans_b=True), m.magnitudes(dv, trans=True)
        rows = (values, BY_ROW), (values, BY_COLUMN), (dw, BY_COLUMN), (sizes, BY_ROW), (sizes, BY_COLUMN)
        inner = m.map(core, inner, (inner, ACROSS), *rows)
        m.accumulate_product(sweep, op.operands[0], m.product(vectors, inner, trans_a=True), vectors)

    def push(self, m: Matrices, op: DestinationOp, parts: list[SSAValue], t: SSAValue) -> Iterable[SSAValue]:
        vectors, values = parts

        def turn(at: At, p: SSAValue, wi: SSAValue, wj: SSAValue) -> SSAValue:
            return _off_diagonal(at, p, at.sub(wj, wi), at.number(0.0))

        inner = m.product(m.product(vectors, t), vectors, trans_b=True)
        turned = m.map(turn, inner, (values, BY_ROW), (values, BY_COLUMN))
        return m.product(turned, vectors, trans_a=True), m.diagonal(inner, values)


class Singular(Decomposition):
    """Singular vectors are columns."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, columns, 1]

    @staticmethod
    def _squares(at: At, si: SSAValue, sj: SSAValue) -> SSAValue:
        """s[j]^2 - s[i]^2."""
        return at.mul(at.sub(sj, si), at.add(sj, si))

    @staticmethod
    def _outside(
        m: Matrices,
        vectors: SSAValue,
        inner: SSAValue,
        moved: SSAValue,
        values: SSAValue,
        sizes: SSAValue | None = None,
        *,
        trans: bool = False,
    ) -> SSAValue | None:
        """(moved - vectors inner) / s, what leaves the vectors' span; nothing can if they span it all."""
        if m.is_square(vectors):
            return None
        rest = m.sub(moved, m.product(vectors, inner, trans_b=trans))
        if sizes is None:
            return m.map(lambda at, x, s: at.div(x, s), rest, (values, BY_COLUMN))
        return m.map(
            lambda at, x, s, size: at.div(x, _relevant(at, s, size)),
            rest,
            (values, BY_COLUMN),
            (sizes, BY_COLUMN),
        )

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[SSAValue], d: list[SSAValue]
    ) -> None:
        (u, v, s), (du, dv, ds), to = parts, d, op.operands[0]
        ku, kv = m.product(u, du, trans_a=True), m.product(v, dv, trans_a=True)

        def core(at: At, *x: SSAValue) -> SSAValue:
            u, ut, v, vt, si, sj, dsj, ri, rj = x
            numerator = at.add(at.mul(at.sub(u, ut), sj), at.mul(si, at.sub(v, vt)))
            return _off_diagonal(at, numerator, self._squares(at, si, sj), dsj, at.add(ri, rj))

        sizes = m.add(m.magnitudes(du), m.magnitudes(dv))
        values = (s, BY_ROW), (s, BY_COLUMN), (ds, BY_COLUMN), (sizes, BY_ROW), (sizes, BY_COLUMN)
        left = m.product(u, m.map(core, ku, (ku, ACROSS), kv, (kv, ACROSS), *values))
        if (outside := self._outside(m, u, ku, du, s, sizes)) is not None:
            left = m.add(left, outside)
        m.accumulate_product(sweep, to, left, v, trans_b=True)
        if (outside := self._outside(m, v, kv, dv, s, sizes)) is not None:
            m.accumulate_product(sweep, to, u, outside, trans_b=True)

    def push(self, m: Matrices, op: DestinationOp, parts: list[SSAValue], t: SSAValue) -> Iterable[SSAValue]:
        u, v, s = parts
        moved = m.product(t, v)
        p = m.product(u, moved, trans_a=True)
        values = (s, BY_ROW), (s, BY_COLUMN)

        def for_u(at: At, p: SSAValue, pt: SSAValue, si: SSAValue, sj: SSAValue) -> SSAValue:
            numerator = at.add(at.mul(p, sj), at.mul(si, pt))
            return _off_diagonal(at, numerator, self._squares(at, si, sj), at.number(0.0))

        def for_v(at: At, p: SSAValue, pt: SSAValue, si: SSAValue, sj: SSAValue) -> SSAValue:
            numerator = at.add(at.mul(si, p), at.mul(pt, sj))
            return _off_diagonal(at, numerator, self._squares(at, si, sj), at.number(0.0))

        tu = m.product(u, m.map(for_u, p, (p, ACROSS), *values))
        if (outside := self._outside(m, u, p, moved, s)) is not None:
            tu = m.add(tu, outside)
        tv = m.product(v, m.map(for_v, p, (p, ACROSS), *values))
        if (outside := self._outside(m, v, p, m.product(t, u, trans_a=True), s, trans=True)) is not None:
            tv = m.add(tv, outside)
        return tu, tv, m.diagonal(p, s)


class Triangular(Decomposition):
    """The second part is L = R^T."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, columns]

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[SSAValue], d: list[SSAValue]
    ) -> None:
        (q, lower), (dq, dlower) = parts, d
        inner = m.add_product(m.product(lower, dlower, trans_a=True), dq, q, trans_a=True, alpha=-1.0)
        mirrored = m.map(lambda at, x, y: at.select(at.column("sle"), x, y), inner, (inner, ACROSS))
        rows = m.add(m.product(q, mirrored), dq)
        m.accumulate(sweep, op.operands[0], m.solve(lapack.TrtrsOp, [lower], rows, trans=True))

    def push(self, m: Matrices, op: DestinationOp, parts: list[SSAValue], t: SSAValue) -> Iterable[SSAValue]:
        q, lower = parts
        solved = m.solve(lapack.TrtrsOp, [lower], t, trans=False)

        def up(at: At, x: SSAValue, y: SSAValue) -> SSAValue:
            upper = at.select(at.column("eq"), x, at.add(x, y))
            return at.select(at.column("slt"), at.number(0.0), upper)

        inner = m.product(q, solved, trans_a=True)
        upper = m.map(up, inner, (inner, ACROSS))
        return m.add_product(m.copy(solved), q, upper, alpha=-1.0), m.product(lower, upper, trans_b=True)


register(lapack.SyevdOp, Eigen())
register(lapack.GesddOp, Singular())
register(lapack.GeqrfOp, Triangular())
