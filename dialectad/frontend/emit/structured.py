"""`linalg.generic`, reductions and products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    DenseArrayBase,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from dialectad.dialects.linalg import DotOp, MatvecOp, VecmatOp
from dialectad.frontend.emit.extents import element, rank, shape
from dialectad.frontend.emit.scalars import Extent, op
from dialectad.frontend.emit.shapes import empty, full, splat
from dialectad.frontend.emit.slices import extract
from dialectad.frontend.tracing import current

PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)


REDUCTION = IteratorTypeAttr(IteratorType.REDUCTION)


def generic(
    inputs: Sequence[SSAValue],
    maps: Sequence[AffineMap],
    iterators: Sequence[IteratorTypeAttr],
    init: SSAValue,
    body: Any,
) -> SSAValue:
    """A `linalg.generic`; `body(*elements)` emits the scalar body and gives what it yields.

    `maps` are those of the inputs and then of the output.
    """
    trace = current()
    types = [element(v) for v in (*inputs, init)]
    block = Block(arg_types=types)
    with trace.open(block, "branch"):
        trace.insert(linalg.YieldOp(body(*block.args)))
    return op(
        linalg.GenericOp(
            inputs,
            [init],
            Region(block),
            ArrayAttr([AffineMapAttr(m) for m in maps]),
            ArrayAttr(list(iterators)),
            [init.type],
        )
    )


def flip(value: SSAValue, axes: frozenset[int]) -> SSAValue:
    """`value` with the order of the elements reversed along static `axes`."""
    extents, n = shape(value), rank(value)
    source: list[AffineExpr] = []
    for axis, extent in enumerate(extents):
        dim = AffineDimExpr(axis)
        assert axis not in axes or isinstance(extent, int)
        source.append(AffineConstantExpr(int(extent) - 1) - dim if axis in axes else dim)  # pyright: ignore
    maps = [AffineMap(n, 0, tuple(source)), AffineMap.identity(n)]
    init = empty(extents, element(value))
    return generic([value], maps, [PARALLEL] * n, init, lambda x, _: x)


def reduce(value: SSAValue, axes: Sequence[int], start: SSAValue, combine: type[Operation]) -> SSAValue:
    """`value` reduced over `axes` with a binary scalar op, starting from the scalar `start`."""
    kept = [n for axis, n in enumerate(shape(value)) if axis not in axes]
    init = splat(start, kept)
    block = Block(arg_types=[start.type, start.type])
    trace = current()
    with trace.open(block, "branch"):
        trace.insert(linalg.YieldOp(op(combine(*block.args))))  # pyright: ignore[reportCallIssue]
    return op(linalg.ReduceOp(value, init, DenseArrayBase.from_list(i64, sorted(axes)), Region(block)))


def _product(operation: Any, a: SSAValue, b: SSAValue, result: Sequence[Extent]) -> SSAValue:
    init = full(result, 0, element(a))
    if operation is linalg.MatmulOp:
        return op(linalg.MatmulOp([a, b], [init]))
    return op(operation([a, b], [init]))


def matmul(a: SSAValue, b: SSAValue) -> SSAValue:
    """The product of two tensors of rank one or two, as NumPy's `@` (a scalar for two vectors)."""
    match rank(a), rank(b):
        case 2, 2:
            return _product(linalg.MatmulOp, a, b, (shape(a)[0], shape(b)[1]))
        case 2, 1:
            return _product(MatvecOp, a, b, (shape(a)[0],))
        case 1, 2:
            return _product(VecmatOp, a, b, (shape(b)[1],))
        case _:
            return extract(_product(DotOp, a, b, ()), [])
