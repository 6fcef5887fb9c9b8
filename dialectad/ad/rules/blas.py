"""Derivatives of `blas`: products of products, accumulated in the destination.

For C = alpha op(A) op(B) + beta D and the cotangent dC:

    d op(A) = alpha dC op(B)^T        d op(B) = alpha op(A)^T dC        dD = beta dC

each again one `blas` op; and for C = alpha A A^T, whose rows and columns are those of one matrix,

    dA = alpha (dC + dC^T) A

which is one product instead of two. Where the operand has a cotangent already, that is the destination and
beta is 1; otherwise the destination is `tensor.empty` and beta is 0. In memory the destination is the shadow,
always, and there are two products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseArrayBase, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from dialectad.ad.activity import Activity
from dialectad.ad.forward import Forward
from dialectad.ad.memory import is_memory
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, register
from dialectad.ad.rules.memref import add_scaled, scale
from dialectad.dialects import blas

_TRANSPOSES = ("trans", "trans_a", "trans_b")


def product(
    kind: type[blas.ProductOp],
    factors: Sequence[SSAValue],
    dest: SSAValue,
    alpha: float,
    beta: float,
    **trans: bool,
) -> blas.ProductOp:
    """A `blas` op; `trans`, `trans_a`, `trans_b` are flags."""
    lhs, rhs = factors
    return kind(lhs, rhs, dest, alpha=alpha, beta=beta, flags=trans)


def contribute(
    sweep: Reverse,
    to: SSAValue,
    kind: type[blas.ProductOp],
    lhs: SSAValue,
    rhs: SSAValue,
    alpha: float,
    **trans: bool,
) -> None:
    """Add a product to the cotangent of `to`, in place."""
    if is_memory(to):
        sweep.emitter.insert(product(kind, (lhs, rhs), sweep.shadow(to), alpha, 1.0, **trans))
    elif (d := sweep.cotangent(to)) is None:
        op = product(kind, (lhs, rhs), sweep.empty_like(to), alpha, 0.0, **trans)
        sweep.accumulate(to, sweep.emitter.emit(op))
    else:
        sweep.replace(to, sweep.emitter.emit(product(kind, (lhs, rhs), d, alpha, 1.0, **trans)))


def gemm_adjoint(
    sweep: Reverse,
    op: Operation,
    d: SSAValue,
    a: SSAValue,
    b: SSAValue,
    alpha: float,
    trans_a: bool,
    trans_b: bool,
) -> None:
    if a is b and trans_a != trans_b and _is_wide(a):
        symmetric_adjoint(sweep, op, d, a, alpha, trans=trans_a)
        return
    if sweep.active(a):
        y = sweep.content(op, b)
        if trans_a:
            contribute(sweep, a, blas.GemmOp, y, d, alpha, trans_a=trans_b, trans_b=True)
        else:
            contribute(sweep, a, blas.GemmOp, d, y, alpha, trans_b=not trans_b)
    if sweep.active(b):
        x = sweep.content(op, a)
        if trans_b:
            contribute(sweep, b, blas.GemmOp, d, x, alpha, trans_a=True, trans_b=trans_a)
        else:
            contribute(sweep, b, blas.GemmOp, x, d, alpha, trans_a=not trans_a)


def symmetric_adjoint(
    sweep: Reverse, op: Operation, d: SSAValue, a: SSAValue, alpha: float, *, trans: bool
) -> None:
    """dA of C = alpha A A^T, or of alpha A^T A with `trans`."""
    if sweep.active(a):
        turned = DenseArrayBase.from_list(i64, [1, 0])
        across = sweep.emitter.emit(linalg.TransposeOp(d, sweep.empty_like(d), turned, d.type))
        both = sweep.emitter.emit(arith.AddfOp(d, across))
        x = sweep.content(op, a)
        contribute(sweep, a, blas.GemmOp, *((x, both) if trans else (both, x)), alpha)


_WIDE = 16


def _is_wide(value: SSAValue) -> bool:
    """Whether a product by this matrix takes longer than to write down the other factor once more."""
    return isinstance(value.type, TensorType) and min(value.type.get_shape()) >= _WIDE


def gemv_adjoint(
    sweep: Reverse, op: Operation, d: SSAValue, a: SSAValue, x: SSAValue, alpha: float, trans: bool
) -> None:
    if sweep.active(a):
        v = sweep.content(op, x)
        contribute(sweep, a, blas.GerOp, *((v, d) if trans else (d, v)), alpha)
    if sweep.active(x):
        contribute(sweep, x, blas.GemvOp, sweep.content(op, a), d, alpha, trans=not trans)


def ger_adjoint(sweep: Reverse, op: Operation, d: SSAValue, x: SSAValue, y: SSAValue, alpha: float) -> None:
    if sweep.active(x):
        contribute(sweep, x, blas.GemvOp, d, sweep.content(op, y), alpha)
    if sweep.active(y):
        contribute(sweep, y, blas.GemvOp, d, sweep.content(op, x), alpha, trans=True)


def dot_adjoint(sweep: Reverse, op: Operation, d: SSAValue, x: SSAValue, y: SSAValue) -> None:
    """dx += d y, dy += d x for a scalar d."""
    for to, other in ((x, y), (y, x)):
        if sweep.active(to):
            value = sweep.content(op, other)
            if is_memory(to):
                add_scaled(sweep.emitter, sweep.shadow(to), value, d)
                continue
            assert isinstance(to.type, TensorType)
            # In the type of `to`: one of the two may have a dynamic extent.
            if value.type != to.type:
                value = sweep.emitter.emit(tensor.CastOp(value, to.type))
            spread = sweep.emitter.emit(tensor.SplatOp(d, sweep.emitter.sizes_of(value), to.type))
            sweep.accumulate(to, sweep.emitter.emit(arith.MulfOp(spread, value)))


def _transposes(op: Operation) -> dict[str, bool]:
    return {name: True for name in _TRANSPOSES if name in op.properties}


class Bilinear(Rule):
    """An op that is linear in each of its two factors, and affine in its destination."""

    def __init__(self, adjoint: Callable[[Reverse, Operation, SSAValue], None]):
        self.adjoint = adjoint

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        yield from op.operands[:2]
        if len(op.operands) > 2 and beta_of(op) != 0:
            yield op.operands[2]

    def vary(self, activity: Activity, op: Operation) -> None:
        super().vary(activity, op)
        if not op.results and any(activity.is_varied(value) for value in self.reads(op)):
            activity.mark_varied(op.operands[2])

    def use(self, activity: Activity, op: Operation) -> None:
        super().use(activity, op)
        if not op.results and activity.is_useful(op.operands[2]):
            for value in self.reads(op):
                activity.mark_useful(value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if not op.results:
            if sweep.active(op.operands[2]):
                d = sweep.shadow(op.operands[2])
                self.adjoint(sweep, op, d)
                scale(sweep.emitter, d, beta_of(op))
            return
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        self.adjoint(sweep, op, d)
        if len(op.operands) > 2 and (beta := beta_of(op)) != 0 and sweep.active(op.operands[2]):
            scaled = (
                d if beta == 1 else sweep.emitter.emit(arith.MulfOp(d, sweep.emitter.constant_like(beta, d)))
            )
            sweep.accumulate(op.operands[2], scaled)

    def forward(self, sweep: Forward, op: Operation) -> None:
        """tC = alpha op(tA) op(B) + alpha op(A) op(tB) + beta tD, each in the destination of the last."""
        if not op.results:
            if sweep.active(op.operands[2]):
                self._forward_in_place(sweep, op)
            return
        total: SSAValue | None = None
        if len(op.operands) > 2 and (beta := beta_of(op)) != 0:
            total = sweep.tangent(op.operands[2])
            if total is not None and beta != 1:
                total = sweep.emitter.emit(arith.MulfOp(total, sweep.emitter.constant_like(beta, total)))
        for position in (0, 1):
            if (t := sweep.tangent(op.operands[position])) is None:
                continue
            factors = [sweep.primal(o) for o in op.operands[:2]]
            factors[position] = t
            total = self.tangent(sweep, op, factors, total)
        sweep.set_tangent(op.results[0], total)

    def _forward_in_place(self, sweep: Forward, op: Operation) -> None:
        shadow, beta = sweep.shadow(op.operands[2]), beta_of(op)
        for position in (0, 1):
            if sweep.active(op.operands[position]):
                factors = list(op.operands[:2])
                factors[position] = sweep.shadow(factors[position])
                term = product(self.kind(op), factors, shadow, _alpha(op), beta, **_transposes(op))  # pyright: ignore[reportArgumentType]
                sweep.emitter.insert(term)
                beta = 1.0
        scale(sweep.emitter, shadow, beta)

    def tangent(
        self, sweep: Forward, op: Operation, factors: list[SSAValue], total: SSAValue | None
    ) -> SSAValue:
        trans = _transposes(op)
        dest = sweep.empty_like(op.results[0]) if total is None else total
        alpha = op.properties["alpha"].value.data if "alpha" in op.properties else 1.0  # pyright: ignore[reportAttributeAccessIssue]
        return sweep.emitter.emit(
            product(self.kind(op), factors, dest, alpha, 0.0 if total is None else 1.0, **trans)
        )

    def kind(self, op: Operation) -> type[blas.ProductOp]:
        return type(op)  # pyright: ignore[reportReturnType]


class Dot(Bilinear):
    def forward(self, sweep: Forward, op: Operation) -> None:
        if not is_memory(op.operands[0]):
            super().forward(sweep, op)
            return
        total: SSAValue | None = None
        for position in (0, 1):
            if sweep.active(op.operands[position]):
                factors = list(op.operands)
                factors[position] = sweep.shadow(factors[position])
                total = self.tangent(sweep, op, factors, total)
        sweep.set_tangent(op.results[0], total)

    def tangent(
        self, sweep: Forward, op: Operation, factors: list[SSAValue], total: SSAValue | None
    ) -> SSAValue:
        t = sweep.emitter.emit(blas.DotOp(*factors))
        return t if total is None else sweep.emitter.add(total, t)


def beta_of(op: Operation) -> float:
    """How much of the destination goes into the result; linalg's named products add to all of it."""
    return op.properties["beta"].value.data if "beta" in op.properties else 1.0  # pyright: ignore[reportAttributeAccessIssue]


def _alpha(op: blas.ProductOp) -> float:
    return op.alpha.value.data  # pyright: ignore[reportAttributeAccessIssue]


def _gemm(sweep: Reverse, op: blas.GemmOp, d: SSAValue) -> None:
    gemm_adjoint(sweep, op, d, op.lhs, op.rhs, _alpha(op), op.trans_a is not None, op.trans_b is not None)


def _gemv(sweep: Reverse, op: blas.GemvOp, d: SSAValue) -> None:
    gemv_adjoint(sweep, op, d, op.lhs, op.rhs, _alpha(op), op.trans is not None)


def _ger(sweep: Reverse, op: blas.GerOp, d: SSAValue) -> None:
    ger_adjoint(sweep, op, d, op.lhs, op.rhs, _alpha(op))


def _dot(sweep: Reverse, op: blas.DotOp, d: SSAValue) -> None:
    dot_adjoint(sweep, op, d, op.lhs, op.rhs)


register(blas.GemmOp, Bilinear(_gemm))  # pyright: ignore[reportArgumentType]
register(blas.GemvOp, Bilinear(_gemv))  # pyright: ignore[reportArgumentType]
register(blas.GerOp, Bilinear(_ger))  # pyright: ignore[reportArgumentType]
register(blas.DotOp, Dot(_dot))  # pyright: ignore[reportArgumentType]
