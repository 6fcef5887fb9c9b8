"""The complex ops of `lapack` on memrefs as calls of LAPACKE, which takes the two parts side by side.

    lapack.potrf(%m) <{complex}>  ->  %z = memref.alloc : memref<?x?x2xf64>
                                      scf.for %i, %j: %z[%i, %j, 0] = %m[%i, %j]
                                                      %z[%i, %j, 1] = %m[%n + %i, %j]
                                      func.call @LAPACKE_zpotrf_work(%col_major, %upper, %n, %p, %ld)
                                      scf.for %i, %j: ...

LAPACK's columns are the rows of `%z`. A row of an operand that stands for the conjugate of a column is
conjugated on its way.
"""

from __future__ import annotations

import math as numbers
from collections.abc import Callable
from dataclasses import dataclass, replace

from xdsl.builder import Builder
from xdsl.dialects import arith, math, memref
from xdsl.dialects.builtin import AnyFloat, Float32Type, IndexType, i32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import lapack
from dialectad.lower.blas_calls import Caller
from dialectad.lower.blas_loops import constant, element_type
from dialectad.lower.lapack_calls import (
    BLOCK,
    COL_MAJOR,
    LOWER,
    NON_UNIT,
    RIGHT,
    ROW_MAJOR,
    at_least_one,
    clear_first,
    each,
    extent,
    if_fails,
    index,
    letter,
    memory,
    narrow,
    nothing,
    part,
    plus,
    times,
    working,
)

_NO_TRANS, _CONJ_TRANS = 111, 113
_INDEX = IndexType()


@dataclass(frozen=True)
class _Planes:
    """A complex matrix, as an op has it: views of its parts."""

    re: SSAValue
    im: SSAValue
    rows: SSAValue
    columns: SSAValue


@dataclass(frozen=True)
class _Numbers:
    """A complex matrix as LAPACK has it: its columns, of pairs, one after the other."""

    memory: SSAValue
    columns: SSAValue
    rows: SSAValue


def _half(c: Caller, value: SSAValue) -> SSAValue:
    """How many rows a complex matrix has."""
    return c.builder.insert(arith.DivUIOp(extent(c, value, 0), index(c, 2))).result


def _planes(c: Caller, value: SSAValue, start: SSAValue | int, rows: SSAValue, columns: SSAValue) -> _Planes:
    """Some rows of a complex matrix."""
    below = plus(c, _half(c, value), start)
    return _Planes(part(c, value, start, rows, columns), part(c, value, below, rows, columns), rows, columns)


def _numbers(c: Caller, columns: SSAValue, rows: SSAValue, t: Attribute) -> _Numbers:
    return _Numbers(memory(c, [columns, rows, index(c, 2)], t), columns, rows)


@dataclass(frozen=True)
class _Way:
    """How elements are copied."""

    across: bool = False
    """Whether rows become rows; otherwise LAPACK's columns are rows."""
    conjugate: bool = False

    def conjugated(self) -> _Way:
        return replace(self, conjugate=True)


_STRAIGHT, _ACROSS = _Way(), _Way(across=True)


def _copy(c: Caller, planes: _Planes, numbers: _Numbers, way: _Way, *, back: bool) -> None:
    """From the planes to LAPACK's memory, or back."""

    def element(b: Builder, i: SSAValue, j: SSAValue) -> None:
        place = [j, i] if way.across else [i, j]
        for k, plane in enumerate((planes.re, planes.im)):
            there = [*place, b.insert(arith.ConstantOp.from_int_and_width(k, _INDEX)).result]
            source = (numbers.memory, there) if back else (plane, [i, j])
            x = b.insert(memref.LoadOp.get(*source)).res
            if k and way.conjugate:
                x = b.insert(arith.NegfOp(x)).result
            dest = (plane, [i, j]) if back else (numbers.memory, there)
            b.insert(memref.StoreOp.get(x, *dest))

    _nest(c, planes.rows, planes.columns, element)


def _nest(
    c: Caller, rows: SSAValue, columns: SSAValue, body: Callable[[Builder, SSAValue, SSAValue], None]
) -> None:
    """Loops over all elements of a matrix."""

    def row(b: Builder, i: SSAValue, _: object) -> tuple[()]:
        outer, c.builder = c.builder, b

        def column(b: Builder, j: SSAValue, _: object) -> tuple[()]:
            body(b, i, j)
            return ()

        each(c, columns, column)
        c.builder = outer
        return ()

    each(c, rows, row)


def _into(c: Caller, planes: _Planes, way: _Way = _STRAIGHT) -> _Numbers:
    """New memory for LAPACK that holds the same matrix."""
    t = element_type(planes.re)
    sizes = (planes.columns, planes.rows) if way.across else (planes.rows, planes.columns)
    numbers_ = _numbers(c, *sizes, t)
    _copy(c, planes, numbers_, way, back=False)
    return numbers_


def _back(c: Caller, numbers_: _Numbers, planes: _Planes, way: _Way = _STRAIGHT) -> None:
    _copy(c, planes, numbers_, way, back=True)


def _call(c: Caller, routine: str, t: Attribute, *args: SSAValue) -> SSAValue:
    """LAPACK's answer: 0, or what is wrong with the matrix."""
    kind = "c" if isinstance(t, Float32Type) else "z"
    info = c.function(f"LAPACKE_{kind}{routine}_work", [c.int(COL_MAJOR), *args], i32)
    assert info is not None
    return info


def _leading(c: Caller, numbers_: _Numbers) -> SSAValue:
    return narrow(c, at_least_one(c, numbers_.rows))


def _array(c: Caller, numbers_: _Numbers) -> list[SSAValue]:
    """A matrix as an argument, and the distance of its columns."""
    return [c.pointer(numbers_.memory), _leading(c, numbers_)]


def _store(c: Caller, value: float, where: SSAValue, *place: SSAValue) -> None:
    c.builder.insert(memref.StoreOp.get(constant(c.builder, value, element_type(where)), where, place))


def _clear_row(c: Caller, dest: SSAValue, row: SSAValue, count: SSAValue) -> None:
    zero = constant(c.builder, 0.0, element_type(dest))

    def clear(b: Builder, i: SSAValue, _: object) -> tuple[()]:
        b.insert(memref.StoreOp.get(zero, dest, [row, i]))
        return ()

    each(c, count, clear)


def _values(c: Caller, values: SSAValue, dest: SSAValue, row: SSAValue, count: SSAValue) -> None:
    """Real values as the last row of a destination."""

    def write(b: Builder, i: SSAValue, _: object) -> tuple[()]:
        b.insert(memref.StoreOp.get(b.insert(memref.LoadOp.get(values, [i])).res, dest, [row, i]))
        return ()

    each(c, count, write)
    _clear_row(c, dest, plus(c, _half(c, dest), row), count)


# --- linear systems ----------------------------------------------------------------------------


def _getrf(op: lapack.GetrfOp, c: Caller) -> None:
    t, n = element_type(op.dest), extent(c, op.dest, 1)
    exchanges, planes = memory(c, [n], i32), _planes(c, op.dest, 0, n, n)
    a, size, one = _into(c, planes), narrow(c, n), c.int(1)
    with working(c, exchanges, a.memory):
        _call(c, "getrf", t, size, size, *_array(c, a), c.pointer(exchanges))
        _back(c, a, planes)

        def note(b: Builder, i: SSAValue, _: object) -> tuple[()]:
            row = b.insert(arith.SubiOp(b.insert(memref.LoadOp.get(exchanges, [i])).res, one)).result
            assert isinstance(t, AnyFloat)
            b.insert(memref.StoreOp.get(b.insert(arith.SIToFPOp(row, t)).result, op.dest, [n, i]))
            return ()

        each(c, n, note)
    _clear_row(c, op.dest, plus(c, _half(c, op.dest), n), n)


def _getrs(op: lapack.GetrsOp, c: Caller) -> None:
    t, n = element_type(op.dest), extent(c, op.factors, 1)
    exchanges, one = memory(c, [n], i32), c.int(1)

    def read(b: Builder, i: SSAValue, _: object) -> tuple[()]:
        row = b.insert(arith.FPToSIOp(b.insert(memref.LoadOp.get(op.factors, [n, i])).res, i32)).result
        b.insert(memref.StoreOp.get(b.insert(arith.AddiOp(row, one)).result, exchanges, [i]))
        return ()

    each(c, n, read)
    rows = _planes(c, op.dest, 0, _half(c, op.dest), n)
    lu, x = _into(c, _planes(c, op.factors, 0, n, n)), _into(c, rows, _STRAIGHT.conjugated())
    trans = letter(c, "N" if op.trans is None else "C")
    with working(c, exchanges, lu.memory, x.memory):
        sizes = narrow(c, n), narrow(c, rows.rows)
        _call(c, "getrs", t, trans, *sizes, *_array(c, lu), c.pointer(exchanges), *_array(c, x))
        _back(c, x, rows, _STRAIGHT.conjugated())


def _trtrs(op: lapack.TrtrsOp, c: Caller) -> None:
    """`trsm`, on the right of the rows, as for real matrices."""
    t, n = element_type(op.dest), extent(c, op.matrix, 1)
    rows = _planes(c, op.dest, 0, _half(c, op.dest), n)
    factor, x = _into(c, _planes(c, op.matrix, 0, n, n)), _into(c, rows)
    one = memory(c, [index(c, 2)], t)
    _store(c, 1.0, one, index(c, 0))
    _store(c, 0.0, one, index(c, 1))
    trans = c.int(_CONJ_TRANS if op.trans is None else _NO_TRANS)
    flags = [c.int(ROW_MAJOR), c.int(RIGHT), c.int(LOWER), trans, c.int(NON_UNIT)]
    name = f"cblas_{'c' if isinstance(t, Float32Type) else 'z'}trsm"
    with working(c, factor.memory, x.memory, one):
        sizes = [narrow(c, rows.rows), narrow(c, n)]
        c.function(name, [*flags, *sizes, c.pointer(one), *_array(c, factor), *_array(c, x)])
        _back(c, x, rows)


def _potrf(op: lapack.PotrfOp, c: Caller) -> None:
    t, n = element_type(op.dest), extent(c, op.dest, 1)
    planes = _planes(c, op.dest, 0, n, n)
    a, zero = _into(c, planes), constant(c.builder, 0.0, t)
    with working(c, a.memory):
        info = _call(c, "potrf", t, letter(c, "U"), narrow(c, n), *_array(c, a))
        _back(c, a, planes)

    def clear(b: Builder, i: SSAValue, j: SSAValue) -> None:
        above = b.insert(arith.CmpiOp(j, i, "sgt")).result
        for plane in (planes.re, planes.im):
            x = b.insert(memref.LoadOp.get(plane, [i, j])).res
            b.insert(memref.StoreOp.get(b.insert(arith.SelectOp(above, zero, x)).result, plane, [i, j]))

    _nest(c, n, n, clear)
    if_fails(c, info, -1.0, op.dest, [index(c, 0), index(c, 0)])


def _logdet(op: lapack.LogdetOp, c: Caller) -> None:
    t, n = element_type(op.factors), extent(c, op.factors, 1)
    below, zero = _half(c, op.factors), constant(c.builder, 0.0, t)

    def size(b: Builder, i: SSAValue, re: SSAValue, im: SSAValue) -> SSAValue:
        """log |pivot|, without squaring what is large."""
        x, y = (b.insert(math.AbsFOp(value)).result for value in (re, im))
        high, low = b.insert(arith.MaximumfOp(x, y)).result, b.insert(arith.MinimumfOp(x, y)).result
        is_zero = b.insert(arith.CmpfOp(high, zero, "oeq")).result
        ratio = b.insert(arith.DivfOp(low, high)).result
        ratio = b.insert(arith.SelectOp(is_zero, zero, ratio)).result
        rest = b.insert(math.Log1pOp(b.insert(arith.MulfOp(ratio, ratio)).result)).result
        half = b.insert(arith.MulfOp(rest, constant(b, 0.5, t))).result
        return b.insert(arith.AddfOp(b.insert(math.LogOp(high)).result, half)).result

    def angle(b: Builder, i: SSAValue, re: SSAValue, im: SSAValue) -> SSAValue:
        """The pivot's, turned by half if rows were exchanged."""
        found = b.insert(math.Atan2Op(im, re)).result
        row = b.insert(arith.FPToSIOp(b.insert(memref.LoadOp.get(op.factors, [n, i])).res, i32)).result
        here = b.insert(arith.IndexCastOp(i, i32)).result
        stays = b.insert(arith.CmpiOp(row, here, "eq")).result
        turn = b.insert(arith.SelectOp(stays, zero, constant(b, numbers.pi, t))).result
        return b.insert(arith.AddfOp(found, turn)).result

    term = size if op.imaginary is None else angle

    def add(b: Builder, i: SSAValue, carried: object) -> tuple[SSAValue]:
        (so_far,) = carried  # pyright: ignore[reportGeneralTypeIssues]
        re = b.insert(memref.LoadOp.get(op.factors, [i, i])).res
        under = b.insert(arith.AddiOp(below, i)).result
        im = b.insert(memref.LoadOp.get(op.factors, [under, i])).res
        return (b.insert(arith.AddfOp(so_far, term(b, i, re, im))).result,)

    loop = each(c, n, add, [zero])
    op.result.replace_all_uses_with(loop.results[0])


# --- decompositions ----------------------------------------------------------------------------


def _syevd(op: lapack.SyevdOp, c: Caller) -> None:
    """LAPACK gets the conjugate, whose eigenvectors are the rows that are asked for."""
    t, n = element_type(op.dest), extent(c, op.matrix, 1)
    has_vectors = op.values is None
    values, a = memory(c, [n], t), _into(c, _planes(c, op.matrix, 0, n, n))
    room = plus(c, times(c, n, plus(c, n, 2)), 1)
    reals = plus(c, times(c, n, plus(c, times(c, n, 2), 5)), 1)
    integers = plus(c, times(c, n, 5), 3)
    work, rwork = _numbers(c, index(c, 1), room, t).memory, memory(c, [reals], t)
    iwork, zero = memory(c, [integers], i32), index(c, 0)
    flags = letter(c, "V" if has_vectors else "N"), letter(c, "L" if op.upper is None else "U"), narrow(c, n)
    with working(c, values, a.memory, work, rwork, iwork):
        spaces = [x for w, size in ((work, room), (rwork, reals), (iwork, integers))
                  for x in (c.pointer(w), narrow(c, size))]  # fmt: skip
        info = _call(c, "heevd", t, *flags, *_array(c, a), c.pointer(values), *spaces)
        if has_vectors:
            _back(c, a, _planes(c, op.dest, 0, n, n))
        _values(c, values, op.dest, n, n)
    if not has_vectors:
        clear_first(c, op.dest, n)
    if_fails(c, info, 2.0, op.dest, [zero, zero])


def _gesdd(op: lapack.GesddOp, c: Caller) -> None:
    """What LAPACK calls V^T is V, but for the conjugate."""
    t, m, n = element_type(op.dest), _half(c, op.matrix), extent(c, op.matrix, 1)
    k = c.builder.insert(arith.MinSIOp(m, n)).result
    of_u, of_v = (k, k) if op.full is None else (m, n)
    a, values = _into(c, _planes(c, op.matrix, 0, m, n), _ACROSS), memory(c, [k], t)
    u, v = _numbers(c, of_u, m, t), _numbers(c, n, of_v, t)
    if op.full is not None:
        c.builder.insert(linalg.FillOp([constant(c.builder, 0.0, t)], [op.dest], []))
        for vectors in (u, v):  # what LAPACK leaves as it is if the matrix is empty
            _identity(c, vectors, t)
    sizes = plus(c, plus(c, m, n), plus(c, m, n)), times(c, k, 5)
    reals = at_least_one(c, times(c, k, plus(c, plus(c, *sizes), 9)))
    iwork, rwork = memory(c, [at_least_one(c, times(c, k, 8))], i32), memory(c, [reals], t)
    job = letter(c, "N" if op.values is not None else "S" if op.full is None else "A")

    def call(work: SSAValue, room: SSAValue) -> SSAValue:
        arrays = [*_array(c, a), c.pointer(values), *_array(c, u), *_array(c, v)]
        spaces = c.pointer(work), room, c.pointer(rwork), c.pointer(iwork)
        return _call(c, "gesdd", t, job, narrow(c, m), narrow(c, n), *arrays, *spaces)

    asked, zero = _numbers(c, index(c, 1), index(c, 1), t).memory, index(c, 0)
    with working(c, a.memory, values, u.memory, v.memory, iwork, rwork, asked):
        call(asked, c.int(-1))
        room = c.builder.insert(memref.LoadOp.get(asked, [zero, zero, zero])).res
        count = c.builder.insert(arith.FPToSIOp(room, i32)).result
        size = c.builder.insert(arith.IndexCastOp(count, _INDEX)).result
        work = _numbers(c, index(c, 1), size, t).memory
        with working(c, work):
            info = call(work, count)
        if op.values is None:
            _back(c, u, _planes(c, op.dest, 0, m, of_u), _ACROSS)
            _back(c, v, _planes(c, op.dest, m, n, of_v), _STRAIGHT.conjugated())
        last = plus(c, m, n)
        _values(c, values, op.dest, last, k)
    if_fails(c, info, -1.0, op.dest, [last, zero])


def _identity(c: Caller, numbers_: _Numbers, t: Attribute) -> None:
    one, zero = constant(c.builder, 1.0, t), constant(c.builder, 0.0, t)

    def write(b: Builder, i: SSAValue, j: SSAValue) -> None:
        same = b.insert(arith.CmpiOp(i, j, "eq")).result
        for k, x in enumerate((b.insert(arith.SelectOp(same, one, zero)).result, zero)):
            part_ = b.insert(arith.ConstantOp.from_int_and_width(k, _INDEX)).result
            b.insert(memref.StoreOp.get(x, numbers_.memory, [i, j, part_]))

    _nest(c, numbers_.columns, numbers_.rows, write)


def _geqrf(op: lapack.GeqrfOp, c: Caller) -> None:
    t, m, n = element_type(op.dest), _half(c, op.matrix), extent(c, op.matrix, 1)
    a, zero = _into(c, _planes(c, op.matrix, 0, m, n), _ACROSS), constant(c.builder, 0.0, t)
    room = at_least_one(c, times(c, n, BLOCK))
    scalars, work = (_numbers(c, index(c, 1), size, t).memory for size in (n, room))
    rows, columns = narrow(c, m), narrow(c, n)
    spaces = [c.pointer(scalars), c.pointer(work), narrow(c, room)]
    factor = _planes(c, op.dest, m, n, n)

    def clear(b: Builder, i: SSAValue, j: SSAValue) -> None:
        """What is above the diagonal, and what isn't real on it."""
        for predicate, plane in (("sgt", factor.re), ("sge", factor.im)):
            above = b.insert(arith.CmpiOp(j, i, predicate)).result
            x = b.insert(memref.LoadOp.get(plane, [i, j])).res
            b.insert(memref.StoreOp.get(b.insert(arith.SelectOp(above, zero, x)).result, plane, [i, j]))

    with working(c, a.memory, scalars, work):
        _call(c, "geqrf", t, rows, columns, *_array(c, a), *spaces)
        _back(c, a, factor, _STRAIGHT.conjugated())
        _nest(c, n, n, clear)
        _call(c, "ungqr", t, rows, columns, columns, *_array(c, a), *spaces)
        _back(c, a, _planes(c, op.dest, 0, m, n), _ACROSS)


def _geev(op: lapack.GeevOp, c: Caller) -> None:
    t, n = element_type(op.dest), extent(c, op.matrix, 1)
    size, zero = narrow(c, n), index(c, 0)
    jobs = letter(c, "N"), letter(c, "V" if op.values is None else "N")
    room = at_least_one(c, times(c, n, BLOCK))
    with_vectors = _planes(c, op.dest, 0, n, n) if op.values is None else None
    if op.real is not None:
        info = _real_geev(op, c, t, n, room, jobs, with_vectors)
    else:
        a = _into(c, _planes(c, op.matrix, 0, n, n), _ACROSS)
        values, vectors = _numbers(c, index(c, 1), n, t), _numbers(c, n, n, t)
        work, rwork = _numbers(c, index(c, 1), room, t).memory, memory(c, [times(c, n, 2)], t)
        with working(c, a.memory, values.memory, vectors.memory, work, rwork):
            found = [c.pointer(values.memory), *_array(c, vectors), *_array(c, vectors)]
            spaces = c.pointer(work), narrow(c, room), c.pointer(rwork)
            info = _call(c, "geev", t, *jobs, size, *_array(c, a), *found, *spaces)
            if with_vectors is not None:
                _back(c, vectors, with_vectors, _ACROSS)
            _back(c, values, _planes(c, op.dest, n, index(c, 1), n))
    if_fails(c, info, numbers.inf, op.dest, [n, zero])


def _real_geev(
    op: lapack.GeevOp,
    c: Caller,
    t: Attribute,
    n: SSAValue,
    room: SSAValue,
    jobs: tuple[SSAValue, SSAValue],
    with_vectors: _Planes | None,
) -> SSAValue:
    """Of a conjugate pair, LAPACK gives the real and the imaginary part of the first one's vector."""
    a, vectors = memory(c, [n, n], t), memory(c, [n, n], t)
    re, im, work = memory(c, [n], t), memory(c, [n], t), memory(c, [room], t)

    def turn(b: Builder, i: SSAValue, j: SSAValue) -> None:
        x = b.insert(memref.LoadOp.get(op.matrix, [i, j])).res
        b.insert(memref.StoreOp.get(x, a, [j, i]))

    _nest(c, n, n, turn)
    leading, zero = narrow(c, at_least_one(c, n)), constant(c.builder, 0.0, t)
    kind = "s" if isinstance(t, Float32Type) else "d"
    arrays = [c.pointer(re), c.pointer(im), *[c.pointer(vectors), leading] * 2]
    spaces = c.pointer(work), narrow(c, room)
    name = f"LAPACKE_{kind}geev_work"
    args = [c.int(COL_MAJOR), *jobs, narrow(c, n), c.pointer(a), leading, *arrays, *spaces]
    one, row = index(c, 1), plus(c, _half(c, op.dest), n)

    def vector(b: Builder, i: SSAValue, j: SSAValue) -> None:
        """Element i of vector j."""
        assert with_vectors is not None
        side = b.insert(memref.LoadOp.get(im, [j])).res
        first = b.insert(arith.CmpfOp(side, zero, "ogt")).result
        second = b.insert(arith.CmpfOp(side, zero, "olt")).result
        after, before = b.insert(arith.AddiOp(j, one)).result, b.insert(arith.SubiOp(j, one)).result
        at_re = b.insert(arith.SelectOp(second, before, j)).result
        at_im = b.insert(arith.SelectOp(first, after, j)).result
        x, y = (b.insert(memref.LoadOp.get(vectors, [k, i])).res for k in (at_re, at_im))
        y = b.insert(arith.SelectOp(second, b.insert(arith.NegfOp(y)).result, y)).result
        paired = b.insert(arith.OrIOp(first, second)).result
        y = b.insert(arith.SelectOp(paired, y, zero)).result
        b.insert(memref.StoreOp.get(x, with_vectors.re, [i, j]))
        b.insert(memref.StoreOp.get(y, with_vectors.im, [i, j]))

    def value(b: Builder, i: SSAValue, _: object) -> tuple[()]:
        for part_, place in ((re, n), (im, row)):
            b.insert(memref.StoreOp.get(b.insert(memref.LoadOp.get(part_, [i])).res, op.dest, [place, i]))
        return ()

    with working(c, a, vectors, re, im, work):
        info = c.function(name, args, i32)
        if with_vectors is not None:
            _nest(c, n, n, vector)
        each(c, n, value)
    assert info is not None
    return info


CALLS: dict[type[Operation], Callable[..., None]] = {
    lapack.GetrfOp: _getrf,
    lapack.GetrsOp: _getrs,
    lapack.PotrfOp: _potrf,
    lapack.TrtrsOp: _trtrs,
    lapack.LogdetOp: _logdet,
    lapack.PinvOp: nothing,
    lapack.LuOp: nothing,
    lapack.SyevdOp: _syevd,
    lapack.GesddOp: _gesdd,
    lapack.GeqrfOp: _geqrf,
    lapack.GeevOp: _geev,
}
"""Op type -> what emits its call."""
