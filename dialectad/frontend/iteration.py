"""What a staged `for` can run over: ranges and arrays, and `enumerate`, `zip`, `reversed` of these."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.iterators import steps
from dialectad.frontend.tracers import CALLS, Array, Scalar, Tracer, lift
from dialectad.frontend.tracing import active, error


@dataclass(frozen=True)
class Staged:
    """Items that can be computed from their number: loop from `lower` to `upper` by `step`."""

    lower: Extent
    upper: Extent
    step: int
    item: Callable[[SSAValue], Any]
    """The item for a value of the loop's index."""
    python: Callable[[], Iterable[Any]] | None = None
    """The items with known indices, if the count is known."""

    @property
    def count(self) -> int | None:
        """The number of items, if it is known."""
        if isinstance(self.lower, int) and isinstance(self.upper, int):
            return len(range(self.lower, self.upper, self.step))
        return None

    @property
    def at_least_once(self) -> bool:
        return bool(self.count)

    def bounds(self) -> tuple[SSAValue, SSAValue, SSAValue]:
        return emit.index(self.lower), emit.index(self.upper), emit.constant(self.step, INDEX)

    def unrolled(self) -> Iterable[Any]:
        assert self.python is not None
        return self.python()

    def __iter__(self) -> Iterator[Any]:
        if self.count is None:
            raise error(
                "these items can't be listed while compiling: their number is known only at run time",
                hint="loop over them, or put what is to be kept into an array",
            )
        return iter(self.unrolled())


class Unrolled:
    """Items over which a loop is unrolled on request."""

    def __init__(self, items: Iterable[Any]):
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


def unroll(items: Iterable[Any]) -> Unrolled:
    """Mark a loop to be unrolled while compiling: its index is a Python integer.

    Parameters
    ----------
    items : iterable
        What to run over; its length must be known while compiling.

    Examples
    --------
    >>> import dialectad as da
    >>> sum(i for i in da.unroll(range(4)))
    6
    """
    return Unrolled(items)


def staged_iterable(items: Any) -> Staged | None:
    """How to run over `items` in a compiled loop, or None if Python must."""
    if isinstance(items, Staged):
        return items
    if isinstance(items, range):
        return _range(items.start, items.stop, items.step)
    if isinstance(items, Array | Complex) or (isinstance(items, np.ndarray) and items.dtype.kind in "fiubc"):
        return _rows(lift(items))
    return None


def _interval(x: Any) -> tuple[int, int] | None:
    return (x, x) if isinstance(x, int) else x.interval


def _extent(x: Any) -> Extent:
    return int(x) if isinstance(x, int | np.integer) else x.index()


def _range(start: Any, stop: Any, step: int) -> Staged:
    """`range`, of Python integers or traced ones. A negative step counts upwards in the IR."""
    first, last = _interval(start), _interval(stop)
    numbers = range(start, stop, step) if isinstance(start, int) and isinstance(stop, int) else None
    if numbers:  # the last one may be far from `stop`
        last = (numbers[-1] + 1, numbers[-1] + 1) if step > 0 else (numbers[-1] - 1, numbers[-1] - 1)
    python = None if numbers is None else lambda: numbers
    if step > 0:
        interval = (first[0], last[1] - 1) if first and last else None

        def item(i: SSAValue) -> Scalar:
            return Scalar(i, weak=True, interval=interval)

        return Staged(_extent(start), _extent(stop), step, item, python)
    distance = emit.sub_index(_extent(start), _extent(stop))
    interval = (last[0] + 1, first[1]) if first and last else None

    def descending(i: SSAValue) -> Scalar:
        return Scalar(emit.op(arith.SubiOp(emit.index(_extent(start)), i)), weak=True, interval=interval)

    return Staged(0, distance, -step, descending, python)


def _rows(array: Any) -> Staged:
    if not array.ndim:
        raise error("iteration over a 0-d array", kind=UnsupportedTypeError)
    extent = array.extents[0]
    interval = (0, extent - 1) if isinstance(extent, int) else None
    count = extent if isinstance(extent, int) else 0
    return Staged(
        0,
        extent,
        1,
        lambda i: array[Scalar(i, weak=True, interval=interval)],
        lambda: (array[i] for i in range(count)),
    )


# --- the builtins that make iterables ----------------------------------------------------------


def traced_range(*bounds: Any) -> Any:
    """`range`; its bounds and its step may be traced."""
    bounds = tuple(b.item() if isinstance(b, Array) and b.size == 1 else b for b in bounds)
    if not any(isinstance(b, Tracer) for b in bounds):
        return range(*bounds)
    for b in bounds:
        if isinstance(b, Tracer) and not dtypes.is_integral(b.dtype):
            raise error(f"a range of {b.dtype} numbers", kind=UnsupportedTypeError)
    start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if isinstance(step, Scalar):
        return _range_of_any_step(start, stop, step)
    if step == 0:
        raise error("range() arg 3 must not be zero")
    return _range(start, stop, int(step))


def _range_of_any_step(start: Any, stop: Any, step: Scalar) -> Staged:
    """`range` with a step of which not even the sign is known: `i` of `count` gives `start + i * step`."""
    first, last, by = emit.index(_extent(start)), emit.index(_extent(stop)), step.index()
    zero = emit.constant(0, INDEX)
    emit.check(emit.compare("ne", by, zero), "ValueError: range() arg 3 must not be zero")
    up = emit.compare("sgt", by, zero)
    forth, back = emit.sub_index(last, first), emit.sub_index(first, last)
    distance = emit.op(arith.MaxSIOp(emit.select(up, emit.index(forth), emit.index(back)), zero))
    size = emit.select(up, by, emit.index(emit.sub_index(0, by)))
    rounded = emit.sub_index(emit.add_index(distance, size), 1)
    count = emit.op(arith.DivUIOp(emit.index(rounded), size))

    def item(i: SSAValue) -> Scalar:
        return Scalar(emit.index(emit.add_index(first, emit.mul_index(i, by))), weak=True)

    return Staged(0, count, 1, item)


def traced_enumerate(items: Any, start: int = 0) -> Any:
    """`enumerate`"""
    staged = staged_iterable(items) if active() else None
    if staged is None or isinstance(items, list | tuple):
        return steps(enumerate(items, start))
    return _numbered(staged, lambda number, item: (number + start, item))


def _numbered(staged: Staged, combine: Callable[[Any, Any], Any]) -> Staged:
    base, step = staged.lower, staged.step
    count = staged.count

    def item(i: SSAValue) -> Any:
        distance = emit.sub_index(i, base)
        assert isinstance(distance, SSAValue)
        number = emit.op(arith.DivUIOp(distance, emit.constant(step, INDEX))) if step != 1 else distance
        return combine(
            Scalar(number, weak=True, interval=None if count is None else (0, max(count - 1, 0))),
            staged.item(i),
        )

    def listed() -> Iterable[Any]:
        return (combine(number, it) for number, it in enumerate(staged.unrolled()))

    return Staged(staged.lower, staged.upper, step, item, listed if staged.python is not None else None)


def traced_zip(*columns: Any, strict: bool = False) -> Any:
    """`zip`; staged when every column is and their lengths are known."""
    staged = [staged_iterable(c) for c in columns]
    counts = [s.count for s in staged if s is not None]
    if not staged or any(s is None for s in staged) or None in counts:
        return steps(zip(*columns, strict=strict))
    if strict and len(set(counts)) > 1:
        raise error("zip() arguments have different lengths", kind=UnsupportedTypeError)
    known = [s for s in staged if s is not None]
    count = min(c for c in counts if c is not None)

    def item(i: SSAValue) -> Any:
        return tuple(s.item(_position(s, i)) for s in known)

    return Staged(0, count, 1, item, lambda: zip(*(s.unrolled() for s in known), strict=False))


def _position(staged: Staged, number: SSAValue) -> SSAValue:
    return emit.index(emit.add_index(emit.mul_index(number, staged.step), staged.lower))


def traced_reversed(items: Any) -> Any:
    """`reversed`"""
    staged = staged_iterable(items) if active() and not isinstance(items, list | tuple) else None
    if isinstance(items, range) or staged is None or staged.count is None:
        if staged is not None and staged.count is None:
            raise error(
                "reversed() of items whose number is known only at run time",
                hint="loop over the indices backwards: range(n - 1, -1, -1)",
            )
        return reversed_range(items) if isinstance(items, range) else steps(reversed(items))
    count = staged.count

    def item(i: SSAValue) -> Any:
        number = emit.sub_index(count - 1, i)
        assert isinstance(number, SSAValue)
        return staged.item(_position(staged, number))

    return Staged(0, count, 1, item, lambda: reversed(list(staged.unrolled())))


def reversed_range(r: range) -> range:
    """The same numbers in the opposite order, as a range."""
    return range(r.start + (len(r) - 1) * r.step, r.start - r.step, -r.step)


# --- NumPy's iterators -------------------------------------------------------------------------


def _grid(shape: tuple[int, ...], item: Callable[[tuple[Any, ...]], Any]) -> Staged:
    """The items of all places of a shape, the last index moving fastest."""
    count = math.prod(shape)

    def staged(number: SSAValue) -> Any:
        indices: list[Any] = []
        for extent in reversed(shape):
            of = emit.constant(extent, INDEX)
            place = emit.op(arith.RemUIOp(number, of))
            number = emit.op(arith.DivUIOp(number, of))
            indices.append(Scalar(place, weak=True, interval=(0, extent - 1)))
        return item(tuple(reversed(indices)))

    return Staged(0, count, 1, staged, lambda: map(item, np.ndindex(*shape)))


def _known_extents(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if any(isinstance(n, Tracer) for n in shape):
        raise error(
            "an iteration over all places of a shape that is known only at run time",
            hint="nest loops over range()",
        )
    return tuple(map(int, shape))


def traced_ndindex(*shape: Any) -> Any:
    """`np.ndindex`"""
    if len(shape) == 1 and isinstance(shape[0], tuple):
        shape = shape[0]
    return _grid(_known_extents(shape), lambda place: place)


def traced_ndenumerate(array: Any) -> Any:
    """`np.ndenumerate`"""
    items: Any = lift(array)
    return _grid(_known_extents(items.shape), lambda place: (place, items[place]))


CALLS.update({np.ndindex: traced_ndindex, np.ndenumerate: traced_ndenumerate})
CALLS.update({range: traced_range, enumerate: traced_enumerate, zip: traced_zip, reversed: traced_reversed})
