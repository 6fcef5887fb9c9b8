"""What a slice selects of an axis, as NumPy has it, also where a bound or the axis is known only at run time.

A slice with a negative step selects an ascending part, which is reversed afterwards: `x[i:j:-1]` are the
elements from `j + 1` to `i + 1`, backwards. So both kinds have a lower and an upper limit, from 0 to the
extent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xdsl.dialects import arith

from dialectad.errors import IndexRangeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import Array, Interval, Scalar, Tracer, lift
from dialectad.frontend.tracing import error

_UNKNOWN: Interval = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Part:
    """What a slice selects of one axis: `size` elements from `offset` on; `reversed` afterwards."""

    offset: Extent
    size: Extent
    stride: int
    reversed: bool = False


def slice_of(key: slice, extent: Extent) -> Part:
    """What a slice selects of an axis."""
    if isinstance(key.step, Tracer):
        raise error(
            "the step of a slice must be known while the function is compiled",
            hint="write a loop over the indices, or index by numpy.arange",
        )
    step = 1 if key.step is None else int(key.step)
    if step == 0:
        raise error("slice step cannot be zero", kind=IndexRangeError)
    if isinstance(extent, int) and not isinstance(key.start, Tracer) and not isinstance(key.stop, Tracer):
        return _static(key, extent, step)
    start, stop = (None if bound is None else _scalar(bound) for bound in (key.start, key.stop))
    return _ascending(start, stop, step, extent) if step > 0 else _descending(start, stop, -step, extent)


def _static(key: slice, extent: int, step: int) -> Part:
    start, stop, step = slice(_python_int(key.start), _python_int(key.stop), step).indices(extent)
    size = len(range(start, stop, step))
    if step < 0:
        return Part(start + (size - 1) * step if size else 0, size, -step, reversed=True)
    return Part(start if size else min(start, extent), size, step)


def _python_int(x: Any) -> Any:
    return x if x is None else int(x)


def _scalar(bound: Any) -> Scalar:
    if isinstance(bound, Array) and bound.ndim == 0:
        return Scalar(emit.extract(bound.ssa(), []))
    tracer = lift(bound)
    if not isinstance(tracer, Scalar) or not dtypes.is_integral(tracer.dtype):
        raise error("slice indices must be integers or None", kind=UnsupportedTypeError)
    return tracer


def _ascending(start: Scalar | None, stop: Scalar | None, step: int, extent: Extent) -> Part:
    if step == 1 and start is not None and stop is not None and _fits(start, stop, extent):
        return Part(start.index(), _distance(start, stop) or 0, step)
    lower = 0 if start is None else _limit(start, extent)
    upper = extent if stop is None else _limit(stop, extent)
    ordered = start is None or stop is None or _in_order(start, stop)
    return Part(_known(lower), _count(lower, upper, step, ordered), step)


def _descending(start: Scalar | None, stop: Scalar | None, step: int, extent: Extent) -> Part:
    """From `start` down to behind `stop`, `step` places at a time."""
    lower = 0 if stop is None else _limit(stop, extent, behind=True)
    upper = extent if start is None else _limit(start, extent, behind=True)
    ordered = start is None or stop is None or _in_order(stop, start)
    size = _count(lower, upper, step, ordered)
    if step == 1:
        return Part(_known(lower), size, step, reversed=True)
    zero = emit.constant(0, INDEX)
    more = emit.op(arith.MaxSIOp(emit.index(emit.sub_index(size, 1)), zero))  # elements after the first
    offset = emit.sub_index(emit.sub_index(upper, 1), emit.mul_index(more, step))
    # Where nothing is selected, `upper` may be 0; the offset must lie in the axis all the same.
    return Part(_known(emit.op(arith.MaxSIOp(emit.index(offset), zero))), size, step, reversed=True)


def _count(lower: Extent, upper: Extent, step: int, ordered: bool) -> Extent:
    """How many elements there are from `lower` to `upper`, which may lie before it unless `ordered`."""
    size = emit.sub_index(upper, lower)
    if not ordered:
        size = emit.op(arith.MaxSIOp(emit.index(size), emit.constant(0, INDEX)))
    if step != 1:
        size = emit.add_index(size, step - 1)
        size = emit.op(arith.DivUIOp(emit.index(size), emit.constant(step, INDEX)))
    return _known(size)


def _known(value: Extent) -> Extent:
    if isinstance(value, int):
        return value
    constant = emit.static(value)
    return value if constant is None else constant


def _distance(start: Scalar, stop: Scalar) -> int | None:
    """How much `stop` is more than `start`, if that is known and not negative."""
    (base, low), (other, high) = start.offset, stop.offset
    return high - low if base is other and high >= low else None


def _in_order(lower: Scalar, upper: Scalar) -> bool:
    """Whether one bound is known not to be behind the other, counted from the front.

    Both must have the same sign: a negative bound counts from the end.
    """
    a, b = lower.interval or _UNKNOWN, upper.interval or _UNKNOWN
    same_sign = (a[0] >= 0 and (b[0] >= 0 or _distance(lower, upper) is not None)) or (a[1] < 0 and b[1] < 0)
    return same_sign and (a[1] <= b[0] or _distance(lower, upper) is not None)


def _fits(start: Scalar, stop: Scalar, extent: Extent) -> bool:
    """Whether `a[start:stop]` has a known size, and is known to need no shortening."""
    low, high = start.interval or _UNKNOWN
    size = _distance(start, stop)
    return size is not None and isinstance(extent, int) and low >= 0 and high + size <= extent


def _limit(bound: Scalar, extent: Extent, behind: bool = False) -> Extent:
    """The place of a bound, or the one `behind` it: counted from the front, and within the axis."""
    low, high = bound.interval or _UNKNOWN
    value = bound.index()
    limit, zero = emit.index(extent), emit.constant(0, INDEX)
    if low < 0:
        wrapped = emit.op(arith.AddiOp(value, limit))
        value = emit.select(emit.compare("slt", value, zero), wrapped, value)
    fits = high <= extent - behind if isinstance(extent, int) else bound.value is extent and not behind
    if not fits:  # clamped before one is added, which could overflow
        value = emit.op(arith.MinSIOp(value, emit.index(emit.sub_index(extent, int(behind)))))
    if behind:
        value = emit.index(emit.add_index(value, 1))
    return emit.op(arith.MaxSIOp(value, zero)) if low < 0 else value
