"""Views: how the elements of an array lie in the storage of its base.

A view is a chain of steps from the base outwards. Each step can `get` its part of a tensor and `set` it
again, so that reading through a view is a chain of slices, and writing through it a chain of insertions.
A step `here` is the same in terms of the function that is being traced.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import SSAValue

from dialectad.frontend import emit
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracing import current


@dataclass(frozen=True)
class Slice:
    """Per axis of what is sliced: an offset, a size and a positive stride; `dropped` axes have size one."""

    offsets: tuple[Extent, ...]
    sizes: tuple[Extent, ...]
    strides: tuple[int, ...]
    dropped: frozenset[int]

    def get(self, whole: SSAValue) -> SSAValue:
        return emit.extract_slice(whole, self.offsets, self.sizes, self.strides, self.dropped)

    def set(self, whole: SSAValue, part: SSAValue) -> SSAValue:
        return emit.insert_slice(part, whole, self.offsets, self.sizes, self.strides)

    def then(self, inner: Slice) -> Slice:
        """The slice of a slice as one slice."""
        offsets, sizes, strides = list(self.offsets), list(self.sizes), list(self.strides)
        dropped = set(self.dropped)
        kept = [axis for axis in range(len(offsets)) if axis not in self.dropped]
        for position, axis in enumerate(kept):
            step = emit.mul_index(inner.offsets[position], self.strides[axis])
            offsets[axis] = emit.add_index(self.offsets[axis], step)
            sizes[axis] = inner.sizes[position]
            strides[axis] = self.strides[axis] * inner.strides[position]
            if position in inner.dropped:
                dropped.add(axis)
        return Slice(tuple(offsets), tuple(sizes), tuple(strides), frozenset(dropped))

    def here(self) -> Slice:
        return Slice(_here(self.offsets), _here(self.sizes), self.strides, self.dropped)

    @property
    def is_element(self) -> bool:
        """Whether every axis is dropped."""
        return len(self.dropped) == len(self.offsets)


@dataclass(frozen=True)
class Permute:
    """The axes in another order."""

    permutation: tuple[int, ...]

    def here(self) -> Permute:
        return self

    def get(self, whole: SSAValue) -> SSAValue:
        return emit.transpose(whole, self.permutation)

    def set(self, whole: SSAValue, part: SSAValue) -> SSAValue:
        inverse = sorted(range(len(self.permutation)), key=self.permutation.__getitem__)
        return emit.transpose(part, inverse)


@dataclass(frozen=True)
class Reshape:
    """The same elements in row-major order, under another shape."""

    before: tuple[Extent, ...]
    after: tuple[Extent, ...]

    def here(self) -> Reshape:
        return Reshape(_here(self.before), _here(self.after))

    def get(self, whole: SSAValue) -> SSAValue:
        return emit.reshape(whole, self.after)

    def set(self, whole: SSAValue, part: SSAValue) -> SSAValue:
        return emit.reshape(part, self.before)


@dataclass(frozen=True)
class Flip:
    """Some axes in reverse."""

    axes: frozenset[int]

    def here(self) -> Flip:
        return self

    def get(self, whole: SSAValue) -> SSAValue:
        return flip(whole, self.axes)

    def set(self, whole: SSAValue, part: SSAValue) -> SSAValue:
        return flip(part, self.axes)


def flip(value: SSAValue, axes: frozenset[int]) -> SSAValue:
    """`value` with the order of the elements along `axes` reversed.

    An affine map says that of an axis whose extent is known; the others take a loop over slices.
    """
    static = frozenset(axis for axis in axes if isinstance(emit.shape(value)[axis], int))
    if static:
        value = emit.flip(value, static)
    for axis in sorted(axes - static):
        value = _flip_by_slices(value, axis)
    return value


def _flip_by_slices(value: SSAValue, axis: int) -> SSAValue:
    from dialectad.frontend.gathering import for_each

    extents = emit.shape(value)
    sizes = [1 if k == axis else n for k, n in enumerate(extents)]
    strides = [1] * len(extents)

    def at(place: Extent) -> list[Extent]:
        return [place if k == axis else 0 for k in range(len(extents))]

    def move(position: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
        mirrored = emit.sub_index(emit.sub_index(extents[axis], 1), position[0])
        part = emit.extract_slice(value, at(mirrored), sizes, strides)
        return emit.insert_slice(part, out, at(position[0]), sizes, strides)

    return for_each([extents[axis]], emit.empty(extents, emit.element(value)), move)


Step = Slice | Permute | Reshape | Flip
View = tuple[Step, ...]


def _here(extents: tuple[Extent, ...]) -> tuple[Extent, ...]:
    """Extents of the functions around, as they are known in the one that is being traced."""
    if all(isinstance(n, int) for n in extents):
        return extents
    return tuple(n if isinstance(n, int) else current().resolve(n) for n in extents)


def here(view: View) -> View:
    """The view as it is known in the function that is being traced."""
    return tuple(step.here() for step in view)


def extend(view: View, step: Step) -> View:
    """`view` with one more step; slices of slices become one."""
    if isinstance(step, Slice) and view and isinstance(view[-1], Slice):
        return (*view[:-1], view[-1].then(step))
    if isinstance(step, Permute) and view and isinstance(view[-1], Permute):
        first = view[-1].permutation
        return (*view[:-1], Permute(tuple(first[p] for p in step.permutation)))
    return (*view, step)


def get(view: View, base: SSAValue) -> SSAValue:
    """The part of `base` that the view shows."""
    for step in view:
        base = step.get(base)
    return base


def set_(view: View, base: SSAValue, part: SSAValue) -> SSAValue:
    """`base` with the part that the view shows replaced."""
    if not view:
        return part
    first, *rest = view
    if rest:
        part = set_(tuple(rest), first.get(base), part)
    return first.set(base, part)
