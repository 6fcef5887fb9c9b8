"""Matrix products, contractions, outer products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.errors import ShapeError
from dialectad.frontend import dtypes, emit, tracers
from dialectad.frontend.dtypes import BOOL, INT64, DType
from dialectad.frontend.emit import PARALLEL, REDUCTION, Extent
from dialectad.frontend.numpy import reductions
from dialectad.frontend.numpy.stacked_products import Stack, stacked_products
from dialectad.frontend.numpy.support import (
    Operand,
    array,
    concrete_int,
    extents_of,
    implements,
    normalize_axes,
    operand,
    require_same,
    result_dtype,
    tensor,
    total,
    wrapped,
)
from dialectad.frontend.tracers import UFUNCS, Array, broadcast_extents, shape_text
from dialectad.frontend.tracing import error


def _common(*arrays: Any) -> tuple[list[SSAValue], DType]:
    operands = [operand(a) for a in arrays]
    dtype = result_dtype(*operands)
    return [tensor(a, dtype) for a in arrays], dtype


def _multiplied(a: SSAValue, b: SSAValue) -> SSAValue:
    """The product of two tensors of rank one or two; bools are combined with `and` and `or`."""
    if emit.dtype(a) == BOOL:
        counts = _multiplied(emit.cast(a, dtypes.to_ir(INT64)), emit.cast(b, dtypes.to_ir(INT64)))
        return emit.not_equal_zero(counts)
    return emit.matmul(a, b)


# --- matmul ------------------------------------------------------------------------------------


def _check_core(a: SSAValue, b: SSAValue) -> None:
    for place, x in enumerate((a, b)):
        if emit.rank(x) == 0:
            raise error(
                f"matmul: Input operand {place} does not have enough dimensions (has 0, gufunc core with"
                " signature (n?,k),(k,m?)->(n?,m?) requires 1)",
                kind=ShapeError,
            )
    k, other = emit.shape(a)[-1], emit.shape(b)[0 if emit.rank(b) == 1 else -2]
    message = (
        "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature"
        f" (n?,k),(k,m?)->(n?,m?) (size {_size(other)} is different from {_size(k)})"
    )
    require_same(k, other, message)


def _size(n: Extent) -> Any:
    return n if isinstance(n, int) else "?"


def batched(a: SSAValue, b: SSAValue) -> SSAValue:
    """Products of the matrices in two stacks of at least rank 3 together, whose stack axes broadcast."""
    sa, sb = emit.shape(a), emit.shape(b)
    if len(sa) >= len(sb) > 2 and all(isinstance(n, int) and n == 1 for n in sb[:-2]):
        b, sb = emit.reshape(b, sb[-2:]), sb[-2:]
    if len(sb) <= 2:  # one matrix or vector for all: a single product with more rows
        flat = emit.reshape(a, [total(sa[:-1]), sa[-1]])
        return emit.reshape(_multiplied(flat, b), [*sa[:-1], *sb[1:]])
    stack = broadcast_extents(sa[:-2], sb[:-2])
    core = [*sa[-2:-1], sb[-1]]
    parts = ((a, min(len(sa), 2)), (b, 2))
    x, y = ((v, Stack.leading(emit.rank(v), len(stack), axes)) for v, axes in parts)
    shape = [*stack, *core]
    return stacked_products(_multiplied, x, y, (shape, Stack.leading(len(shape), len(stack), len(core))))


def matmul(x1: Any, x2: Any) -> Any:
    """numpy.matmul"""
    (a, b), _ = _common(x1, x2)
    _check_core(a, b)
    if emit.rank(a) <= 2 and emit.rank(b) <= 2:
        return wrapped(_multiplied(a, b))
    return wrapped(batched(a, b))


UFUNCS[np.matmul] = matmul


def _stacked_vectors(name: str, subscripts: str) -> Any:
    def implementation(x1: Any, x2: Any) -> Any:
        return einsum(subscripts, x1, x2)

    implementation.__doc__ = f"numpy.{name}"
    return implementation


for _name, _subscripts in {
    "vecdot": "...i,...i->...",
    "matvec": "...ij,...j->...i",
    "vecmat": "...i,...ij->...j",
}.items():
    if hasattr(np, _name):
        UFUNCS[getattr(np, _name)] = _stacked_vectors(_name, _subscripts)


@implements(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any, /) -> Any:
    """numpy.linalg.matmul"""
    return matmul(x1, x2)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """numpy.linalg.multi_dot: in the cheapest order"""
    from numpy.linalg import _linalg

    parts = [array(a) for a in arrays]
    if len(parts) < 2:
        raise error("Expecting at least two arrays.", kind=ShapeError)
    shapes = [p.extents for p in parts]
    if len(parts) == 2 or not all(isinstance(n, int) for s in shapes for n in s):
        result: Any = parts[0]
        for part in parts[1:]:
            result = dot(result, part)
        return result
    known = [np.broadcast_to(0.0, s) for s in shapes]
    known[0], known[-1] = np.atleast_2d(known[0]), (known[-1][:, None] if known[-1].ndim == 1 else known[-1])
    order = _linalg._multi_dot_matrix_chain_order(known)  # pyright: ignore[reportAttributeAccessIssue]

    def product(i: int, j: int) -> Any:
        return parts[i] if i == j else dot(product(i, order[i, j]), product(order[i, j] + 1, j))

    return product(0, len(parts) - 1)


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """numpy.linalg.matrix_power, to a known power"""
    power = concrete_int(n, "the exponent")
    source = array(a)
    if power < 0:
        source, power = np.linalg.inv(source), -power
    if power == 0:
        return np.broadcast_to(np.eye(source.shape[-1], dtype=source.dtype), source.shape)
    result, base = None, source
    while power:
        if power & 1:
            result = base if result is None else matmul(result, base)
        if power := power >> 1:
            base = matmul(base, base)
    return result


# --- dot and its relatives ---------------------------------------------------------------------


def _is_scalar(x: Operand) -> bool:
    return not extents_of(x)


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """numpy.dot"""
    x, y = operand(a), operand(b)
    if _is_scalar(x) or _is_scalar(y):
        return np.multiply(a, b) if any(isinstance(v, tracers.Tracer) for v in (x, y)) else x * y  # pyright: ignore
    (left, right), _ = _common(a, b)
    k, other = emit.shape(left)[-1], emit.shape(right)[0 if emit.rank(right) == 1 else -2]
    s, t = emit.shape(left), emit.shape(right)
    shapes = f"shapes {shape_text(s)} and {shape_text(t)}"
    message = f"{shapes} not aligned: {_size(k)} (dim {len(s) - 1}) != {_size(other)}"
    require_same(k, other, message + f" (dim {max(len(t) - 2, 0)})")
    if emit.rank(right) <= 2:
        if emit.rank(left) <= 2:
            return wrapped(_multiplied(left, right))
        return wrapped(batched(left, right))
    return tensordot(array(a), array(b), ([emit.rank(left) - 1], [emit.rank(right) - 2]))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """numpy.vdot"""
    return dot(np.ravel(array(a)), np.ravel(array(b)))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """numpy.inner"""
    x, y = array(a), array(b)
    if x.ndim == 0 or y.ndim == 0:
        return np.multiply(operand(x), operand(y))
    return tensordot(x, y, ([x.ndim - 1], [y.ndim - 1]))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """numpy.outer"""
    x, y = np.ravel(array(a)), np.ravel(array(b))
    return np.multiply(x[:, None], y[None, :])


@implements(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    """numpy.linalg.vecdot"""
    return np.vecdot(np.moveaxis(array(x1), axis, -1), np.moveaxis(array(x2), axis, -1))


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    """numpy.linalg.cross"""
    return cross(x1, x2, axis=axis)


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """numpy.linalg.outer"""
    return outer(x1, x2)


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """numpy.tensordot: axes permuted so that it is one matrix product"""
    (x, y), _ = _common(a, b)
    left, right = _contracted(axes, emit.rank(x), emit.rank(y))
    s, t = emit.shape(x), emit.shape(y)
    if len(left) != len(right):
        raise error("shape-mismatch for sum", kind=ShapeError)
    for i, j in zip(left, right, strict=True):
        require_same(s[i], t[j], "shape-mismatch for sum")
    free_x = [d for d in range(len(s)) if d not in left]
    free_y = [d for d in range(len(t)) if d not in right]
    shape = [*(s[d] for d in free_x), *(t[d] for d in free_y)]
    if not left:
        return wrapped(_outer_product(x, y, shape))
    x = _as_matrix(emit.transpose(x, [*free_x, *left]), len(free_x), vector=not free_x)
    y = _as_matrix(emit.transpose(y, [*right, *free_y]), len(right), vector=not free_y)
    product = _multiplied(x, y)
    return wrapped(product if not shape else emit.reshape(product, shape))


def _as_matrix(value: SSAValue, rows: int, *, vector: bool) -> SSAValue:
    """The first axes made the rows of a matrix; a vector if there is but one group of axes."""
    shape = emit.shape(value)
    if vector:
        return emit.collapse(value)
    return emit.reshape(value, [total(shape[:rows]), total(shape[rows:])])


def _outer_product(x: SSAValue, y: SSAValue, shape: Sequence[Extent]) -> SSAValue:
    apart = emit.reshape(x, [*emit.shape(x), *[1] * emit.rank(y)])
    times = _times(emit.dtype(x))
    return emit.op(times(emit.broadcast(apart, shape), emit.broadcast(y, shape)))


def _times(dtype: DType) -> Any:
    return {"f": arith.MulfOp, "b": arith.AndIOp}.get(dtype.kind, arith.MuliOp)


def _plus(dtype: DType) -> Any:
    return {"f": arith.AddfOp, "b": arith.OrIOp}.get(dtype.kind, arith.AddiOp)


def _contracted(axes: Any, n: int, m: int) -> tuple[list[int], list[int]]:
    if not isinstance(axes, tuple | list):
        count = concrete_int(axes, "the number of axes")
        if count > min(n, m):
            raise error("shape-mismatch for sum", kind=ShapeError)
        return list(range(n - count, n)), list(range(count))
    left, right = axes
    return list(normalize_axes(_listed(left), n)), list(normalize_axes(_listed(right), m))


def _listed(axes: Any) -> list[Any]:
    return list(axes) if isinstance(axes, tuple | list) else [axes]


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """numpy.kron"""
    (x, y), _ = _common(a, b)
    rank = max(emit.rank(x), emit.rank(y))
    if rank == 0:
        return np.multiply(operand(a), operand(b))
    s, t = ([1] * (rank - emit.rank(v)) + list(emit.shape(v)) for v in (x, y))
    rows: list[Extent] = []
    columns: list[Extent] = []
    for n, m in zip(s, t, strict=True):
        rows += [n, 1]
        columns += [1, m]
    shape = [e for pair in zip(s, t, strict=True) for e in pair]
    parts = (emit.broadcast(emit.reshape(x, rows), shape), emit.broadcast(emit.reshape(y, columns), shape))
    value = emit.op(_times(emit.dtype(x))(*parts))
    return Array.fresh(emit.reshape(value, [emit.mul_index(n, m) for n, m in zip(s, t, strict=True)]))


@implements(np.cross)
def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Any:
    """numpy.cross, of vectors with three components"""
    axisa, axisb, axisc = (axis, axis, axis) if axis is not None else (axisa, axisb, axisc)
    x, y = np.moveaxis(array(a), axisa, -1), np.moveaxis(array(b), axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise error("numpy.cross needs vectors with 3 components", kind=ShapeError)
    (x0, x1, x2), (y0, y1, y2) = ([v[..., i] for i in range(3)] for v in (x, y))
    parts = [x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0]
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


# --- einsum ------------------------------------------------------------------------------------


@implements(np.einsum)
def einsum(
    subscripts: Any, *operands: Any, optimize: Any = False, dtype: Any = None, order: Any = "K"
) -> Any:
    """numpy.einsum: a matrix product where it is one, otherwise a generic contraction"""
    if not isinstance(subscripts, str):
        raise error(
            "numpy.einsum needs its subscripts as a string",
            hint="write the lists of axes as letters: 'ij,jk'",
        )
    parts = [array(x) for x in operands]
    if dtype is not None:
        parts = [p.astype(dtype) for p in parts]
    inputs, output = _labels(subscripts, parts)
    found = result_dtype(*parts)
    terms = [(tensor(p, found), labels) for p, labels in zip(parts, inputs, strict=True)]
    _check_sizes(terms, output)
    while len(terms) > 1:
        (x, lx), (y, ly), *rest = terms
        wanted = set(output).union(*(labels for _, labels in rest))
        middle = output if not rest else "".join(c for c in dict.fromkeys(lx + ly) if c in wanted)
        terms = [(_pair(x, lx, y, ly, middle), middle), *rest]
    value, labels = terms[0]
    return wrapped(_single(value, labels, output))


@implements(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy") -> Any:
    """numpy.einsum_path: it depends on the shapes alone"""
    shapes = [
        np.broadcast_to(0.0, [concrete_int(n, "an extent of an operand of einsum_path") for n in x.shape])
        if isinstance(x, tracers.Tracer)
        else x
        for x in operands
    ]
    return np.einsum_path(*shapes, optimize=optimize)


def _labels(subscripts: str, parts: Sequence[Array]) -> tuple[list[str], str]:
    """The labels of the inputs and the output, the ellipses replaced by capital Greek letters."""
    text_ = subscripts.replace(" ", "")
    left, arrow, right = text_.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(parts):
        raise error(
            "the number of operands doesn't match the number of subscripts of einsum", kind=ShapeError
        )
    broad = [p.ndim - len(s.replace("...", "")) for s, p in zip(inputs, parts, strict=True)]
    longest = max((n for n, s in zip(broad, inputs, strict=True) if "..." in s), default=0)
    greek = [chr(0x391 + i) for i in range(longest)]
    for i, (s, n) in enumerate(zip(inputs, broad, strict=True)):
        if n < 0 or (n and "..." not in s):
            raise error(
                f"einsum subscripts {s!r} don't fit an operand of {parts[i].ndim} dimension(s)",
                kind=ShapeError,
            )
        inputs[i] = s.replace("...", "".join(greek[longest - n :]))
    if arrow:
        output = right.replace("...", "".join(greek))
    else:
        every = "".join(inputs)
        output = "".join(greek) + "".join(
            sorted(c for c in set(every) if every.count(c) == 1 and c not in greek)
        )
    if len(set(output)) != len(output) or not set(output) <= set("".join(inputs)):
        raise error(f"einsum can't give the output subscripts {right!r}", kind=ShapeError)
    return inputs, output


def _check_sizes(terms: list[tuple[SSAValue, str]], output: str) -> None:
    """Labels must agree in size; axes of size one broadcast, and are dropped from the operand here."""
    sizes: dict[str, Extent] = {}
    for value, labels in terms:
        for c, n in zip(labels, emit.shape(value), strict=True):
            if c not in sizes or (isinstance(sizes[c], int) and sizes[c] == 1):
                sizes[c] = n
            elif not (isinstance(n, int) and n == 1):
                require_same(
                    n, sizes[c], f"einsum: sizes {_size(n)} and {_size(sizes[c])} of label {c!r} differ"
                )
    for i, (value, labels) in enumerate(terms):
        shape = emit.shape(value)
        unit = [
            isinstance(n, int) and n == 1 and not (isinstance(sizes[c], int) and sizes[c] == 1)
            for c, n in zip(labels, shape, strict=True)
        ]
        if any(unit):
            kept = [n for n, u in zip(shape, unit, strict=True) if not u]
            terms[i] = (
                emit.reshape(value, kept),
                "".join(c for c, u in zip(labels, unit, strict=True) if not u),
            )


def _contraction(values: Sequence[SSAValue], labels: Sequence[str], output: str) -> SSAValue:
    """The sum of products over the labels that the output lacks, as one generic."""
    order = list(dict.fromkeys(output + "".join(labels)))
    place = {c: i for i, c in enumerate(order)}
    sizes = {c: n for v, s in zip(values, labels, strict=True) for c, n in zip(s, emit.shape(v), strict=True)}
    maps = [AffineMap(len(order), 0, tuple(AffineDimExpr(place[c]) for c in s)) for s in (*labels, output)]
    dtype = emit.dtype(values[0])
    init = emit.full([sizes[c] for c in output], 0, emit.element(values[0]))
    iterators = [PARALLEL if c in output else REDUCTION for c in order]

    def body(*elements: SSAValue) -> SSAValue:
        *factors, sum_ = elements
        product = factors[0]
        for factor in factors[1:]:
            product = emit.op(_times(dtype)(product, factor))
        return emit.op(_plus(dtype)(sum_, product))

    return emit.generic(list(values), maps, iterators, init, body)


def _single(value: SSAValue, labels: str, output: str) -> SSAValue:
    """One operand: diagonals, sums and a transposition."""
    if len(set(labels)) != len(labels):
        return _contraction([value], [labels], output)
    summed = [i for i, c in enumerate(labels) if c not in output]
    if summed:
        value = reductions.reduced(value, summed, reductions.sum_of(emit.dtype(value)))
        labels = "".join(c for c in labels if c in output)
    return emit.transpose(value, [labels.index(c) for c in output])


def _pair(x: SSAValue, lx: str, y: SSAValue, ly: str, output: str) -> SSAValue:
    if len(set(lx)) != len(lx) or len(set(ly)) != len(ly):
        return _contraction([x, y], [lx, ly], output)
    for_x = "".join(c for c in lx if c in ly or c in output)
    for_y = "".join(c for c in ly if c in lx or c in output)
    x, y = _single(x, lx, for_x), _single(y, ly, for_y)
    stack = [c for c in for_x if c in for_y and c in output]
    summed = [c for c in for_x if c in for_y and c not in output]
    free_x = [c for c in for_x if c not in for_y]
    free_y = [c for c in for_y if c not in for_x]
    if not summed or (stack and not (free_x and free_y)):
        return _contraction([x, y], [for_x, for_y], output)
    if stack and len(free_x) == len(free_y) == len(summed) == 1:
        return _stacked(x, for_x, y, for_y, output, (*free_x, *summed, *free_y))
    size_x = dict(zip(for_x, emit.shape(x), strict=True))
    size_y = dict(zip(for_y, emit.shape(y), strict=True))
    x = emit.transpose(x, [for_x.index(c) for c in (*stack, *free_x, *summed)])
    y = emit.transpose(y, [for_y.index(c) for c in (*stack, *summed, *free_y)])
    rows, inner_ = total(size_x[c] for c in free_x), total(size_x[c] for c in summed)
    columns = total(size_y[c] for c in free_y)
    outer_ = [size_x[c] for c in stack]
    x = emit.reshape(x, [*outer_, *([rows] if free_x else []), inner_])
    y = emit.reshape(y, [*outer_, inner_, *([columns] if free_y else [])])
    product = batched(x, y) if stack else _multiplied(x, y)
    found = [*stack, *free_x, *free_y]
    if not found:
        return product
    shape = [*outer_, *(size_x[c] for c in free_x), *(size_y[c] for c in free_y)]
    return emit.transpose(emit.reshape(product, shape), [found.index(c) for c in output])


def _stacked(x: SSAValue, lx: str, y: SSAValue, ly: str, output: str, core: Sequence[str]) -> SSAValue:
    """A product of matrices for each combination of the labels that all have, where they stand."""
    row, inner_, column = core
    stack = "".join(c for c in output if c not in core)
    sizes = dict(zip(lx, emit.shape(x), strict=True)) | dict(zip(ly, emit.shape(y), strict=True))

    def place(labels: str) -> str:
        """The labels in an order in which rows or columns lie in one piece."""
        return labels if labels[-1] in core else stack + "".join(c for c in labels if c in core)

    def within(labels: str, rows: str, columns: str) -> Stack:
        return Stack(tuple(map(labels.index, stack)), (labels.index(rows), labels.index(columns)))

    px, py, written = place(lx), place(ly), place(output)
    product = stacked_products(
        _multiplied,
        (emit.transpose(x, [lx.index(c) for c in px]), within(px, row, inner_)),
        (emit.transpose(y, [ly.index(c) for c in py]), within(py, inner_, column)),
        ([sizes[c] for c in written], within(written, row, column)),
    )
    return emit.transpose(product, [written.index(c) for c in output])


@implements(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None) -> Any:
    """numpy.trace"""
    from dialectad.frontend.numpy.selection import diagonal

    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    """numpy.linalg.trace"""
    return trace(x, offset, -2, -1, dtype)
