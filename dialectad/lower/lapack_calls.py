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
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.rewriter import InsertPoint

from dialectad.dialects import lapack
from dialectad.dialects.rows import rows_of
from dialectad.lower.blas_calls import Caller, Stride, matrix
from dialectad.lower.blas_loops import constant, element_type

COL_MAJOR = 102
ROW_MAJOR, RIGHT, LOWER, NON_UNIT = 101, 142, 122, 131
_INDEX = IndexType()


def index(c: Caller, value: int) -> SSAValue:
    return c.builder.insert(arith.ConstantOp(IntegerAttr(value, _INDEX))).result


def extent(c: Caller, value: SSAValue, axis: int) -> SSAValue:
    assert isinstance(value.type, MemRefType)
    n = value.type.get_shape()[axis]
    return index(c, n) if n != DYNAMIC_INDEX else c.builder.insert(memref.DimOp(value, index(c, axis))).result


def _new(c: Caller, like: SSAValue, axes: Sequence[int], t: Attribute) -> SSAValue:
    """New memory with the extents that `like` has along some axes."""
    assert isinstance(like.type, MemRefType)
    shape = [like.type.get_shape()[axis] for axis in axes]
    sizes = [extent(c, like, axis) for axis in axes if like.type.get_shape()[axis] == DYNAMIC_INDEX]
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
    info = c.function(f"LAPACKE_{letter}{routine}_work", [c.int(COL_MAJOR), *args], i32)
    assert info is not None
    return info


def letter(c: Caller, which: str) -> SSAValue:
    return c.int(ord(which))


def each(
    c: Caller,
    count: SSAValue,
    body: Callable[[Builder, SSAValue, Sequence[SSAValue]], Sequence[SSAValue]],
    inits: Sequence[SSAValue] = (),
) -> scf.ForOp:
    """A loop over 0, ..., count - 1; `body(builder, i, carried)` gives what is carried on."""
    block = Block(arg_types=[_INDEX, *(value.type for value in inits)])
    inner = Builder(InsertPoint.at_end(block))
    inner.insert(scf.YieldOp(*body(inner, block.args[0], block.args[1:])))
    return c.builder.insert(scf.ForOp(index(c, 0), count, index(c, 1), inits, block))


def _getrf(op: lapack.GetrfOp, c: Caller) -> None:
    t, n = element_type(op.dest), extent(c, op.dest, 1)
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

    each(c, n, note)
    c.builder.insert(memref.DeallocOp.get(exchanges))


def _getrs(op: lapack.GetrsOp, c: Caller) -> None:
    t, n = element_type(op.dest), extent(c, op.factors, 1)
    exchanges, one = _new(c, op.factors, (1,), i32), c.int(1)

    def read(b: Builder, i: SSAValue, _: Sequence[SSAValue]) -> Sequence[SSAValue]:
        number = b.insert(memref.LoadOp.get(op.factors, [n, i])).res
        row = b.insert(arith.FPToSIOp(number, i32)).result
        b.insert(memref.StoreOp.get(b.insert(arith.AddiOp(row, one)).result, exchanges, [i]))
        return ()

    each(c, n, read)
    trans = letter(c, "N" if op.trans is None else "T")
    sizes = [c.size(op.dest, 1), c.size(op.dest, 0)]
    with (
        _contiguous(c, op.factors) as (lu, lu_leading),
        _contiguous(c, op.dest, written=True) as (x, leading),
    ):
        arrays = [c.pointer(lu), lu_leading, c.pointer(exchanges), c.pointer(x), leading]
        _call(c, "getrs", t, [trans, *sizes, *arrays])
    c.builder.insert(memref.DeallocOp.get(exchanges))


def _trtrs(op: lapack.TrtrsOp, c: Caller) -> None:
    """`trsm`, on the right of the rows: it divides by a zero, where `trtrs` would do nothing."""
    t = element_type(op.dest)
    flags = [c.int(ROW_MAJOR), c.int(RIGHT), c.int(LOWER), c.transpose(op.trans is None), c.int(NON_UNIT)]
    sizes = [c.size(op.dest, 0), c.size(op.dest, 1)]
    with _contiguous(c, op.matrix) as (m, m_leading), _contiguous(c, op.dest, written=True) as (x, leading):
        c.call("trsm", t, [*flags, *sizes, c.number(1.0, t), c.pointer(m), m_leading, c.pointer(x), leading])


def _potrf(op: lapack.PotrfOp, c: Caller) -> None:
    t = element_type(op.dest)
    with _contiguous(c, op.dest, written=True) as (value, leading):
        info = _call(c, "potrf", t, [letter(c, "U"), c.size(op.dest, 1), c.pointer(value), leading])
    zero = constant(c.builder, 0.0, t)
    block = Block(arg_types=[t])
    b = Builder(InsertPoint.at_end(block))
    row, column = b.insert(linalg.IndexOp(0)).result, b.insert(linalg.IndexOp(1)).result
    above = b.insert(arith.CmpiOp(column, row, "sgt")).result
    b.insert(linalg.YieldOp(b.insert(arith.SelectOp(above, zero, block.args[0])).result))
    maps = ArrayAttr([AffineMapAttr(AffineMap.identity(2))])
    iterators = ArrayAttr([IteratorTypeAttr.parallel()] * 2)
    c.builder.insert(linalg.GenericOp([], [op.dest], Region(block), maps, iterators))
    first = index(c, 0)
    if_fails(c, info, -1.0, op.dest, [first, first])


def nothing(op: lapack.PinvOp | lapack.LuOp, c: Caller) -> None:
    """The destination holds the result already."""


# --- decompositions ----------------------------------------------------------------------------


def at_least_one(c: Caller, value: SSAValue) -> SSAValue:
    return c.builder.insert(arith.MaxSIOp(value, index(c, 1))).result


def times(c: Caller, a: SSAValue, b: SSAValue | int) -> SSAValue:
    return c.builder.insert(arith.MuliOp(a, b if isinstance(b, SSAValue) else index(c, b))).result


def plus(c: Caller, a: SSAValue, b: SSAValue | int) -> SSAValue:
    return c.builder.insert(arith.AddiOp(a, b if isinstance(b, SSAValue) else index(c, b))).result


def narrow(c: Caller, value: SSAValue) -> SSAValue:
    return c.builder.insert(arith.IndexCastOp(value, i32)).result


def memory(c: Caller, sizes: Sequence[SSAValue], t: Attribute) -> SSAValue:
    """New memory of sizes that are known when the program runs."""
    return c.builder.insert(memref.AllocOp(sizes, [], MemRefType(t, [DYNAMIC_INDEX] * len(sizes)))).results[0]


@contextmanager
def working(c: Caller, *arrays: SSAValue) -> Iterator[None]:
    """Memory that LAPACK works in, until it is done."""
    yield
    for array in arrays:
        c.builder.insert(memref.DeallocOp.get(array))


def part(c: Caller, value: SSAValue, start: SSAValue | int, rows: SSAValue, columns: SSAValue) -> SSAValue:
    """Rows of a matrix, from the first column on."""
    return c.builder.insert(rows_of(value, start, rows, columns)).result


_Element = Callable[[Builder, SSAValue], SSAValue]


def _write(
    c: Caller,
    source: SSAValue,
    dest: SSAValue,
    from_: AffineMap,
    body: _Element = lambda _, x: x,
) -> None:
    """dest[i, j] = body(source[from_(i, j)])."""
    t = element_type(dest)
    block = Block(arg_types=[t, t])
    b = Builder(InsertPoint.at_end(block))
    b.insert(linalg.YieldOp(body(b, block.args[0])))
    maps = ArrayAttr([AffineMapAttr(from_), AffineMapAttr(_SAME)])
    iterators = ArrayAttr([IteratorTypeAttr.parallel()] * 2)
    c.builder.insert(linalg.GenericOp([source], [dest], Region(block), maps, iterators))


def _identity(b: Builder, t: Attribute) -> SSAValue:
    row, column = b.insert(linalg.IndexOp(0)).result, b.insert(linalg.IndexOp(1)).result
    same = b.insert(arith.CmpiOp(row, column, "eq")).result
    return b.insert(arith.SelectOp(same, constant(b, 1.0, t), constant(b, 0.0, t))).result


_SAME = AffineMap.identity(2)
_ACROSS = AffineMap(2, 0, (AffineDimExpr(1), AffineDimExpr(0)))
_ROW = AffineMap(2, 0, (AffineDimExpr(1),))


def if_fails(c: Caller, info: SSAValue, number: float, memory: SSAValue, where: Sequence[SSAValue]) -> None:
    """A number that says that LAPACK has failed."""
    fails = c.builder.insert(arith.CmpiOp(info, c.int(0), "ne")).result
    block = Block()
    b = Builder(InsertPoint.at_end(block))
    b.insert(memref.StoreOp.get(constant(b, number, element_type(memory)), memory, where))
    b.insert(scf.YieldOp())
    c.builder.insert(scf.IfOp(fails, [], Region(block)))


def _syevd(op: lapack.SyevdOp, c: Caller) -> None:
    """LAPACK writes eigenvectors into columns, which are rows for us."""
    t, n = element_type(op.dest), extent(c, op.matrix, 0)
    values = memory(c, [n], t)
    room = plus(c, times(c, n, plus(c, times(c, n, 2), 6)), 1)
    integers = plus(c, times(c, n, 5), 3)
    work, iwork = memory(c, [room], t), memory(c, [integers], i32)
    vectors = part(c, op.dest, 0, n, n)
    c.builder.insert(memref.CopyOp(op.matrix, vectors))
    job = letter(c, "V" if op.values is None else "N")
    flags = [job, letter(c, "L" if op.upper is None else "U"), c.size(op.matrix, 0)]
    with working(c, values, work, iwork):
        with _contiguous(c, vectors, written=True) as (v, leading):
            spaces = [c.pointer(work), narrow(c, room), c.pointer(iwork), narrow(c, integers)]
            info = _call(c, "syevd", t, [*flags, c.pointer(v), leading, c.pointer(values), *spaces])
        _write(c, values, part(c, op.dest, n, index(c, 1), n), _ROW)
    if op.values is not None:
        clear_first(c, op.dest, n)
    zero = index(c, 0)
    if_fails(c, info, 2.0, op.dest, [zero, zero])


def clear_first(c: Caller, dest: SSAValue, n: SSAValue) -> None:
    """The element where a failure is noted, if there is one."""
    block = Block()
    b = Builder(InsertPoint.at_end(block))
    first = b.insert(arith.ConstantOp(IntegerAttr(0, _INDEX))).result
    b.insert(memref.StoreOp.get(constant(b, 0.0, element_type(dest)), dest, [first, first]))
    b.insert(scf.YieldOp())
    some = c.builder.insert(arith.CmpiOp(n, index(c, 0), "sgt")).result
    c.builder.insert(scf.IfOp(some, [], Region(block)))


def _gesdd(op: lapack.GesddOp, c: Caller) -> None:
    """LAPACK gets a transposed copy, so that it decomposes A as NumPy has it done. What it calls V^T is V."""
    t, (m, n) = element_type(op.dest), (extent(c, op.matrix, axis) for axis in (0, 1))
    k = c.builder.insert(arith.MinSIOp(m, n)).result
    of_u, of_v = (k, k) if op.full is None else (m, n)
    copy, values, u = memory(c, [n, m], t), memory(c, [k], t), memory(c, [of_u, m], t)
    v, iwork = memory(c, [n, of_v], t), memory(c, [at_least_one(c, times(c, k, 8))], i32)
    _write(c, op.matrix, copy, _ACROSS)
    if op.full is not None:
        c.builder.insert(linalg.FillOp([constant(c.builder, 0.0, t)], [op.dest], []))
        for vectors in (u, v):  # what LAPACK leaves as it is if the matrix is empty
            _write(c, vectors, vectors, _SAME, lambda b, _: _identity(b, t))
    job = letter(c, "N" if op.values is not None else "S" if op.full is None else "A")
    sizes = [narrow(c, value) for value in (m, n)]
    leading = [narrow(c, at_least_one(c, value)) for value in (m, of_v)]

    def call(work: SSAValue, room: SSAValue) -> SSAValue:
        matrix, left, right = c.pointer(copy), c.pointer(u), c.pointer(v)
        arrays = [matrix, leading[0], c.pointer(values), left, leading[0], right, leading[1]]
        return _call(c, "gesdd", t, [job, *sizes, *arrays, c.pointer(work), room, c.pointer(iwork)])

    asked = memory(c, [index(c, 1)], t)
    with working(c, copy, values, u, v, iwork, asked):
        call(asked, c.int(-1))
        room = c.builder.insert(memref.LoadOp.get(asked, [index(c, 0)])).res
        count = c.builder.insert(arith.FPToSIOp(room, i32)).result
        work = memory(c, [c.builder.insert(arith.IndexCastOp(count, _INDEX)).result], t)
        with working(c, work):
            info = call(work, count)
        if op.values is None:
            _write(c, u, part(c, op.dest, 0, m, of_u), _ACROSS)
            _write(c, v, part(c, op.dest, m, n, of_v), _SAME)
        last = plus(c, m, n)
        _write(c, values, part(c, op.dest, last, index(c, 1), k), _ROW)
    if_fails(c, info, -1.0, op.dest, [last, index(c, 0)])


def _geqrf(op: lapack.GeqrfOp, c: Caller) -> None:
    """In the transposed copy that LAPACK gets, R is a lower triangle."""
    t, (m, n) = element_type(op.dest), (extent(c, op.matrix, axis) for axis in (0, 1))
    room = at_least_one(c, times(c, n, BLOCK))
    copy, scalars, work = memory(c, [n, m], t), memory(c, [n], t), memory(c, [room], t)
    _write(c, op.matrix, copy, _ACROSS)
    rows, columns, leading = narrow(c, m), narrow(c, n), narrow(c, at_least_one(c, m))
    spaces = [c.pointer(scalars), c.pointer(work), narrow(c, room)]
    zero = constant(c.builder, 0.0, t)

    def lower(b: Builder, x: SSAValue) -> SSAValue:
        row, column = b.insert(linalg.IndexOp(0)).result, b.insert(linalg.IndexOp(1)).result
        above = b.insert(arith.CmpiOp(column, row, "sgt")).result
        return b.insert(arith.SelectOp(above, zero, x)).result

    with working(c, copy, scalars, work):
        _call(c, "geqrf", t, [rows, columns, c.pointer(copy), leading, *spaces])
        _write(c, part(c, copy, 0, n, n), part(c, op.dest, m, n, n), _SAME, lower)
        _call(c, "orgqr", t, [rows, columns, columns, c.pointer(copy), leading, *spaces])
        _write(c, copy, part(c, op.dest, 0, m, n), _ACROSS)


BLOCK = 64
"""LAPACK works on no more columns at once."""


def _logdet(op: lapack.LogdetOp, c: Caller) -> None:
    def add(b: Builder, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
        pivot = b.insert(memref.LoadOp.get(op.factors, [i, i])).res
        size = b.insert(math.LogOp(b.insert(math.AbsFOp(pivot)).result)).result
        return (b.insert(arith.AddfOp(carried[0], size)).result,)

    zero = constant(c.builder, 0.0, element_type(op.factors))
    loop = each(c, extent(c, op.factors, 1), add, [zero])
    op.result.replace_all_uses_with(loop.results[0])


CALLS: dict[type[Operation], Callable[..., None]] = {
    lapack.GetrfOp: _getrf,
    lapack.GetrsOp: _getrs,
    lapack.TrtrsOp: _trtrs,
    lapack.PotrfOp: _potrf,
    lapack.LogdetOp: _logdet,
    lapack.PinvOp: nothing,
    lapack.LuOp: nothing,
    lapack.SyevdOp: _syevd,
    lapack.GesddOp: _gesdd,
    lapack.GeqrfOp: _geqrf,
}
"""Op type -> what emits its call."""
