"""The ops of `lapack` on memrefs as calls of LAPACKE's middle level, which takes our rows for columns.

    lapack.getrf(%m)  ->  %p = memref.alloc() : memref<nxi32>
                          func.call @LAPACKE_dgetrf_work(%col_major, %n, %n, %m, %ld, %p)
                          scf.for %i: %m[%n, %i] = %p[%i] - 1

The `_work` functions take sizes by value, allocate nothing and don't look for NaN. A matrix whose rows aren't
contiguous goes through a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from xdsl.builder import Builder
from xdsl.dialects import arith, math, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    Float32Type,
    IndexType,
    IntegerAttr,
    MemRefType,
    i32,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint

from dialectad.dialects import lapack
from dialectad.lower.blas_calls import Caller, Stride, matrix
from dialectad.lower.blas_loops import constant, element_type

_COL_MAJOR = 102
_INDEX = IndexType()


def _index(c: Caller, value: int) -> SSAValue:
    return c.builder.insert(arith.ConstantOp(IntegerAttr(value, _INDEX))).result


def _extent(c: Caller, value: SSAValue, axis: int) -> SSAValue:
    assert isinstance(value.type, MemRefType)
    n = value.type.get_shape()[axis]
    return (
        _index(c, n) if n != DYNAMIC_INDEX else c.builder.insert(memref.DimOp(value, _index(c, axis))).result
    )


def _new(c: Caller, like: SSAValue, axes: Sequence[int], t: Attribute) -> SSAValue:
    """New memory with the extents that `like` has along some axes."""
    assert isinstance(like.type, MemRefType)
    shape = [like.type.get_shape()[axis] for axis in axes]
    sizes = [_extent(c, like, axis) for axis in axes if like.type.get_shape()[axis] == DYNAMIC_INDEX]
    return c.builder.insert(memref.AllocOp(sizes, [], MemRefType(t, shape))).results[0]


@contextmanager
def _contiguous(c: Caller, value: SSAValue, *, written: bool = False) -> Iterator[tuple[SSAValue, SSAValue]]:
    """A matrix with contiguous rows: the value and the distance of its rows."""
    found = matrix(value)
    if found is not None and not found.transposed:
        yield value, c.stride(value, found.leading)
        return
    copy = _new(c, value, (0, 1), element_type(value))
    c.builder.insert(memref.CopyOp(value, copy))
    assert isinstance(copy.type, MemRefType)
    n = copy.type.get_shape()[1]
    yield copy, c.stride(copy, Stride(0, None if n == DYNAMIC_INDEX else n))
    if written:
        c.builder.insert(memref.CopyOp(copy, value))
    c.builder.insert(memref.DeallocOp.get(copy))


def _call(c: Caller, routine: str, t: Attribute, args: Sequence[SSAValue]) -> SSAValue:
    """LAPACK's answer: 0, or what is wrong with the matrix."""
    letter = "s" if isinstance(t, Float32Type) else "d"
    info = c.function(f"LAPACKE_{letter}{routine}_work", [c.int(_COL_MAJOR), *args], i32)
    assert info is not None
    return info


def _letter(c: Caller, letter: str) -> SSAValue:
    return c.int(ord(letter))


def _each(
    c: Caller,
    count: SSAValue,
    body: Callable[[Builder, SSAValue, Sequence[SSAValue]], Sequence[SSAValue]],
    inits: Sequence[SSAValue] = (),
) -> scf.ForOp:
    """A loop over 0, ..., count - 1; `body(builder, i, carried)` gives what is carried on."""
    block = Block(arg_types=[_INDEX, *(value.type for value in inits)])
    inner = Builder(InsertPoint.at_end(block))
    inner.insert(scf.YieldOp(*body(inner, block.args[0], block.args[1:])))
    return c.builder.insert(scf.ForOp(_index(c, 0), count, _index(c, 1), inits, block))


def _getrf(op: lapack.GetrfOp, c: Caller) -> None:
    t, n = element_type(op.dest), _extent(c, op.dest, 1)
    size, exchanges = c.size(op.dest, 1), _new(c, op.dest, (1,), i32)
    with _contiguous(c, op.dest, written=True) as (value, leading):
        _call(c, "getrf", t, [size, size, c.pointer(value), leading, c.pointer(exchanges)])
    one = c.int(1)

    def note(b: Builder, i: SSAValue, _: Sequence[SSAValue]) -> Sequence[SSAValue]:
        row = b.insert(arith.SubiOp(b.insert(memref.LoadOp.get(exchanges, [i])).res, one)).result
        assert isinstance(t, AnyFloat)
        number = b.insert(arith.SIToFPOp(row, t)).result
        b.insert(memref.StoreOp.get(number, op.dest, [n, i]))
        return ()

    _each(c, n, note)
    c.builder.insert(memref.DeallocOp.get(exchanges))


def _getrs(op: lapack.GetrsOp, c: Caller) -> None:
    t, n = element_type(op.dest), _extent(c, op.factors, 1)
    exchanges, one = _new(c, op.factors, (1,), i32), c.int(1)

    def read(b: Builder, i: SSAValue, _: Sequence[SSAValue]) -> Sequence[SSAValue]:
        number = b.insert(memref.LoadOp.get(op.factors, [n, i])).res
        row = b.insert(arith.FPToSIOp(number, i32)).result
        b.insert(memref.StoreOp.get(b.insert(arith.AddiOp(row, one)).result, exchanges, [i]))
        return ()

    _each(c, n, read)
    trans = _letter(c, "N" if op.trans is None else "T")
    sizes = [c.size(op.dest, 1), c.size(op.dest, 0)]
    with (
        _contiguous(c, op.factors) as (lu, lu_leading),
        _contiguous(c, op.dest, written=True) as (x, leading),
    ):
        arrays = [c.pointer(lu), lu_leading, c.pointer(exchanges), c.pointer(x), leading]
        _call(c, "getrs", t, [trans, *sizes, *arrays])
    c.builder.insert(memref.DeallocOp.get(exchanges))


def _trtrs(op: lapack.TrtrsOp, c: Caller) -> None:
    """Our lower triangle is the upper triangle of the transpose that LAPACK sees."""
    flags = [_letter(c, letter) for letter in ("U", "T" if op.trans is None else "N", "N")]
    sizes = [c.size(op.dest, 1), c.size(op.dest, 0)]
    with _contiguous(c, op.matrix) as (m, m_leading), _contiguous(c, op.dest, written=True) as (x, leading):
        arrays = [c.pointer(m), m_leading, c.pointer(x), leading]
        _call(c, "trtrs", element_type(op.dest), [*flags, *sizes, *arrays])


def _potrf(op: lapack.PotrfOp, c: Caller) -> None:
    t = element_type(op.dest)
    with _contiguous(c, op.dest, written=True) as (value, leading):
        info = _call(c, "potrf", t, [_letter(c, "U"), c.size(op.dest, 1), c.pointer(value), leading])
    zero = constant(c.builder, 0.0, t)
    block = Block(arg_types=[t])
    b = Builder(InsertPoint.at_end(block))
    row, column = b.insert(linalg.IndexOp(0)).result, b.insert(linalg.IndexOp(1)).result
    above = b.insert(arith.CmpiOp(column, row, "sgt")).result
    b.insert(linalg.YieldOp(b.insert(arith.SelectOp(above, zero, block.args[0])).result))
    maps = ArrayAttr([AffineMapAttr(AffineMap.identity(2))])
    iterators = ArrayAttr([IteratorTypeAttr.parallel()] * 2)
    c.builder.insert(linalg.GenericOp([], [op.dest], Region(block), maps, iterators))
    fails = c.builder.insert(arith.CmpiOp(info, c.int(0), "ne")).result
    first, block = _index(c, 0), Block()
    b = Builder(InsertPoint.at_end(block))
    b.insert(memref.StoreOp.get(constant(b, -1.0, t), op.dest, [first, first]))
    b.insert(scf.YieldOp())
    c.builder.insert(scf.IfOp(fails, [], Region(block)))


def _logdet(op: lapack.LogdetOp, c: Caller) -> None:
    def add(b: Builder, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
        pivot = b.insert(memref.LoadOp.get(op.factors, [i, i])).res
        size = b.insert(math.LogOp(b.insert(math.AbsFOp(pivot)).result)).result
        return (b.insert(arith.AddfOp(carried[0], size)).result,)

    zero = constant(c.builder, 0.0, element_type(op.factors))
    loop = _each(c, _extent(c, op.factors, 1), add, [zero])
    op.result.replace_all_uses_with(loop.results[0])


CALLS: dict[type[Operation], Callable[..., None]] = {
    lapack.GetrfOp: _getrf,
    lapack.GetrsOp: _getrs,
    lapack.TrtrsOp: _trtrs,
    lapack.PotrfOp: _potrf,
    lapack.LogdetOp: _logdet,
}
"""Op type -> what emits its call."""
