"""Derivatives of `lapack`'s decompositions: products, and quotients of differences.

| op | tangent | adjoint |
|---|---|---|
| `syevd` A = V diag(w) V^T | tw = diag(P), tV = V (F * P) | dA = V (diag(dw) + F * skew(V^T dV)) V^T |
| `geev` A = V diag(w) V^-1 | tw = diag(P), tV = V (F * P) | dA = V^-T (diag(dw) + F* * V^T dV) V^T |
| `gesdd` A = U diag(s) V^T | ts = diag(P), tU = U X + (tA V - U P) / s | dA = (U C + R) V^T + U T^T |
| `geqrf` A = Q R | tQ = B - Q up(Q^T B), tR = up(Q^T B) R | dA = (dQ + Q low(R dR^T - dQ^T Q)) R^-T |

with P = V^T tA V, V^-1 tA V or U^T tA V, B = tA R^-1, F[i, j] = 1 / (w[j] - w[i]), `*` by element, and

    X[i, j] = (P[i, j] s[j] + s[i] P[j, i]) / (s[j]^2 - s[i]^2)
    C[i, j] = (K[i, j] s[j] + s[i] L[i, j]) / (s[j]^2 - s[i]^2),  K = 2 skew(U^T dU),  L = 2 skew(V^T dV)
    C[i, i] = ds[i],    R = (dU - U U^T dU) / s,    T = (dV - V V^T dV) / s

where F* is the conjugate of F, `up` adds the lower half to the upper one, and `low` mirrors the lower half.
Of complex matrices ^T is the conjugate transpose, and diag(P) is its real part, but for `geev`. The phases of
vectors aren't determined then: those of U and V are taken to change no more than they must, by

    X[i, i] = i Im P[i, i] / (2 s[i]),    C[i, i] = ds[i] + i Im (U^T dU - V^T dV)[i, i] / (2 s[i])

See M. Giles, An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), sections 3.1 and 3.2; J. Townsend, Differentiating the singular value decomposition
(2016); S. Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions with application in
optimum experimental design, arXiv:1001.1654; and C. Boeddeker, P. Hanebrink, L. Drude, J. Heymann and
R. Haeb-Umbach, On the computation of complex-valued gradients with application to statistically optimum
beamforming, arXiv:1701.00392 (2017), for eigenvectors.

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
from dialectad.ad.complex_matrices import ComplexMatrices
from dialectad.ad.forward import Forward
from dialectad.ad.matrices import ACROSS, BY_COLUMN, BY_ROW, At, Extent, Matrices, Matrix, Number
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import register
from dialectad.ad.rules.lapack import Overwrite, tangent_of
from dialectad.dialects import lapack
from dialectad.dialects.destination import DestinationOp
from dialectad.errors import CompileError


def _off_diagonal(
    at: At, numerator: Number, denominator: Number, on: Number, size: SSAValue | None = None
) -> Number:
    """A quotient, but `on` on the diagonal; of no interest where `size` is 0: see Note [Repeated values]."""
    diagonal = at.column("eq")
    if size is not None:
        denominator = _relevant(at, denominator, size)
    safe = at.select(diagonal, at.number(1.0), denominator)
    return at.select(diagonal, on, at.div(numerator, safe))


def _relevant(at: At, denominator: Number, size: SSAValue) -> Number:
    least = at.number(2.0**-149 if isinstance(at.type, Float32Type) else 2.0**-1074)
    nothing = at.emitter.emit(arith.AndIOp(at.is_zero(denominator), at.is_zero(size)))
    return at.select(nothing, least, denominator)


class Decomposition(Overwrite):
    """What is read is the matrix; the destination's old content has no influence."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        """How many rows each part has, for a matrix of this shape."""
        raise NotImplementedError

    def adjoint(self, sweep: Reverse, m: Matrices, op: DestinationOp, d: Matrix) -> None:
        self._check(op)
        counts = self.parts(*m.extents_of(sweep, op.operands[0]))
        self.pull(sweep, m, op, m.split(m.take(sweep.result(op)), *counts), m.split(d, *counts))

    def tangent(self, sweep: Forward, m: Matrices, op: DestinationOp) -> Matrix | None:
        self._check(op)
        (matrix,) = self.reads(op)
        if (t := tangent_of(sweep, m, matrix)) is None:
            return None
        result, counts = m.take(sweep.result(op)), self.parts(*m.extents_of(sweep, matrix))
        return m.stack(result, *self.push(m, op, m.split(result, *counts), t))

    def _check(self, op: DestinationOp) -> None:
        op.properties.pop("values", None)  # derivatives take all parts
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
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[Matrix], d: list[Matrix]
    ) -> None:
        """Add to the cotangent of the matrix, given the parts and their cotangents."""
        raise NotImplementedError

    def push(self, m: Matrices, op: DestinationOp, parts: list[Matrix], t: Matrix) -> Iterable[Matrix]:
        """The tangents of the parts, given that of the matrix."""
        raise NotImplementedError


class Eigen(Decomposition):
    """Eigenvectors are rows. The matrix is symmetric, and so are its tangent and cotangent."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, 1]

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[Matrix], d: list[Matrix]
    ) -> None:
        (vectors, values), (dv, dw) = parts, d
        values, dw = m.real(values), m.real(dw)

        def core(at: At, *e: Number) -> Number:
            x, y, wi, wj, dwj, ri, rj = e
            skew = at.mul(at.sub(x, y), at.number(0.5))
            return _off_diagonal(at, skew, at.sub(wj, wi), dwj, at.add(ri, rj))

        inner, sizes = m.product(vectors, dv, trans_b=True), m.magnitudes(dv, trans=True)
        rows = (values, BY_ROW), (values, BY_COLUMN), (dw, BY_COLUMN), (sizes, BY_ROW), (sizes, BY_COLUMN)
        inner = m.map(core, inner, (inner, ACROSS), *rows)
        m.accumulate_product(sweep, op.operands[0], m.product(vectors, inner, trans_a=True), vectors)

    def push(self, m: Matrices, op: DestinationOp, parts: list[Matrix], t: Matrix) -> Iterable[Matrix]:
        vectors, values = parts[0], m.real(parts[1])

        def turn(at: At, p: Number, wi: SSAValue, wj: SSAValue) -> Number:
            return _off_diagonal(at, p, at.sub(wj, wi), at.number(0.0))

        inner = m.product(m.product(vectors, t), vectors, trans_b=True)
        turned = m.map(turn, inner, (values, BY_ROW), (values, BY_COLUMN))
        return m.product(turned, vectors, trans_a=True), m.real_diagonal(inner, parts[1])


class GeneralEigen(Decomposition):
    """Eigenvectors are columns, whose lengths and phases are taken to stay as they are: see `frontend`."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, 1]

    @staticmethod
    def _inverse_product(m: ComplexMatrices, vectors: Matrix, rows: Matrix, *, trans: bool) -> Matrix:
        """Rows b^T as rows of V^-1 b or, with `trans`, V^-T b."""
        return m.solve(lapack.GetrsOp, [vectors, m.factorized(vectors)], rows, trans=trans)

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[Matrix], d: list[Matrix]
    ) -> None:
        assert isinstance(m, ComplexMatrices)
        (vectors, values), (dv, dw) = parts, d

        def core(at: At, *e: Number) -> Number:
            k, wi, wj, dwj, ri, rj = e
            return _off_diagonal(at, k, at.conjugate(at.sub(wj, wi)), dwj, at.add(ri, rj))

        inner, sizes = m.product(vectors, dv, trans_a=True), m.magnitudes(dv)
        rows = (values, BY_ROW), (values, BY_COLUMN), (dw, BY_COLUMN), (sizes, BY_ROW), (sizes, BY_COLUMN)
        inner = m.map(core, inner, *rows)
        across = m.product(vectors, inner, trans_b=True)
        m.accumulate(
            sweep, op.operands[0], m.transpose(self._inverse_product(m, vectors, across, trans=True))
        )

    def push(self, m: Matrices, op: DestinationOp, parts: list[Matrix], t: Matrix) -> Iterable[Matrix]:
        assert isinstance(m, ComplexMatrices)
        vectors, values = parts

        def turn(at: At, p: Number, wi: Number, wj: Number) -> Number:
            return _off_diagonal(at, p, at.sub(wj, wi), at.number(0.0))

        across = m.product(vectors, t, trans_a=True, trans_b=True)
        inner = m.transpose(self._inverse_product(m, vectors, across, trans=False))
        turned = m.map(turn, inner, (values, BY_ROW), (values, BY_COLUMN))
        return m.product(vectors, turned), m.diagonal(inner, values)


class Singular(Decomposition):
    """Singular vectors are columns."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, columns, 1]

    @staticmethod
    def _squares(at: At, si: SSAValue, sj: SSAValue) -> SSAValue:
        """s[j]^2 - s[i]^2."""
        return at.mul(at.sub(sj, si), at.add(sj, si))

    @staticmethod
    def _phase(at: At, x: Number, s: SSAValue) -> SSAValue | None:
        """Half of the imaginary part by s; None of real numbers, which have no phase."""
        if (turn := at.imaginary(x)) is None:
            return None
        return at.div(at.mul(turn, at.number(0.5)), s)

    @staticmethod
    def _outside(
        m: Matrices,
        vectors: Matrix,
        inner: Matrix,
        moved: Matrix,
        values: SSAValue,
        sizes: SSAValue | None = None,
        *,
        trans: bool = False,
    ) -> Matrix | None:
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
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[Matrix], d: list[Matrix]
    ) -> None:
        (u, v, s), (du, dv, ds), to = parts, d, op.operands[0]
        s, ds = m.real(s), m.real(ds)
        ku, kv = m.product(u, du, trans_a=True), m.product(v, dv, trans_a=True)

        def core(at: At, *x: Number) -> Number:
            u, ut, v, vt, si, sj, dsj, ri, rj = x
            numerator = at.add(at.mul(at.sub(u, ut), sj), at.mul(si, at.sub(v, vt)))
            on = at.with_imaginary(dsj, self._phase(at, at.sub(u, v), _relevant(at, sj, rj)))
            return _off_diagonal(at, numerator, self._squares(at, si, sj), on, at.add(ri, rj))

        sizes = m.add(m.magnitudes(du), m.magnitudes(dv))
        values = (s, BY_ROW), (s, BY_COLUMN), (ds, BY_COLUMN), (sizes, BY_ROW), (sizes, BY_COLUMN)
        left = m.product(u, m.map(core, ku, (ku, ACROSS), kv, (kv, ACROSS), *values))
        if (outside := self._outside(m, u, ku, du, s, sizes)) is not None:
            left = m.add(left, outside)
        m.accumulate_product(sweep, to, left, v, trans_b=True)
        if (outside := self._outside(m, v, kv, dv, s, sizes)) is not None:
            m.accumulate_product(sweep, to, u, outside, trans_b=True)

    def push(self, m: Matrices, op: DestinationOp, parts: list[Matrix], t: Matrix) -> Iterable[Matrix]:
        u, v, s = *parts[:2], m.real(parts[2])
        moved = m.product(t, v)
        p = m.product(u, moved, trans_a=True)
        values = (s, BY_ROW), (s, BY_COLUMN)

        def for_u(at: At, p: Number, pt: Number, si: SSAValue, sj: SSAValue) -> Number:
            numerator = at.add(at.mul(p, sj), at.mul(si, pt))
            on = at.with_imaginary(at.number(0.0), self._phase(at, p, sj))
            return _off_diagonal(at, numerator, self._squares(at, si, sj), on)

        def for_v(at: At, p: Number, pt: Number, si: SSAValue, sj: SSAValue) -> Number:
            numerator = at.add(at.mul(si, p), at.mul(pt, sj))
            on = at.with_imaginary(at.number(0.0), self._phase(at, pt, sj))
            return _off_diagonal(at, numerator, self._squares(at, si, sj), on)

        tu = m.product(u, m.map(for_u, p, (p, ACROSS), *values))
        if (outside := self._outside(m, u, p, moved, s)) is not None:
            tu = m.add(tu, outside)
        tv = m.product(v, m.map(for_v, p, (p, ACROSS), *values))
        if (outside := self._outside(m, v, p, m.product(t, u, trans_a=True), s, trans=True)) is not None:
            tv = m.add(tv, outside)
        return tu, tv, m.real_diagonal(p, parts[2])


class Triangular(Decomposition):
    """The second part is L = R^T."""

    def parts(self, rows: Extent, columns: Extent) -> list[Extent]:
        return [rows, columns]

    def pull(
        self, sweep: Reverse, m: Matrices, op: DestinationOp, parts: list[Matrix], d: list[Matrix]
    ) -> None:
        (q, lower), (dq, dlower) = parts, d
        inner = m.add_product(m.product(lower, dlower, trans_a=True), dq, q, trans_a=True, alpha=-1.0)

        def low(at: At, x: Number, y: Number) -> Number:
            lower = at.select(at.column("eq"), at.real(x), x)
            return at.select(at.column("sle"), lower, y)

        mirrored = m.map(low, inner, (inner, ACROSS))
        rows = m.add(m.product(q, mirrored), dq)
        m.accumulate(sweep, op.operands[0], m.solve(lapack.TrtrsOp, [lower], rows, trans=True))

    def push(self, m: Matrices, op: DestinationOp, parts: list[Matrix], t: Matrix) -> Iterable[Matrix]:
        q, lower = parts
        solved = m.solve(lapack.TrtrsOp, [lower], t, trans=False)

        def up(at: At, x: Number, y: Number) -> Number:
            upper = at.select(at.column("eq"), at.real(x), at.add(x, y))
            return at.select(at.column("slt"), at.number(0.0), upper)

        inner = m.product(q, solved, trans_a=True)
        upper = m.map(up, inner, (inner, ACROSS))
        return m.add_product(m.copy(solved), q, upper, alpha=-1.0), m.product(lower, upper, trans_b=True)


register(lapack.SyevdOp, Eigen())
register(lapack.GeevOp, GeneralEigen())
register(lapack.GesddOp, Singular())
register(lapack.GeqrfOp, Triangular())
