"""The ops of `blas` on memrefs as calls of CBLAS, row-major, with 32-bit sizes.

    blas.gemv(%a, %x, %y)  ->  %p = memref.cast %a : memref<64x64xf64> to memref<*xf64>; ...
                               func.call @cblas_dgemv(%row_major, %no_trans, %m, %n, %alpha, %p, %lda, ...)

An unranked memref is a bare pointer to the first element, of whatever layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    Float32Type,
    FunctionType,
    IndexType,
    IntegerAttr,
    MemRefType,
    NoneAttr,
    StringAttr,
    UnrankedMemRefType,
    i32,
)
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from dialectad.dialects import blas
from dialectad.lower.blas_loops import constant, element_type, mirror, scale
from dialectad.lower.loops.nest import strides

_ROW_MAJOR, _NO_TRANS, _TRANS, _UPPER, _LOWER = 101, 111, 112, 121, 122
_MAX = 2**31 - 1
_INDEX = IndexType()


@dataclass(frozen=True)
class Stride:
    """The distance between neighbours on one axis; None when it is known only at run time."""

    axis: int
    static: int | None


@dataclass(frozen=True)
class Matrix:
    """A memref as BLAS sees it: rows `leading` apart; `transposed` when the columns are contiguous."""

    value: SSAValue
    leading: Stride
    transposed: bool


def _grows(value: SSAValue) -> bool:
    """Whether strides that aren't known are positive: nothing reversed or repeated the array."""
    while True:
        t, owner = value.type, value.owner
        if isinstance(t, MemRefType) and isinstance(t.layout, NoneAttr):
            return True
        if not isinstance(owner, memref.SubviewOp) or any(s < 1 for s in owner.static_strides.get_values()):
            return False
        value = owner.source


def matrix(value: SSAValue) -> Matrix | None:
    """How BLAS can take a matrix; None when it can't."""
    t = value.type
    assert isinstance(t, MemRefType)
    rows, columns = t.get_shape()
    outer, inner = strides(t)
    if inner == 1 and _can_lead(value, outer, columns, rows):
        return Matrix(value, Stride(0, outer), transposed=False)
    if outer == 1 and _can_lead(value, inner, rows, columns):
        return Matrix(value, Stride(1, inner), transposed=True)
    return None


def _can_lead(value: SSAValue, stride: int | None, extent: int, count: int) -> bool:
    if stride is None:
        return _grows(value)
    if stride > _MAX or extent > _MAX or count > _MAX:
        return False
    if extent == DYNAMIC_INDEX:  # no row is longer than the distance to the next, as rows don't overlap
        return stride > 0 and _grows_or_static(value)
    return stride >= max(1, extent)


def _grows_or_static(value: SSAValue) -> bool:
    return isinstance(value.owner, memref.SubviewOp | memref.AllocOp) or not isinstance(value, OpResult)


def vector(value: SSAValue) -> Stride | None:
    """How BLAS can take a vector; None when it can't."""
    t = value.type
    assert isinstance(t, MemRefType)
    (stride,) = strides(t)
    if stride is None:
        return Stride(0, None) if _grows(value) else None
    return Stride(0, stride) if 0 < stride <= _MAX and t.get_shape()[0] <= _MAX else None


class Caller:
    """Emits calls, and notes the declarations that they need."""

    def __init__(self) -> None:
        self.declarations: dict[str, func.FuncOp] = {}
        self.builder: Builder

    def call(
        self, routine: str, t: Attribute, args: Sequence[SSAValue], result: Attribute | None = None
    ) -> SSAValue | None:
        """Call `cblas_` + d or s + routine."""
        return self.function(f"cblas_{'s' if isinstance(t, Float32Type) else 'd'}{routine}", args, result)

    def function(
        self, name: str, args: Sequence[SSAValue], result: Attribute | None = None
    ) -> SSAValue | None:
        """Call a function of the library."""
        results = [] if result is None else [result]
        if name not in self.declarations:
            types = FunctionType.from_lists([arg.type for arg in args], results)
            self.declarations[name] = func.FuncOp.external(name, types.inputs.data, types.outputs.data)
            self.declarations[name].properties["sym_visibility"] = StringAttr("private")
        op = self.builder.insert(func.CallOp(name, args, results))
        return op.results[0] if result is not None else None

    def int(self, value: int) -> SSAValue:
        """A 32-bit constant."""
        return self.builder.insert(arith.ConstantOp(IntegerAttr(value, i32))).result

    def size(self, value: SSAValue, axis: int) -> SSAValue:
        """An extent as 32 bits."""
        assert isinstance(value.type, MemRefType)
        static = value.type.get_shape()[axis]
        if static != DYNAMIC_INDEX:
            return self.int(static)
        index = self.builder.insert(arith.ConstantOp(IntegerAttr(axis, _INDEX)))
        dim = self.builder.insert(memref.DimOp(value, index.result))
        return self.builder.insert(arith.IndexCastOp(dim.result, i32)).result

    def stride(self, value: SSAValue, stride: Stride) -> SSAValue:
        """A distance as 32 bits; at least 1, which BLAS insists on even where nothing is read."""
        if stride.static is not None:
            return self.int(max(1, stride.static))
        metadata = self.builder.insert(memref.ExtractStridedMetaDataOp(value))
        distance = self.builder.insert(arith.IndexCastOp(metadata.strides[stride.axis], i32))
        return self.builder.insert(arith.MaxSIOp(distance.result, self.int(1))).result

    def pointer(self, value: SSAValue) -> SSAValue:
        """The address of the first element."""
        t = UnrankedMemRefType.from_type(element_type(value))
        return self.builder.insert(memref.CastOp.get(value, t)).dest

    def number(self, value: float, t: Attribute) -> SSAValue:
        """alpha or beta."""
        return constant(self.builder, value, t)

    def transpose(self, on: bool) -> SSAValue:
        """CblasTrans or CblasNoTrans."""
        return self.int(_TRANS if on else _NO_TRANS)


def _gemm(op: blas.GemmOp, c: Caller) -> bool:
    """dest^T = op(rhs)^T op(lhs)^T where it is the destination's columns that are contiguous."""
    a, b, dest = matrix(op.lhs), matrix(op.rhs), matrix(op.dest)
    if a is None or b is None or dest is None:
        return False
    trans_a, trans_b = op.trans_a is not None, op.trans_b is not None
    row_axis, inner_axis = (1, 0) if trans_a else (0, 1)
    column_axis = 0 if trans_b else 1
    m, k = c.size(op.lhs, row_axis), c.size(op.lhs, inner_axis)
    n = c.size(op.rhs, column_axis)
    trans_a, trans_b = trans_a != a.transposed, trans_b != b.transposed
    if dest.transposed:
        a, b, m, n = b, a, n, m
        trans_a, trans_b = not trans_b, not trans_a
    t = element_type(op.dest)
    args = [c.int(_ROW_MAJOR), c.transpose(trans_a), c.transpose(trans_b), m, n, k]
    args += [c.number(op.alpha.value.data, t)]
    args += [c.pointer(a.value), c.stride(a.value, a.leading)]
    args += [c.pointer(b.value), c.stride(b.value, b.leading)]
    args += [c.number(op.beta.value.data, t)]
    args += [c.pointer(dest.value), c.stride(dest.value, dest.leading)]
    c.call("gemm", t, args)
    return True


def _gemv(op: blas.GemvOp, c: Caller) -> bool:
    a, x, y = matrix(op.lhs), vector(op.rhs), vector(op.dest)
    if a is None or x is None or y is None:
        return False
    t = element_type(op.dest)
    beta = op.beta.value.data
    if beta != 1.0 and _extent(op.rhs, 0) in (0, DYNAMIC_INDEX):
        # BLAS returns at once when the sum is over nothing, without scaling the destination.
        scale(c.builder, op.dest, beta)
        beta = 1.0
    m, n = (c.size(op.lhs, axis) for axis in ((1, 0) if a.transposed else (0, 1)))
    args = [c.int(_ROW_MAJOR), c.transpose((op.trans is not None) != a.transposed), m, n]
    args += [c.number(op.alpha.value.data, t), c.pointer(op.lhs), c.stride(op.lhs, a.leading)]
    args += [c.pointer(op.rhs), c.stride(op.rhs, x), c.number(beta, t)]
    args += [c.pointer(op.dest), c.stride(op.dest, y)]
    c.call("gemv", t, args)
    return True


def _extent(value: SSAValue, axis: int) -> int:
    assert isinstance(value.type, MemRefType)
    return value.type.get_shape()[axis]


def _ger(op: blas.GerOp, c: Caller) -> bool:
    x, y, a = vector(op.lhs), vector(op.rhs), matrix(op.dest)
    if x is None or y is None or a is None:
        return False
    t = element_type(op.dest)
    scale(c.builder, op.dest, op.beta.value.data)
    left, right = (op.lhs, x), (op.rhs, y)
    if a.transposed:
        left, right = right, left
    args = [c.int(_ROW_MAJOR), c.size(left[0], 0), c.size(right[0], 0)]
    args += [c.number(op.alpha.value.data, t)]
    args += [c.pointer(left[0]), c.stride(*left), c.pointer(right[0]), c.stride(*right)]
    args += [c.pointer(op.dest), c.stride(op.dest, a.leading)]
    c.call("ger", t, args)
    return True


def _syrk(op: blas.SyrkOp, c: Caller) -> bool:
    """The triangle below the diagonal, which is then copied to the other side."""
    a, dest = matrix(op.lhs), matrix(op.dest)
    if a is None or dest is None:
        return False
    trans, t = op.trans is not None, element_type(op.dest)
    args = [c.int(_ROW_MAJOR), c.int(_UPPER if dest.transposed else _LOWER)]
    args += [c.transpose(trans != a.transposed), c.size(op.dest, 0), c.size(op.lhs, 0 if trans else 1)]
    args += [c.number(op.alpha.value.data, t), c.pointer(op.lhs), c.stride(op.lhs, a.leading)]
    args += [c.number(0.0, t), c.pointer(op.dest), c.stride(op.dest, dest.leading)]
    c.call("syrk", t, args)
    mirror(c.builder, op.dest)
    return True


def _dot(op: blas.DotOp, c: Caller) -> bool:
    x, y = vector(op.lhs), vector(op.rhs)
    if x is None or y is None:
        return False
    t = element_type(op.lhs)
    args = [c.size(op.lhs, 0), c.pointer(op.lhs), c.stride(op.lhs, x)]
    args += [c.pointer(op.rhs), c.stride(op.rhs, y)]
    result = c.call("dot", t, args, t)
    assert result is not None
    op.result.replace_all_uses_with(result)
    return True


CALLS: dict[type[Operation], Callable[..., bool]] = {
    blas.GemmOp: _gemm,
    blas.GemvOp: _gemv,
    blas.GerOp: _ger,
    blas.SyrkOp: _syrk,
    blas.DotOp: _dot,
}
"""Op type -> what emits its call, unless BLAS can't take the operands (then it emits nothing: False)."""
