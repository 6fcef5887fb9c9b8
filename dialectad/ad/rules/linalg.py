"""Derivatives of the named `linalg` ops: named ops again, or `blas` where there is a product.

| op | adjoint |
|---|---|
| `matmul` `matvec` `vecmat` `dot` | `blas` products, accumulated in the destination |
| `transpose` `broadcast` `fill` | `transpose`, `reduce` with `addf`, the full sum |
| `reduce` with `addf` | `broadcast` |
| `reduce` with `maximumf`, `minimumf` ... | shared evenly by the elements that attain it (JAX) |
| `reduce` with another body | a loop first (`prepare.py`); for `mulf` that gives exclusive products |
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseArrayBase, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineMap

from dialectad.ad.algebra import Emitter, element_type
from dialectad.ad.build import PARALLEL, REDUCTION, full_sum, generic, reduce_add, spread, without
from dialectad.ad.forward import Forward
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, inactive, linear, register
from dialectad.ad.rules.blas import Bilinear, dot_adjoint, gemm_adjoint, gemv_adjoint, product
from dialectad.ad.structured import combiner
from dialectad.dialects import blas
from dialectad.dialects.linalg import DotOp, MatvecOp, VecmatOp

# Products


def _matmul(sweep: Reverse, op: Operation, d: SSAValue) -> None:
    gemm_adjoint(sweep, op, d, op.operands[0], op.operands[1], 1.0, False, False)


def _matvec(sweep: Reverse, op: Operation, d: SSAValue) -> None:
    gemv_adjoint(sweep, op, d, op.operands[0], op.operands[1], 1.0, False)


def _vecmat(sweep: Reverse, op: Operation, d: SSAValue) -> None:
    gemv_adjoint(sweep, op, d, op.operands[1], op.operands[0], 1.0, True)


def _dot(sweep: Reverse, op: Operation, d: SSAValue) -> None:
    scalar = sweep.emitter.emit(tensor.ExtractOp(d, [], element_type(d.type)))
    dot_adjoint(sweep, op, scalar, *op.operands[:2])


class Product(Bilinear):
    """A named product, whose tangent is a `blas` op."""

    def tangent(
        self, sweep: Forward, op: Operation, factors: list[SSAValue], total: SSAValue | None
    ) -> SSAValue:
        dest = sweep.empty_like(op.results[0]) if total is None else total
        beta = 0.0 if total is None else 1.0
        match op:
            case MatvecOp():
                return sweep.emitter.emit(product(blas.GemvOp, factors, dest, 1.0, beta))
            case VecmatOp():
                return sweep.emitter.emit(product(blas.GemvOp, factors[::-1], dest, 1.0, beta, trans=True))
            case DotOp():
                dot = sweep.emitter.emit(blas.DotOp(*factors))
                if total is not None:
                    old = sweep.emitter.emit(tensor.ExtractOp(total, [], dot.type))
                    dot = sweep.emitter.add(old, dot)
                assert isinstance(dest.type, TensorType)
                return sweep.emitter.emit(tensor.SplatOp(dot, [], dest.type))
            case _:
                return sweep.emitter.emit(product(blas.GemmOp, factors, dest, 1.0, beta))


register(linalg.MatmulOp, Product(_matmul))
register(MatvecOp, Product(_matvec))
register(VecmatOp, Product(_vecmat))
register(DotOp, Product(_dot))

# Movement


def _input_only(op: Operation) -> Sequence[SSAValue]:
    return op.operands[:1]


@linear(linalg.TransposeOp, reads=_input_only)
def transpose(sweep: Reverse, op: linalg.TransposeOp, d: SSAValue) -> None:
    """The inverse transpose."""
    source = op.inputs[0]
    inverse = [0] * len(op.permutation)
    for to, at in enumerate(op.permutation.get_values()):
        inverse[at] = to
    back = linalg.TransposeOp(d, sweep.empty_like(source), DenseArrayBase.from_list(i64, inverse))
    sweep.accumulate(source, sweep.emitter.emit(back))


@linear(linalg.BroadcastOp, reads=_input_only)
def broadcast(sweep: Reverse, op: linalg.BroadcastOp, d: SSAValue) -> None:
    """The sum over the added dimensions, on top of the cotangent."""
    if sweep.active(op.input):
        total = reduce_add(sweep.emitter, d, sweep.materialized(op.input), op.dimensions.get_values())
        sweep.replace(op.input, total)


@linear(linalg.FillOp, reads=_input_only)
def fill(sweep: Reverse, op: linalg.FillOp, d: SSAValue) -> None:
    """The sum of all elements."""
    sweep.accumulate(op.inputs[0], full_sum(sweep.emitter, d))


# Reductions


class Reduce(Rule):
    """`addf` and extrema; `prepare` leaves no others."""

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, linalg.ReduceOp)
        if (d := sweep.cotangent(op.results[0])) is None:
            return
        if combiner(op) is arith.AddfOp:
            if sweep.active(op.input):
                dest = sweep.empty_like(op.input)
                sweep.accumulate(op.input, spread(sweep.emitter, d, dest, op.dimensions.get_values()))
            sweep.accumulate(op.init, d)
        else:
            self._extremum_reverse(sweep, op, d)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, linalg.ReduceOp)
        if combiner(op) is arith.AddfOp:
            if (t := sweep.tangent(op.input)) is None:
                sweep.set_tangent(op.results[0], sweep.tangent(op.init))
            else:
                init = sweep.materialized(op.init)
                total = reduce_add(sweep.emitter, t, init, op.dimensions.get_values())
                sweep.set_tangent(op.results[0], total)
        else:
            self._extremum_forward(sweep, op)

    # An extremum r of the elements x and the initial value i. With n the number of those that equal r,
    # dx = where(x == r, dr / n, 0), and the same for i.

    def _extremum_reverse(self, sweep: Reverse, op: linalg.ReduceOp, d: SSAValue) -> None:
        emitter = sweep.emitter
        x, r = sweep.primal(op.input), sweep.primal(op.results[0])
        init = sweep.primal(op.init) if sweep.active(op.init) else None
        share = emitter.emit(arith.DivfOp(d, _ties(emitter, op, x, r, init)))
        maps, iterators = _loops(op)
        if sweep.active(op.input):
            dest = sweep.empty_like(op.input)

            def body(emitter: Emitter, args: Sequence[SSAValue]) -> SSAValue:
                return _where_equal(emitter, args[0], args[1], args[2])

            ins = [(x, maps[0]), (r, maps[1]), (share, maps[1])]
            dx = generic(emitter, ins, dest, maps[0], (PARALLEL,) * len(iterators), body)
            sweep.accumulate(op.input, dx)
        if init is not None:
            sweep.accumulate(op.init, _where_equal(emitter, init, r, share))

    def _extremum_forward(self, sweep: Forward, op: linalg.ReduceOp) -> None:
        emitter = sweep.emitter
        x, r, init, ti = op.input, op.results[0], op.init, sweep.tangent(op.init)
        maps, iterators = _loops(op)
        if (tx := sweep.tangent(x)) is None and ti is None:
            return
        total = (
            emitter.zero(r.type, emitter.sizes_of(r)) if ti is None else _where_equal(emitter, init, r, ti)
        )
        if tx is not None:

            def body(emitter: Emitter, args: Sequence[SSAValue]) -> SSAValue:
                return emitter.add(_where_equal(emitter, args[0], args[1], args[2]), args[3])

            ins = [(x, maps[0]), (r, maps[1]), (tx, maps[0])]
            total = generic(emitter, ins, total, maps[1], iterators, body)
        ties = _ties(emitter, op, x, r, init if ti is not None else None)
        sweep.set_tangent(r, emitter.emit(arith.DivfOp(total, ties)))


def _loops(op: linalg.ReduceOp) -> tuple[tuple[AffineMap, AffineMap], tuple[IteratorTypeAttr, ...]]:
    """The maps of input and result, and the iterators, of a reduction."""
    assert isinstance(op.input.type, TensorType)
    rank, dims = len(op.input.type.get_shape()), op.dimensions.get_values()
    iterators = tuple(REDUCTION if i in dims else PARALLEL for i in range(rank))
    return (AffineMap.identity(rank), without(rank, dims)), iterators


def _where_equal(emitter: Emitter, a: SSAValue, b: SSAValue, value: SSAValue) -> SSAValue:
    """`value` where a == b, 0 elsewhere."""
    equal = emitter.emit(arith.CmpfOp(a, b, "oeq"))
    return emitter.emit(arith.SelectOp(equal, value, emitter.constant_like(0.0, value)))


def _ties(emitter: Emitter, op: linalg.ReduceOp, x: SSAValue, r: SSAValue, init: SSAValue | None) -> SSAValue:
    """How many of `x` and `init` equal `r`, and 1 where none does (as when the initial value wins)."""
    maps, iterators = _loops(op)

    def body(emitter: Emitter, args: Sequence[SSAValue]) -> SSAValue:
        one = emitter.constant_like(1.0, args[0])
        return emitter.add(_where_equal(emitter, args[0], args[1], one), args[2])

    if init is None:
        start = emitter.zero(r.type, emitter.sizes_of(r))
    else:
        start = _where_equal(emitter, init, r, emitter.constant_like(1.0, r))
    count = generic(emitter, [(x, maps[0]), (r, maps[1])], start, maps[1], iterators, body)
    return emitter.emit(arith.MaximumfOp(count, emitter.constant_like(1.0, count)))


register(linalg.ReduceOp, Reduce())
inactive(linalg.IndexOp)
