"""The caches of `ad` to `llvm`: a stack is a pointer, a size and a capacity, each a variable of the function.

Sizes count elements. Three variables rather than a struct, so that LLVM keeps them in registers. On a tape, a
cache is its elements and then their number. Where the
function is still to be differentiated, a stack that grows is a handle, and what is done with it are calls
that LLVM can't look into.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from xdsl.dialects import llvm
from xdsl.dialects.builtin import DYNAMIC_INDEX, BoolAttr, IntegerAttr, MemRefType, i8, i64
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import ad
from dialectad.dialects import llvm as more_llvm
from dialectad.lower.llvm.function import (
    DIFFERENT,
    NSW,
    OUT_OF_MEMORY,
    Extent,
    FunctionLowering,
    Handler,
    View,
    byte_size,
    ptr,
    scalar_type,
    storage_type,
)
from dialectad.lower.llvm.stacks import HEADER, Stack
from dialectad.lower.llvm_libraries import CACHE, END_CACHE, POP, POP_SLOT, PUSH, RESERVE, SLOTS

_ON_TAPE = 8
"""What lies on a tape takes a multiple of so many bytes."""

_FIRST_CAPACITY = 256
"""Elements that a growing cache has room for at first."""

_SLE, _SGT = IntegerAttr(3, i64), IntegerAttr(4, i64)


_KEPT_AT_MOST = 2**28
"""Bytes of a cache that are kept for the next call; a larger one is given back."""

_HEADERS = 8
"""How many multiples of `HEADER` are in use, so that large blocks, which the system puts at the start of a
page, don't look alike (Note [Apart by less than a page])."""


@dataclass(frozen=True)
class Handle:
    """What an `ad.cache` is at compile time that is to be one again, see `differentiated.py`."""

    element: Attribute
    value: SSAValue
    scope: Mapping[str, Attribute]

    def call(
        self, f: FunctionLowering, name: str, operands: list[SSAValue], result: Attribute | None
    ) -> SSAValue | None:
        return f.call(f"{name}.{type_name(self.element)}", [self.value, *operands], result)


def type_name(element: Attribute) -> str:
    """What the names of functions end with that work on caches of such elements."""
    return str(scalar_type(element))


def _cache(f: FunctionLowering, op: ad.CacheOp) -> None:
    """Memory is kept from one call to the next: see Note [Arena]."""
    content = op.result.type.element_type
    element, count = content, 1
    static = True
    if ad.is_tape(op.result):
        element = i8
    elif isinstance(content, MemRefType):
        element, static = content.element_type, DYNAMIC_INDEX not in content.get_shape()
        count = prod(content.get_shape()) if static else 1
    fixed = op.capacity is not None and static
    if not fixed and not f.keeps_memory:
        f.set(op.result, _handle(f, op, element))
        return
    size = f.slot(i64)
    f.store(f.int_constant(0), size)
    room = f.mul(f.extent(op.capacity), count) if op.capacity is not None and static else 0
    if fixed and isinstance(room, int) and f.takes_frame(room * byte_size(element)):
        frame = f.stack(storage_type(element), max(room, 1), 64)
        f.set(op.result, Stack(element, frame, True, size, None))
        return
    if not f.keeps_memory:
        f.set(op.result, _own(f, op, element, size, room))
        return
    name = f"{f.name}.cache{len(f.module.kept)}"
    header = HEADER if ad.is_tape(op.result) else HEADER * (1 + len(f.module.kept) % _HEADERS * 7)
    f.module.keep(name)
    slot, available = f.new_heap_slot(), f.slot(i64)
    kept = f.exchange(name, f.null())
    f.store(kept, slot)
    f.store(f.int_constant(0), available)

    def look() -> None:
        f.store(f.load(kept, i64), available)

    f.when(f.compare(DIFFERENT, kept, f.null()), look, likely=True)
    scope = f.scopes.get(op, {})
    if fixed:
        _ensure(f, slot, available, f.as_value(f.mul(room, byte_size(element))), header)
        f.set(op.result, Stack(element, slot, False, size, None, name, scope, header))
        return
    bits = f.int_constant(byte_size(element).bit_length() - 1)
    capacity = f.emit(llvm.LShrOp.create(operands=[f.load(available, i64), bits], result_types=[i64]))
    f.store(capacity, available)
    f.set(op.result, Stack(element, slot, False, size, available, name, scope, header))


def _own(f: FunctionLowering, op: ad.CacheOp, element: Attribute, size: SSAValue, room: Extent) -> Stack:
    """A cache with memory of this call's, for `room` elements."""
    slot = f.new_heap_slot()
    f.malloc(f.add(f.mul(room, byte_size(element)), HEADER), slot)
    return Stack(element, slot, False, size, None, scope=f.scopes.get(op, {}))


def _handle(f: FunctionLowering, op: ad.CacheOp, element: Attribute) -> Handle:
    name = SLOTS if isinstance(op.result.type.element_type, MemRefType) else CACHE
    value = f.call(f"{name}.{type_name(element)}", [], ptr)
    assert value is not None
    value.name_hint = op.result.name_hint
    return Handle(element, value, f.scopes.get(op, {}))


def _ensure(f: FunctionLowering, slot: SSAValue, available: SSAValue, needed: SSAValue, header: int) -> None:
    """Replace the kept memory when it is too small."""

    def replace() -> None:
        f.free(f.load(slot, ptr))
        block = f.malloc(f.add(needed, header), slot)
        f.store(needed, block)

    f.when(f.compare(_SGT, needed, f.load(available, i64)), replace)


def _reserve_room(f: FunctionLowering, stack: Stack | Handle, count: Extent) -> SSAValue:
    """Take `count` elements on top of the stack; gives their address."""
    if isinstance(stack, Handle):
        address = stack.call(f, RESERVE, [f.as_value(count)], ptr)
        assert address is not None
        return address
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
            total = f.as_value(f.add(bytes_, stack.header))
            grown = f.call("realloc", [f.load(stack.block, ptr), total], ptr)
            assert grown is not None
            f.leave_if(f.is_null(grown), f.int_constant(OUT_OF_MEMORY))
            f.store(grown, stack.block)
            f.store(bytes_, grown)
            f.store(room, capacity_slot)

        f.when(f.compare(_SGT, after, capacity), grow)
    f.store(after, stack.size)
    return f.element_pointer(stack.base(f), used, stack.element)


def _drop(f: FunctionLowering, stack: Stack | Handle, count: Extent) -> SSAValue:
    """Give back `count` elements from the top of the stack; gives their address, still valid."""
    if isinstance(stack, Handle):
        address = stack.call(f, POP_SLOT, [f.as_value(count)], ptr)
        assert address is not None
        return address
    used = f.load(stack.size, i64)
    below = f.integer(llvm.SubOp, used, f.as_value(count), NSW)
    f.store(below, stack.size)
    return f.element_pointer(stack.base(f), below, stack.element)


def _stack(f: FunctionLowering, cache: SSAValue) -> Stack | Handle:
    stack = f.values[cache]
    assert isinstance(stack, Stack | Handle)
    return stack


def _taken(f: FunctionLowering, on: SSAValue, element: Attribute, count: Extent) -> Extent:
    """How many elements of the stack `on` these take."""
    if not ad.is_tape(on):
        return count
    bytes_ = f.mul(count, byte_size(element))
    if isinstance(bytes_, int):
        return -(-bytes_ // _ON_TAPE) * _ON_TAPE
    rounded = f.as_value(f.add(bytes_, _ON_TAPE - 1))
    mask = f.int_constant(-_ON_TAPE)
    return f.emit(llvm.AndOp.create(operands=[rounded, mask], result_types=[i64]))


def _push(f: FunctionLowering, op: ad.PushOp) -> None:
    stack = _stack(f, op.cache)
    if isinstance(stack, Handle):
        stack.call(f, PUSH, [f.get(op.value)], None)
    elif isinstance(op.value.type, ad.CacheType):
        _push_stack(f, op, stack)
    else:
        room = _taken(f, op.cache, op.value.type, 1)
        f.store(f.get(op.value), _reserve_room(f, stack, room), stack.scope)


def _push_stack(f: FunctionLowering, op: ad.PushOp, tape: Stack) -> None:
    stack = _stack(f, op.value)
    assert isinstance(stack, Stack)
    count = f.load(stack.size, i64)
    bytes_ = f.as_value(f.mul(count, byte_size(stack.element)))
    place = _reserve_room(f, tape, _taken(f, op.cache, stack.element, count))

    def copy() -> None:
        volatile = {"isVolatile": BoolAttr.from_bool(False)}
        operands = [place, stack.base(f), bytes_]
        f.block.add_op(more_llvm.MemcpyOp.create(operands=operands, properties=volatile))

    f.when(f.compare(DIFFERENT, count, f.int_constant(0)), copy, likely=True)
    f.store(count, _reserve_room(f, tape, _ON_TAPE), tape.scope)


def _pop_stack(f: FunctionLowering, op: ad.PopOp, tape: Stack) -> None:
    """What was kept is read where it is, for nothing is pushed on it any more."""
    type_ = op.result.type
    assert isinstance(type_, ad.CacheType)
    content = type_.element_type
    element = content.element_type if isinstance(content, MemRefType) else content
    count, size = f.load(_drop(f, tape, _ON_TAPE), i64, tape.scope), f.slot(i64)
    f.store(count, size)
    place = _drop(f, tape, _taken(f, op.cache, element, count))
    f.set(op.result, Stack(element, place, True, size, None, scope=tape.scope))


def _slot_view(
    f: FunctionLowering, stack: Stack | Handle, t: MemRefType, sizes: list[Extent], address: SSAValue
) -> View:
    return View(address, t.element_type, tuple(sizes), tuple(f.row_major(sizes)), scope=stack.scope)


def _sizes(f: FunctionLowering, t: MemRefType, operands: Iterable[SSAValue]) -> list[Extent]:
    dynamic = iter(operands)
    return [f.extent(next(dynamic)) if size == DYNAMIC_INDEX else size for size in t.get_shape()]


def _reserve(f: FunctionLowering, op: ad.ReserveOp) -> None:
    stack, t = _stack(f, op.cache), op.result.type
    assert isinstance(t, MemRefType)
    sizes = _sizes(f, t, op.sizes)
    room = _taken(f, op.cache, t.element_type, f.product(sizes))
    f.set(op.result, _slot_view(f, stack, t, sizes, _reserve_room(f, stack, room)))


def _pop(f: FunctionLowering, op: ad.PopOp) -> None:
    stack, t = _stack(f, op.cache), op.result.type
    if isinstance(t, MemRefType):
        sizes = _sizes(f, t, op.sizes)
        room = _taken(f, op.cache, t.element_type, f.product(sizes))
        f.set(op.result, _slot_view(f, stack, t, sizes, _drop(f, stack, room)))
    elif isinstance(stack, Handle):
        f.set(op.result, stack.call(f, POP, [], scalar_type(t)))
    elif isinstance(t, ad.CacheType):
        _pop_stack(f, op, stack)
    else:
        f.set(op.result, f.load(_drop(f, stack, _taken(f, op.cache, t, 1)), t, stack.scope))


def _release(f: FunctionLowering, op: ad.ReleaseOp) -> None:
    """Keep the memory for the next call, unless that is too much; free what came back meanwhile."""
    stack = _stack(f, op.cache)
    if isinstance(stack, Handle):
        stack.call(f, END_CACHE, [], None)
        return
    if stack.in_frame:
        return
    block = f.load(stack.block, ptr)
    if (kept_in := stack.kept_in) is None:
        f.free(block)
        f.store(f.null(), stack.block)
        return

    def keep() -> None:
        small = f.compare(_SLE, f.load(block, i64), f.int_constant(_KEPT_AT_MOST))
        f.free(f.exchange(kept_in, f.choose(small, block, f.null())))
        f.free(f.choose(small, f.null(), block))

    f.when(f.compare(DIFFERENT, block, f.null()), keep, likely=True)
    f.store(f.null(), stack.block)


def _stop(f: FunctionLowering, op: ad.StopOp) -> None:
    f.set(op.result, f.stopped(f.get(op.value)))


HANDLERS: dict[type[Operation], Handler] = {
    ad.CacheOp: _cache,
    ad.PushOp: _push,
    ad.ReserveOp: _reserve,
    ad.PopOp: _pop,
    ad.ReleaseOp: _release,
    ad.StopOp: _stop,
}
