"""The caches of `ad` to `llvm`: a stack is a pointer, a size and a capacity, each a variable of the function.

Sizes count elements. Three variables rather than a struct, so that LLVM keeps them in registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects import llvm
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, MemRefType, i64
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import ad
from dialectad.lower.llvm.function import (
    OUT_OF_MEMORY,
    Extent,
    FunctionLowering,
    Handler,
    View,
    byte_size,
    ptr,
    storage_type,
)

_ON_THE_STACK = 4096
"""A cache that is known to take at most so many bytes lives in the function's frame."""

_FIRST_CAPACITY = 256
"""Elements that a growing cache has room for at first."""

_SGT = IntegerAttr(4, i64)


@dataclass(frozen=True)
class Stack:
    """What an `ad.cache` is at compile time."""

    element: Attribute
    pointer: SSAValue
    """The slot with the address of the first element; for a cache in the frame, that address itself."""
    size: SSAValue
    """The slot with the number of elements in use."""
    capacity: SSAValue | None
    """The slot with the number of elements there is room for; None when it can't be exceeded."""
    in_frame: bool = False

    def base(self, f: FunctionLowering) -> SSAValue:
        """The address of the first element."""
        return self.pointer if self.in_frame else f.load(self.pointer, ptr)


def _cache(f: FunctionLowering, op: ad.CacheOp) -> None:
    content = op.result.type.element_type
    element, count = content, 1
    static = True
    if isinstance(content, MemRefType):
        element, static = content.element_type, DYNAMIC_INDEX not in content.get_shape()
        count = prod(content.get_shape()) if static else 1
    size = f.slot(i64)
    f.store(f.int_constant(0), size)
    if op.capacity is None or not static:
        pointer, capacity = f.new_heap_slot(), f.slot(i64)
        f.store(f.null(), pointer)
        f.store(f.int_constant(0), capacity)
        f.set(op.result, Stack(element, pointer, size, capacity))
        return
    room = f.mul(f.extent(op.capacity), count)
    if isinstance(room, int) and room * byte_size(element) <= _ON_THE_STACK:
        frame = f.stack(storage_type(element), max(room, 1), 64)
        f.set(op.result, Stack(element, frame, size, None, in_frame=True))
        return
    pointer = f.new_heap_slot()
    f.malloc(f.mul(room, byte_size(element)), pointer)
    f.set(op.result, Stack(element, pointer, size, None))


def _reserve_room(f: FunctionLowering, stack: Stack, count: Extent) -> SSAValue:
    """Take `count` elements on top of the stack; gives their address."""
    used = f.load(stack.size, i64)
    after = f.as_value(f.add(used, count))
    if stack.capacity is not None:
        capacity_slot = stack.capacity
        capacity = f.load(capacity_slot, i64)

        def grow() -> None:
            doubled = f.as_value(f.mul(capacity, 2))
            least = f.intrinsic("llvm.smax", [doubled, f.int_constant(_FIRST_CAPACITY)], i64)
            room = f.intrinsic("llvm.smax", [least, after], i64)
            bytes_ = f.as_value(f.mul(room, byte_size(stack.element)))
            grown = f.call("realloc", [f.load(stack.pointer, ptr), bytes_], ptr)
            assert grown is not None
            f.leave_if(f.is_null(grown), f.int_constant(OUT_OF_MEMORY))
            f.store(grown, stack.pointer)
            f.store(room, capacity_slot)

        f.when(f.compare(_SGT, after, capacity), grow)
    f.store(after, stack.size)
    return f.element_pointer(stack.base(f), used, stack.element)


def _drop(f: FunctionLowering, stack: Stack, count: Extent) -> SSAValue:
    """Give back `count` elements from the top of the stack; gives their address, still valid."""
    used = f.load(stack.size, i64)
    below = f.integer(llvm.SubOp, used, f.as_value(count), IntegerAttr(1, 32))
    f.store(below, stack.size)
    return f.element_pointer(stack.base(f), below, stack.element)


def _stack(f: FunctionLowering, cache: SSAValue) -> Stack:
    stack = f.values[cache]
    assert isinstance(stack, Stack)
    return stack


def _push(f: FunctionLowering, op: ad.PushOp) -> None:
    f.store(f.get(op.value), _reserve_room(f, _stack(f, op.cache), 1))


def _slot_view(f: FunctionLowering, t: MemRefType, sizes: list[Extent], address: SSAValue) -> View:
    return View(address, t.element_type, tuple(sizes), tuple(f.row_major(sizes)))


def _sizes(f: FunctionLowering, t: MemRefType, operands: object) -> list[Extent]:
    dynamic = iter(operands)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return [f.extent(next(dynamic)) if size == DYNAMIC_INDEX else size for size in t.get_shape()]


def _reserve(f: FunctionLowering, op: ad.ReserveOp) -> None:
    t = op.result.type
    assert isinstance(t, MemRefType)
    sizes = _sizes(f, t, op.sizes)
    address = _reserve_room(f, _stack(f, op.cache), f.product(sizes))
    f.set(op.result, _slot_view(f, t, sizes, address))


def _pop(f: FunctionLowering, op: ad.PopOp) -> None:
    stack, t = _stack(f, op.cache), op.result.type
    if not isinstance(t, MemRefType):
        f.set(op.result, f.load(_drop(f, stack, 1), t))
        return
    sizes = _sizes(f, t, op.sizes)
    f.set(op.result, _slot_view(f, t, sizes, _drop(f, stack, f.product(sizes))))


def _release(f: FunctionLowering, op: ad.ReleaseOp) -> None:
    stack = _stack(f, op.cache)
    if not stack.in_frame:
        f.free(f.load(stack.pointer, ptr))
        f.store(f.null(), stack.pointer)


HANDLERS: dict[type[Operation], Handler] = {
    ad.CacheOp: _cache,
    ad.PushOp: _push,
    ad.ReserveOp: _reserve,
    ad.PopOp: _pop,
    ad.ReleaseOp: _release,
}
