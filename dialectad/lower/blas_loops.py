"""The ops of `blas` on memrefs as `linalg` ops, for what is too small or too odd for a library.

blas.gemm(%a, %b, %c) {alpha, beta}   ->   %c = beta %c   (fill with 0, nothing, or scale)
                                           linalg.generic: %c[i, j] += alpha %a[i, k] %b[k, j]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.rewriter import InsertPoint

from dialectad.dialects import blas

_PARALLEL, _REDUCTION = IteratorTypeAttr.parallel(), IteratorTypeAttr.reduction()

Body = Callable[[Builder, Sequence[SSAValue]], SSAValue]
"""Emits the scalar ops of a generic from its block arguments; gives what it yields."""


def element_type(value: SSAValue) -> Attribute:
    """The element type of a memref."""
    assert isinstance(value.type, MemRefType)
    return value.type.element_type


def _map(dims: int, axes: Sequence[int]) -> AffineMapAttr:
    return AffineMapAttr(AffineMap(dims, 0, tuple(AffineDimExpr(axis) for axis in axes)))


def _generic(
    builder: Builder,
    inputs: Sequence[tuple[SSAValue, Sequence[int]]],
    output: tuple[SSAValue, Sequence[int]],
    iterators: Sequence[IteratorTypeAttr],
    body: Body,
) -> None:
    """A linalg.generic of operands that are indexed by loops, `(value, axes)` each."""
    operands = [*inputs, output]
    block = Block(arg_types=[element_type(value) for value, _ in operands])
    inner = Builder(InsertPoint.at_end(block))
    inner.insert(linalg.YieldOp(body(inner, block.args)))
    builder.insert(
        linalg.GenericOp(
            [value for value, _ in inputs],
            [output[0]],
            Region(block),
            ArrayAttr([_map(len(iterators), axes) for _, axes in operands]),
            ArrayAttr(iterators),
        )
    )


def constant(builder: Builder, value: float, t: Attribute) -> SSAValue:
    """A float constant."""
    assert isinstance(t, Float32Type | Float64Type)
    return builder.insert(arith.ConstantOp(FloatAttr(value, t))).result


def scale(builder: Builder, value: SSAValue, factor: float) -> None:
    """value = factor value; with factor 0 the old content is not read."""
    if factor == 1.0:
        return
    number = constant(builder, factor, element_type(value))
    if factor == 0.0:
        builder.insert(linalg.FillOp([number], [value], []))
        return
    assert isinstance(value.type, MemRefType)
    rank = value.type.get_num_dims()

    def body(inner: Builder, args: Sequence[SSAValue]) -> SSAValue:
        return inner.insert(arith.MulfOp(args[0], number)).result

    _generic(builder, [], (value, range(rank)), [_PARALLEL] * rank, body)


def _accumulate(alpha: SSAValue | None) -> Body:
    """(x, y, acc) -> acc + alpha x y"""

    def body(inner: Builder, args: Sequence[SSAValue]) -> SSAValue:
        x, y, accumulated = args
        if alpha is not None:
            x = inner.insert(arith.MulfOp(alpha, x)).result
        product = inner.insert(arith.MulfOp(x, y)).result
        return inner.insert(arith.AddfOp(accumulated, product)).result

    return body


def _alpha(builder: Builder, op: blas.GemmOp | blas.GemvOp | blas.GerOp | blas.SyrkOp) -> SSAValue | None:
    alpha = op.alpha.value.data
    return None if alpha == 1.0 else constant(builder, alpha, element_type(op.dest))


def _gemm(op: blas.GemmOp, builder: Builder) -> None:
    scale(builder, op.dest, op.beta.value.data)
    i, j, k = range(3)
    a = (k, i) if op.trans_a is not None else (i, k)
    b = (j, k) if op.trans_b is not None else (k, j)
    body = _accumulate(_alpha(builder, op))
    iterators = [_PARALLEL, _PARALLEL, _REDUCTION]
    _generic(builder, [(op.lhs, a), (op.rhs, b)], (op.dest, (i, j)), iterators, body)


def _gemv(op: blas.GemvOp, builder: Builder) -> None:
    scale(builder, op.dest, op.beta.value.data)
    i, k = range(2)
    a = (k, i) if op.trans is not None else (i, k)
    body = _accumulate(_alpha(builder, op))
    _generic(builder, [(op.lhs, a), (op.rhs, (k,))], (op.dest, (i,)), [_PARALLEL, _REDUCTION], body)


def _ger(op: blas.GerOp, builder: Builder) -> None:
    """One pass over the matrix, whatever beta is."""
    alpha, beta = _alpha(builder, op), op.beta.value.data
    factor = constant(builder, beta, element_type(op.dest)) if beta not in (0.0, 1.0) else None

    def body(inner: Builder, args: Sequence[SSAValue]) -> SSAValue:
        x, y, old = args
        if alpha is not None:
            x = inner.insert(arith.MulfOp(alpha, x)).result
        product = inner.insert(arith.MulfOp(x, y)).result
        if beta == 0.0:
            return product
        if factor is not None:
            old = inner.insert(arith.MulfOp(old, factor)).result
        return inner.insert(arith.AddfOp(old, product)).result

    _generic(builder, [(op.lhs, (0,)), (op.rhs, (1,))], (op.dest, (0, 1)), [_PARALLEL, _PARALLEL], body)


def _syrk(op: blas.SyrkOp, builder: Builder) -> None:
    scale(builder, op.dest, 0.0)
    i, j, k = range(3)
    a, b = ((k, i), (k, j)) if op.trans is not None else ((i, k), (j, k))
    iterators = [_PARALLEL, _PARALLEL, _REDUCTION]
    body = _accumulate(_alpha(builder, op))
    _generic(builder, [(op.lhs, a), (op.lhs, b)], (op.dest, (i, j)), iterators, body)


_COLUMNS = 16
"""Rows that are written to in turns: their pieces stay in the nearest cache."""


def mirror(builder: Builder, value: SSAValue) -> None:
    """value[j, i] = value[i, j] for j < i, some columns after the others."""

    def number(n: int) -> SSAValue:
        return builder.insert(arith.ConstantOp(IntegerAttr(n, IndexType()))).result

    zero, one, width = number(0), number(1), number(_COLUMNS)
    size = builder.insert(memref.DimOp(value, zero)).result
    outer, first = _loop(builder, zero, size, width)
    end = outer.insert(arith.AddiOp(first, width)).result
    middle, i = _loop(outer, first, size, one)
    inner, j = _loop(middle, first, middle.insert(arith.MinSIOp(i, end)).result, one)
    element = inner.insert(memref.LoadOp.get(value, [i, j])).res
    inner.insert(memref.StoreOp.get(element, value, [j, i]))
    for body in (inner, middle, outer):
        body.insert(scf.YieldOp())


def _loop(builder: Builder, first: SSAValue, end: SSAValue, step: SSAValue) -> tuple[Builder, SSAValue]:
    """A loop, whose body is yet to be filled and ended, and its index."""
    block = Block(arg_types=[IndexType()])
    builder.insert(scf.ForOp(first, end, step, [], Region(block)))
    return Builder(InsertPoint.at_end(block)), block.args[0]


def _dot(op: blas.DotOp, builder: Builder) -> None:
    """Into a scalar on the stack, which LLVM keeps in a register."""
    t = element_type(op.lhs)
    result = builder.insert(memref.AllocaOp.get(t, shape=[])).memref
    builder.insert(linalg.FillOp([constant(builder, 0.0, t)], [result], []))
    _generic(builder, [(op.lhs, (0,)), (op.rhs, (0,))], (result, ()), [_REDUCTION], _accumulate(None))
    op.result.replace_all_uses_with(builder.insert(memref.LoadOp.get(result, [])).res)


LOOPS: dict[type[Operation], Callable[..., None]] = {
    blas.GemmOp: _gemm,
    blas.GemvOp: _gemv,
    blas.GerOp: _ger,
    blas.SyrkOp: _syrk,
    blas.DotOp: _dot,
}
"""Op type -> what emits its `linalg` ops at a builder; the op is erased by the caller."""
