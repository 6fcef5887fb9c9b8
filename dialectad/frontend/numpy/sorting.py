"""Sorting, by the order of elements along an axis (`order.argsort`) and what is picked by it.

Every `kind` is stable here, and NaN comes last, as in NumPy. What is sorted is moved: its derivative goes
where its elements came from; among equals the first is the first that there was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.dialects import order as order_dialect
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import INDEX, INT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.gathering import for_each
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    implements,
    normalize_axis,
    signed_order,
    total,
)
from dialectad.frontend.tracers import Array, Tracer
from dialectad.frontend.tracing import error

_KINDS = ("quicksort", "mergesort", "heapsort", "stable")


class Rows:
    """An array as a matrix: its rows lie along some of its axes, in C order."""

    def __init__(self, source: Any, axes: Sequence[int]):
        shape = source.extents
        self.axes = tuple(sorted(axes))
        kept = [i for i in range(len(shape)) if i not in self.axes]
        self.permutation = [*kept, *self.axes]
        self.outer: tuple[Extent, ...] = tuple(shape[i] for i in kept)
        self.count = total(self.outer)
        self.length = total(shape[i] for i in self.axes)
        across = emit.transpose(source.ssa(), self.permutation)
        self.value = emit.reshape(across, [self.count, self.length])

    @classmethod
    def along(cls, a: Any, axis: Any) -> Rows:
        """The rows along one axis, or with None one row of all elements."""
        source: Any = np.ravel(array(a)) if axis is None else array(a)
        return cls(source, [0 if axis is None else normalize_axis(axis, source.ndim)])

    def order(self) -> SSAValue:
        """Which elements of each row come first, second, ..."""
        shape = [self.count, self.length]
        numbers = emit.empty(shape, dtypes.to_ir(INT64))
        return emit.op(order_dialect.ArgsortOp(signed_order(self.value), numbers))

    def pick(self, numbers: SSAValue, value: SSAValue | None = None) -> SSAValue:
        """The elements (of a matrix of this shape) that each row of a matrix of numbers tells."""
        source = self.value if value is None else value
        shape = emit.shape(numbers)

        def body(at: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
            number = emit.cast(emit.extract(numbers, list(at)), INDEX)
            return emit.insert(emit.extract(source, [at[0], number]), out, list(at))

        return for_each(shape, emit.empty(shape, emit.element(source)), body)

    def back(self, value: SSAValue) -> Array:
        """A matrix with rows of any length as an array with its axes where they were."""
        apart = emit.reshape(value, [*self.outer, emit.shape(value)[1]])
        inverse = [self.permutation.index(i) for i in range(len(self.permutation))]
        return Array.fresh(emit.transpose(apart, inverse))


def _check_kind(kind: Any, order: Any, stable: Any) -> None:
    if order is not None:
        raise error("Cannot specify order when the array has no fields.", kind=ShapeError)
    if kind is None:
        return
    if stable is not None:
        raise error("`kind` and `stable` parameters can't be provided at the same time.", kind=ShapeError)
    if not isinstance(kind, str):
        raise error("sort kind must be a string", kind=UnsupportedTypeError)
    if kind.lower()[:1] not in {k[0] for k in _KINDS}:
        known = ", ".join(map(repr, _KINDS))
        raise error(f"sort kind must be one of {known} (got {kind!r})", kind=ShapeError)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Array:
    """numpy.argsort"""
    _check_kind(kind, order, stable)
    rows = Rows.along(np.ravel(array(a)) if array(a).ndim == 0 else a, axis)
    return rows.back(rows.order())


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Array:
    """numpy.sort"""
    _check_kind(kind, order, stable)
    rows = Rows.along(a, axis)
    return rows.back(rows.pick(rows.order()))


def sort_in_place(
    self: Array, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """ndarray.sort"""
    axis = concrete_int(axis, "an axis")
    self.write(sort(self, axis, kind, order, stable=stable).ssa())


def _check_partition(a: Any, kth: Any, axis: Any, kind: Any, order: Any) -> None:
    """Whatever `kth` is, a sorted array is partitioned; but the numbers must be in range."""
    if order is not None:
        raise error("Cannot specify order when the array has no fields.", kind=ShapeError)
    if kind != "introselect":
        raise error(f"select kind must be 'introselect' (got {kind!r})", kind=ShapeError)
    source = array(a)
    d = None if axis is None else normalize_axis(axis, source.ndim)
    n = total(source.extents) if d is None else source.extents[d]
    if isinstance(kth, Tracer):
        raise error("`kth` must be known while the function is compiled", hint="use numpy.sort")
    numbers = np.asarray(kth)
    if numbers.dtype.kind != "i":
        raise error("Partition index must be integer", kind=UnsupportedTypeError)
    for k in numbers.ravel().tolist():
        message = f"kth(={k}) out of bounds ({n})"
        if isinstance(n, int):
            if not -n <= k < n:
                raise error(message, kind=ShapeError)
        else:
            least = emit.constant(k + 1 if k >= 0 else -k, INDEX)
            emit.check(emit.compare("sge", n, least), f"ValueError: kth(={k}) out of bounds")


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Array:
    """numpy.partition: sorts"""
    _check_partition(a, kth, axis, kind, order)
    return sort(a, axis)


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Array:
    """numpy.argpartition: sorts"""
    _check_partition(a, kth, axis, kind, order)
    return argsort(a, axis)


def partition_in_place(
    self: Array, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> None:
    """ndarray.partition"""
    self.write(partition(self, kth, concrete_int(axis, "an axis"), kind, order).ssa())


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Array:
    """numpy.lexsort: by the last key, equal ones by the one before it, and so on"""
    every: Sequence[Any] = list(keys)
    if not every:
        raise error("need sequence of keys with len > 0 in lexsort", kind=UnsupportedTypeError)
    first = Rows.along(every[0], axis)
    found = first.order()
    for key in every[1:]:
        rows = Rows.along(key, axis)
        ordered = Rows.along(rows.back(rows.pick(found)), axis)
        found = first.pick(ordered.order(), found)
    return first.back(found)
