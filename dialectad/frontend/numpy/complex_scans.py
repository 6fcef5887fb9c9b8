"""Products of complex numbers along the first axis: loops that carry both parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.frontend import emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.support import loop
from dialectad.frontend.tracers import wrap


def _times(a: SSAValue, b: SSAValue, c: SSAValue, d: SSAValue) -> tuple[SSAValue, SSAValue]:
    """(a + ib)(c + id)"""

    def product(x: SSAValue, y: SSAValue) -> SSAValue:
        return emit.op(arith.MulfOp(x, y))

    return (
        emit.op(arith.SubfOp(product(a, c), product(b, d))),
        emit.op(arith.AddfOp(product(a, d), product(b, c))),
    )


class _Rows:
    """The rows of tensors of one shape."""

    def __init__(self, shape: Sequence[Extent]):
        self.rest = list(shape[1:])

    def get(self, value: SSAValue, i: SSAValue) -> SSAValue:
        if not self.rest:
            return emit.extract(value, [i])
        sizes = [1, *self.rest]
        return emit.extract_slice(value, self._at(i), sizes, [1] * len(sizes), frozenset({0}))

    def set(self, value: SSAValue, i: SSAValue, row: SSAValue) -> SSAValue:
        if not self.rest:
            return emit.insert(row, value, [i])
        sizes = [1, *self.rest]
        return emit.insert_slice(row, value, self._at(i), sizes, [1] * len(sizes))

    def _at(self, i: SSAValue) -> list[Extent]:
        return [i, *[0] * len(self.rest)]

    def filled(self, number: float, like: SSAValue) -> SSAValue:
        element = emit.element(like)
        return emit.full(self.rest, number, element) if self.rest else emit.constant(number, element)


def product(z: Complex) -> Complex:
    """The product of the rows."""
    re, im = z.re.ssa(), z.im.ssa()
    rows = _Rows(emit.shape(re))

    def body(i: SSAValue, a: SSAValue, b: SSAValue) -> Sequence[SSAValue]:
        return _times(a, b, rows.get(re, i), rows.get(im, i))

    return _wrapped(loop(emit.shape(re)[0], [rows.filled(1, re), rows.filled(0, re)], body))


def running_product(z: Complex) -> Complex:
    """The products of the rows up to each."""
    re, im = z.re.ssa(), z.im.ssa()
    shape = emit.shape(re)
    rows = _Rows(shape)

    def body(i: SSAValue, a: SSAValue, b: SSAValue, *outs: SSAValue) -> Sequence[SSAValue]:
        found = _times(a, b, rows.get(re, i), rows.get(im, i))
        return (*found, *(rows.set(out, i, row) for out, row in zip(outs, found, strict=True)))

    first = [rows.filled(1, re), rows.filled(0, re)]
    room = [emit.empty(shape, emit.element(re)) for _ in first]
    return _wrapped(loop(shape[0], [*first, *room], body)[2:])


def _wrapped(values: Sequence[SSAValue]) -> Any:
    return Complex(*map(wrap, values))
