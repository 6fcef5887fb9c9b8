"""Elements chosen by conditions, positions and diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import BOOL, INDEX
from dialectad.frontend.emit import PARALLEL, Extent
from dialectad.frontend.numpy.creation import shifted_diagonal
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    dtype_of,
    implements,
    normalize_axes,
    normalize_axis,
    operand,
    position,
    result_dtype,
    tensor,
    values,
    wrapped,
)
from dialectad.frontend.tracers import Array, Scalar, Tracer, lift, write_out
from dialectad.frontend.tracing import error

# --- conditions --------------------------------------------------------------------------------


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """numpy.where"""
    if x is None and y is None:
        return np.nonzero(lift(condition))
    if x is None or y is None:
        raise error("either both or neither of x and y should be given", kind=ShapeError)
    operands = [operand(condition), operand(x), operand(y)]
    if not isinstance(operands[0], Tracer) and not isinstance(operands[0], Array):
        operands[0] = bool(operands[0])
    dtype = result_dtype(*operands[1:])
    return wrapped(emit.select(*values(operands, [BOOL, dtype, dtype])))


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """numpy.select"""
    if len(condlist) != len(choicelist):
        raise error("list of cases must be same length as list of conditions", kind=ShapeError)
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = where(condition, choice, result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    """numpy.choose"""
    number = array(a)
    items = list(choices)
    if mode == "raise":
        fine = np.all(np.logical_and(number >= 0, number < len(items)))
        emit.check(operand(fine).ssa(), "ValueError: invalid entry in choice array")  # pyright: ignore
    elif mode == "wrap":
        number = number % len(items)
    result = items[-1]
    for i in reversed(range(len(items) - 1)):
        result = where(number <= i if mode == "clip" or i else number == i, items[i], result)
    return result


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """numpy.clip"""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    result = a
    if low is not None:
        result = np.maximum(result, low)
    if high is not None:
        result = np.minimum(result, high)
    return array(a).copy() if result is a and isinstance(a, Array) else result


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """numpy.nan_to_num"""
    source = operand(x)
    if dtype_of(source).kind != "f":
        return array(x).copy() if isinstance(source, Array) else source
    info = np.finfo(dtype_of(source))
    (value,) = values([source], [dtype_of(source)])
    high = emit.like(value, float(info.max) if posinf is None else posinf)
    low = emit.like(value, float(info.min) if neginf is None else neginf)
    infinity = emit.like(value, float("inf"))
    result = emit.select(emit.compare("oeq", value, infinity), high, value)
    minus = emit.like(value, -float("inf"))
    result = emit.select(emit.compare("oeq", value, minus), low, result)
    result = emit.select(emit.compare("uno", value, value), emit.like(value, nan), result)
    if not copy and isinstance(x, Array):
        x.write(result)
        return x
    return wrapped(result)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """numpy.copyto"""
    write_out(dst, lift(src), where, casting)


# --- closeness ---------------------------------------------------------------------------------


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """numpy.isclose"""
    near = np.abs(np.subtract(a, b)) <= atol + rtol * np.abs(b)
    result = np.where(np.isfinite(b), near, np.equal(a, b)) if _is_float(b) else near
    return np.logical_or(result, np.logical_and(np.isnan(a), np.isnan(b))) if equal_nan else result


def _is_float(x: Any) -> bool:
    return dtype_of(operand(x)).kind == "f"


def _python_bool(x: Any) -> Scalar:
    return Scalar(lift(x).ssa(), weak=True)


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """numpy.allclose"""
    return _python_bool(np.all(lift(isclose(a, b, rtol, atol, equal_nan))))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """numpy.array_equal"""
    a, b = array(a1), array(a2)
    if len(a.extents) != len(b.extents):
        return False
    for n, m in zip(a.extents, b.extents, strict=True):
        if isinstance(n, int) and isinstance(m, int) and n != m:
            return False
    equal = np.equal(a, b)
    if equal_nan and _is_float(a):
        equal = np.logical_or(equal, np.logical_and(np.isnan(a), np.isnan(b)))
    return _python_bool(np.all(lift(equal)))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """numpy.array_equiv"""
    try:
        equal = np.equal(array(a1), array(a2))
    except ShapeError:
        return False
    return _python_bool(np.all(equal))


@implements(np.isposinf)
def isposinf(x: Any) -> Any:
    """numpy.isposinf"""
    return np.logical_and(np.isinf(x), np.logical_not(np.signbit(x)))


@implements(np.isneginf)
def isneginf(x: Any) -> Any:
    """numpy.isneginf"""
    return np.logical_and(np.isinf(x), np.signbit(x))


# --- positions ---------------------------------------------------------------------------------


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, *, mode: str = "raise") -> Any:
    """numpy.take"""
    source = np.ravel(array(a)) if axis is None else array(a)
    d = 0 if axis is None else normalize_axis(axis, source.ndim)
    size = source.shape[d]
    index: Any = np.asarray(indices) if isinstance(indices, list | tuple) else indices
    index = lift(index) if isinstance(index, np.ndarray) else index
    if mode == "wrap":
        index = index % size
    elif mode == "clip":
        index = np.minimum(np.maximum(index, 0), size - 1)
    elif mode != "raise":
        raise error(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})", kind=ShapeError)
    if isinstance(index, Array) and not index.extents:
        index = operand(index)
    result = source[(*[slice(None)] * d, index)]
    return result.copy() if isinstance(result, Array) and result.view else result


def _along(a: Any, indices: Any, axis: Any) -> tuple[Array, SSAValue, int, list[Extent]]:
    source: Any = np.ravel(array(a)) if axis is None else array(a)
    d = 0 if axis is None else normalize_axis(axis, source.ndim)
    index = tensor(lift(indices))
    if not dtypes.is_integral(emit.dtype(index)):
        raise error("`indices` must be an integer array", kind=UnsupportedTypeError)
    if emit.rank(index) != source.ndim:
        raise error("`indices` and `arr` must have the same number of dimensions", kind=ShapeError)
    shape = [
        m if i == d else n for i, (n, m) in enumerate(zip(source.extents, emit.shape(index), strict=True))
    ]
    return source, emit.broadcast(index, shape), d, shape


def _place(index: SSAValue, at: Sequence[SSAValue], d: int, size: Extent) -> list[Extent]:
    from dialectad.frontend import indexing

    number = emit.cast(emit.extract(index, list(at)), INDEX)
    return [indexing.integer(Scalar(number), size, d) if i == d else p for i, p in enumerate(at)]


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Array:
    """numpy.take_along_axis"""
    from dialectad.frontend import gathering

    source, index, d, shape = _along(arr, indices, axis)
    value, size = source.ssa(), source.extents[d]

    def body(at: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
        return emit.insert(emit.extract(value, _place(index, at, d, size)), out, list(at))

    return Array.fresh(gathering.for_each(shape, emit.empty(shape, emit.element(value)), body))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """numpy.put_along_axis"""
    from dialectad.frontend import gathering

    source, index, d, shape = _along(arr, indices, axis)
    new = emit.broadcast(tensor(values, source.dtype), shape)
    size = source.extents[d]

    def body(at: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
        return emit.insert(emit.extract(new, list(at)), out, _place(index, at, d, size))

    source.write(gathering.for_each(shape, source.ssa(), body))


# --- diagonals and triangles -------------------------------------------------------------------


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Array:
    """numpy.diagonal (a copy)"""
    source = array(a)
    if source.ndim < 2:
        raise error("diag requires an array of at least two dimensions", kind=ShapeError)
    i, j = normalize_axes((axis1, axis2), source.ndim)
    k = concrete_int(offset, "the offset of a diagonal")
    rest = [d for d in range(source.ndim) if d not in (i, j)]
    shape = source.extents
    if not (isinstance(shape[i], int) and isinstance(shape[j], int)):
        raise error("the diagonal of an array of unknown size", hint="index it by numpy.arange twice")
    rows, columns = int(shape[i]), int(shape[j])  # pyright: ignore[reportArgumentType]
    length = max(min(rows, columns - k) if k >= 0 else min(rows + k, columns), 0)
    offsets, sizes = [0] * source.ndim, list(shape)
    offsets[i], offsets[j] = max(-k, 0) if length else 0, max(k, 0) if length else 0
    sizes[i] = sizes[j] = length
    value = emit.extract_slice(source.ssa(), offsets, sizes, [1] * source.ndim)
    n = len(rest) + 1
    places = dict(zip(rest, range(n), strict=False)) | {i: n - 1, j: n - 1}
    diagonals = AffineMap(n, 0, tuple(AffineDimExpr(places[d]) for d in range(source.ndim)))
    init = emit.empty([*(shape[d] for d in rest), length], emit.element(value))
    maps = [diagonals, AffineMap.identity(n)]
    return Array.fresh(emit.generic([value], maps, [PARALLEL] * n, init, lambda x, _: x))


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: Any = 0) -> Array:
    """numpy.linalg.diagonal"""
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Array:
    """numpy.diag"""
    source = array(v)
    if source.ndim == 2:
        return diagonal(source, k)
    if source.ndim != 1:
        raise error("Input must be 1- or 2-d.", kind=ShapeError)
    offset = concrete_int(k, "the offset of a diagonal")
    (n,) = source.extents
    size = emit.add_index(n, abs(offset))
    value = source.ssa()
    element = emit.element(value)
    rows, columns = max(-offset, 0), max(offset, 0)
    from dialectad.frontend.loops import counted_loop

    def body(i: SSAValue, out: SSAValue) -> SSAValue:
        place = [emit.add_index(i, rows), emit.add_index(i, columns)]
        return emit.insert(emit.extract(value, [i]), out, place)

    return Array.fresh(counted_loop(n, emit.full([size, size], 0, element), body))


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Array:
    """numpy.diagflat"""
    return diag(np.ravel(array(v)), k)


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """numpy.fill_diagonal, with a number or a vector"""
    from dialectad.frontend.loops import counted_loop

    if wrap:
        raise error(
            "numpy.fill_diagonal with wrap=True is not supported",
            hint="write into slices of the array, block by block",
        )
    target = array(a)
    shape = target.extents
    count: Extent = min(shape) if all(isinstance(n, int) for n in shape) else shape[0]  # pyright: ignore
    new = emit.broadcast(tensor(val, target.dtype), (count,))

    def body(i: SSAValue, out: SSAValue) -> SSAValue:
        return emit.insert(emit.extract(new, [i]), out, [i] * len(shape))

    target.write(counted_loop(count, target.ssa(), body))


def _triangle(m: Any, k: Any, predicate: str) -> Array:
    value = tensor(m)
    if emit.rank(value) == 1:
        (n,) = emit.shape(value)
        value = emit.broadcast(value, (n, n))
    rank = emit.rank(value)
    if rank == 0:
        raise error("a triangle of an array without axes", kind=ShapeError)
    offset = concrete_int(k, "the offset of a diagonal")
    zero = emit.constant(0, emit.element(value))
    init = emit.empty(emit.shape(value), emit.element(value))
    maps = [AffineMap.identity(rank)] * 2

    def body(x: SSAValue, _: SSAValue) -> SSAValue:
        inside = shifted_diagonal(position(rank - 2), position(rank - 1), offset, predicate)
        return emit.select(inside, x, zero)

    return Array.fresh(emit.generic([value], maps, [PARALLEL] * rank, init, body))


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Array:
    """numpy.tril"""
    return _triangle(m, k, "sle")


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Array:
    """numpy.triu"""
    return _triangle(m, k, "sge")


# --- rounding ----------------------------------------------------------------------------------


@implements(np.round, np.around)
def round_(a: Any, decimals: Any = 0) -> Any:
    """numpy.round: half to even"""
    source = operand(a)
    dtype = dtype_of(source)
    places = concrete_int(decimals, "the number of decimals")
    if dtype.kind == "b":
        raise error(
            "numpy.round of bools is not supported",
            kind=UnsupportedTypeError,
            hint="cast them to numbers first",
        )
    (value,) = values([source], [dtype])
    if dtypes.is_integral(dtype):
        if places < 0:
            raise error(
                "numpy.round of integers to tens is not supported",
                hint="divide by the power of ten, round, and multiply",
            )
        return wrapped(value)
    if places == 0:
        return wrapped(emit.op(math.RoundEvenOp(value)))
    factor = emit.like(value, 10.0 ** abs(places))
    into, back = (arith.MulfOp, arith.DivfOp) if places > 0 else (arith.DivfOp, arith.MulfOp)
    whole = emit.op(math.RoundEvenOp(emit.op(into(value, factor))))
    return wrapped(emit.op(back(whole, factor)))


@implements(np.fix)
def fix(x: Any) -> Any:
    """numpy.fix"""
    return np.trunc(x)


# --- padding -----------------------------------------------------------------------------------


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pair = width if isinstance(width, tuple | list) else (width, width)
            widths[normalize_axis(axis, ndim)] = tuple(concrete_int(w, "a width") for w in pair)  # pyright: ignore
        return widths
    known = np.broadcast_to(np.asarray(pad_width), (ndim, 2))
    return [(int(a), int(b)) for a, b in known]


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0) -> Array:
    """numpy.pad: constant, edge, reflect, symmetric, wrap"""
    source = _as_array(array)
    widths = _widths(pad_width, source.ndim)
    if any(w < 0 for pair in widths for w in pair):
        raise error("index can't contain negative values", kind=ShapeError)
    if mode == "constant":
        return _pad_constant(source, widths, constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise error(
            f"numpy.pad with mode {mode!r} is not supported", hint="join the parts with numpy.concatenate"
        )
    for d, (before, after) in enumerate(widths):
        source = _pad_axis(source, d, before, after, mode)
    return source


def _as_array(x: Any) -> Array:
    return array(x)


def _pad_constant(source: Array, widths: Sequence[tuple[int, int]], fill: Any) -> Array:
    value = source.ssa()
    shape = emit.shape(value)
    if isinstance(fill, tuple | list | np.ndarray):
        return _pad_constants(source, widths, fill)
    whole = [emit.add_index(n, a + b) for n, (a, b) in zip(shape, widths, strict=True)]
    (filled,) = values([operand(fill)], [source.dtype], whole)
    return Array.fresh(emit.insert_slice(value, filled, [a for a, _ in widths], shape, [1] * len(shape)))


def _pad_constants(source: Array, widths: Sequence[tuple[int, int]], fill: Any) -> Array:
    from dialectad.frontend.numpy.joining import concatenate

    pairs = np.broadcast_to(np.asarray(fill), (source.ndim, 2))
    for d, (width, pair) in enumerate(zip(widths, pairs, strict=True)):
        parts: list[Any] = [source]
        for place, (count, number) in enumerate(zip(width, pair, strict=True)):
            shape = [count if i == d else n for i, n in enumerate(source.shape)]
            part = np.full(shape, number.item(), source.dtype)
            parts.insert(0 if place == 0 else len(parts), lift(part))
        source = concatenate(parts, d)
    return source


def _pad_axis(source: Array, d: int, before: int, after: int, mode: str) -> Array:
    """Along one axis, by positions in it."""
    if before == after == 0:
        return source
    size = source.shape[d]
    if not isinstance(size, int):
        raise error(
            "an axis of unknown size can't be padded in this way",
            hint="pad by a constant, or join the parts with numpy.concatenate",
        )
    kinds = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
    places = np.pad(np.arange(size), (before, after), mode=kinds[mode])  # pyright: ignore
    pieces = _runs(places.tolist())
    from dialectad.frontend.numpy.joining import concatenate

    head = (*[slice(None)] * d,)
    parts = []
    for start, step, count in pieces:
        if step == 0:
            part = source[(*head, slice(start, start + 1))]
            shape = [count if i == d else n for i, n in enumerate(source.shape)]
            parts.append(np.broadcast_to(part, shape) if count > 1 else part)
        else:
            stop = start + step * count
            parts.append(source[(*head, slice(start, None if stop < 0 else stop, step))])
    return concatenate(parts, d)


def _runs(places: list[int]) -> list[tuple[int, int, int]]:
    """Positions as runs: where each starts, its step (1, -1 or 0) and its length."""
    runs: list[tuple[int, int, int]] = []
    for place in places:
        if runs:
            start, step, count = runs[-1]
            last = start + step * (count - 1)
            if count == 1 and abs(place - last) <= 1:
                runs[-1] = (start, place - last, 2)
                continue
            if count > 1 and place - last == step:
                runs[-1] = (start, step, count + 1)
                continue
        runs.append((place, 1, 1))
    return runs
