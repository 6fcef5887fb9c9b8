"""The greater and the lesser of two, comparisons, logic, and questions about floats."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import INT64, UINT64
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy import intervals
from dialectad.frontend.numpy.support import (
    dtype_of,
    is_weak,
    operand,
    wrapped,
)
from dialectad.frontend.numpy.ufuncs.bitwise import inverted
from dialectad.frontend.numpy.ufuncs.loops import Kernel, apply, define, special
from dialectad.frontend.tracers import Array, Scalar, lift

define(np.maximum, arith.MaximumfOp, arith.MaxSIOp, arith.OrIOp)
define(np.minimum, arith.MinimumfOp, arith.MinSIOp, arith.AndIOp)
define(np.fmax, arith.MaxnumfOp, arith.MaxSIOp, arith.OrIOp)
define(np.fmin, arith.MinnumfOp, arith.MinSIOp, arith.AndIOp)


COMPARISONS: dict[np.ufunc, tuple[str, str]] = {
    np.less: ("olt", "lt"),
    np.less_equal: ("ole", "le"),
    np.greater: ("ogt", "gt"),
    np.greater_equal: ("oge", "ge"),
    np.equal: ("oeq", "eq"),
    np.not_equal: ("une", "ne"),
}
"""The predicates for floats and for integers."""


def _comparison(predicate: str) -> Kernel:
    """Of an unsigned and a signed number of 64 bits, a negative one is the least."""

    def kernel(a: SSAValue, b: SSAValue) -> SSAValue:
        if emit.element(a) == emit.element(b) or dtypes.is_float(emit.element(a)):
            return compare(predicate, a, b)
        signed = b if dtypes.is_unsigned(a.type) else a
        below = compare("lt", signed, like(signed, 0))
        ordered = compare(predicate, *(emit.cast(x, dtypes.to_ir(UINT64)) for x in (a, b)))
        outside = compare(predicate, *(emit.constant(x is not signed, i1) for x in (a, b)))
        return select(below, emit.splat(outside, emit.shape(below)) if emit.rank(below) else outside, ordered)

    return kernel


def _compared(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """A Python integer is compared by its value, whatever the other one's dtype can hold."""
    x, y = operand(a), operand(b)
    if is_weak(x) == is_weak(y):
        return apply(ufunc, x, y)
    number, other = (x, y) if is_weak(x) else (y, x)
    known, dtype = intervals.of(number), dtype_of(other)
    if not dtypes.is_integral(dtype) or dtype_of(number) != INT64:
        return apply(ufunc, x, y)
    info = np.iinfo(dtype)
    if known is not None and info.min <= known[0] and known[1] <= info.max:
        return apply(ufunc, x, y)
    if not isinstance(number, Scalar):  # beyond all that the dtype can hold
        truth = bool(ufunc(*(np.sign(float(v)) if v is number else 0.0 for v in (x, y))))
        value = emit.constant(truth, i1)
        return wrapped(emit.splat(value, other.extents) if isinstance(other, Array) else value)
    widened = lift(other if dtype.itemsize < 8 else number)
    return apply(ufunc, *(widened.astype(INT64) if v is widened else v for v in (x, y)))


for _ufunc, (_float, _int) in COMPARISONS.items():
    define(_ufunc, _comparison(_float), *[_comparison(_int)] * 2)
    special(_ufunc)(functools.partial(_compared, _ufunc))


def _on_truth(operation: Any) -> Kernel:
    return lambda *operands: emit.op(operation(*map(emit.not_equal_zero, operands)))


for _ufunc, _operation in {
    np.logical_and: arith.AndIOp,
    np.logical_or: arith.OrIOp,
    np.logical_xor: arith.XOrIOp,
}.items():
    define(_ufunc, *[_on_truth(_operation)] * 3)
define(np.logical_not, *[lambda x: inverted(emit.not_equal_zero(x))] * 3)


def _all(truth: bool) -> Kernel:
    """The same answer for every element."""

    def kernel(x: SSAValue) -> SSAValue:
        value = emit.constant(truth, i1)
        return emit.splat(value, emit.shape(x)) if emit.rank(x) else value

    return kernel


def _magnitude(predicate: str) -> Kernel:
    return lambda x: compare(predicate, emit.op(math.AbsFOp(x)), like(x, float("inf")))


define(np.isnan, lambda x: compare("uno", x, x), _all(False), _all(False))
define(np.isinf, _magnitude("oeq"), _all(False), _all(False))
define(np.isfinite, _magnitude("olt"), _all(True), _all(True))
define(
    np.signbit,
    lambda x: compare("olt", emit.op(math.CopySignOp(like(x, 1), x)), like(x, 0)),
    _all(False),
    u=_all(False),
)
