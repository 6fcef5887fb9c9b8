"""Products of the matrices in two arrays of higher rank: loops over slices, of which nothing is copied.

einsum("bihd,bjhd->bhij", q, k):  for b, for h:  s[b, h, :, :] = q[b, :, h, :] @ k[b, :, h, :].T
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from dialectad.frontend import emit
from dialectad.frontend.emit import Extent
from dialectad.frontend.loops import counted_loop

Multiply = Callable[[SSAValue, SSAValue], SSAValue]


@dataclass(frozen=True)
class Stack:
    """Which axes of an array tell matrices (or vectors) apart, and which are those of a matrix."""

    axes: tuple[int | None, ...]
    "One for each axis of the stack; None where the array has none: all matrices along it are the same."
    core: tuple[int, ...]
    "Rows and columns, or the elements of a vector."

    @staticmethod
    def leading(rank: int, stack: int, core: int) -> Stack:
        """Of an array with its matrices last, that broadcasts to a stack of so many axes."""
        own = rank - core
        return Stack((*[None] * (stack - own), *range(own)), tuple(range(own, rank)))

    def is_transposed(self) -> bool:
        """Whether the columns are the earlier axis."""
        return list(self.core) != sorted(self.core)

    def slice(
        self, shape: Sequence[Extent], place: Sequence[Extent]
    ) -> tuple[list[Extent], list[Extent], frozenset[int]]:
        """Offsets, sizes and what axes are dropped, for the matrix in one place; a unit axis repeats it."""
        sizes = list(shape)
        offsets: list[Extent] = [0] * len(sizes)
        for axis, index in zip(self.axes, place, strict=True):
            if axis is not None:
                offsets[axis] = 0 if _is_one(sizes[axis]) else index
                sizes[axis] = 1
        return offsets, sizes, frozenset(axis for axis in self.axes if axis is not None)


def _is_one(extent: Extent) -> bool:
    return isinstance(extent, int) and extent == 1


def _matrix(value: SSAValue, stack: Stack, place: Sequence[Extent], is_transposed: bool) -> SSAValue:
    offsets, sizes, dropped = stack.slice(emit.shape(value), place)
    part = emit.extract_slice(value, offsets, sizes, [1] * len(sizes), dropped) if dropped else value
    return emit.transpose(part, [1, 0]) if len(stack.core) == 2 and is_transposed else part


def stacked_products(
    multiply: Multiply,
    x: tuple[SSAValue, Stack],
    y: tuple[SSAValue, Stack],
    result: tuple[Sequence[Extent], Stack],
) -> SSAValue:
    """The products of the matrices of two stacks, place by place, in an array of the shape in `result`."""
    shape, into = result
    turned = into.is_transposed()

    def product(place: Sequence[Extent], written: SSAValue) -> SSAValue:
        factors = [_matrix(v, stack, place, stack.is_transposed() != turned) for v, stack in (x, y)]
        value = multiply(*(reversed(factors) if turned else factors))
        offsets, sizes, _ = into.slice(shape, place)
        return emit.insert_slice(value, written, offsets, sizes, [1] * len(sizes))

    def nest(place: Sequence[Extent], written: SSAValue) -> SSAValue:
        if len(place) == len(into.axes):
            return product(place, written)
        axis = into.axes[len(place)]
        assert axis is not None
        if _is_one(shape[axis]):
            return nest([*place, 0], written)
        return counted_loop(shape[axis], written, lambda i, value: nest([*place, i], value))

    return nest([], emit.empty(shape, emit.element(x[0])))
