"""Bufferization of the caches of a reverse sweep: tensors are pushed into, and popped as, views of a stack.

    ad.push %c, %v   ~>  %slot = ad.reserve %c; %v computed straight into %slot, or copied there
    %v = ad.pop %c   ~>  a view of the slot, which may be overwritten

A view is valid until the next `ad.reserve` of its cache. That is where a popped value is copied: when the
cache is pushed to again while the value may still be live. A value that was computed in its slot may be read
after the slot is popped: then what is popped may not be overwritten.

Note [Arrays that are passed on]
    Where what is popped may be pushed again, in the next iteration of a loop (`PASSED`), such views would be
    in each other's way, and those of the cotangents again, at the levels below. Such a cache becomes one of
    elements, which are pushed one by one, and popped backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, MemRefType, TensorType
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.dialects import ad
from dialectad.lower.bufferization.bufferizer import Bufferizer
from dialectad.lower.bufferization.places import Buffer, Place, identity_type, is_tensor


def _cache(b: Bufferizer, op: ad.CacheOp) -> None:
    type_ = op.result.type
    assert isinstance(type_, ad.CacheType)
    if isinstance(content := type_.element_type, TensorType):
        passed = ad.PASSED in op.attributes
        new = b.emit(
            ad.CacheOp(content.element_type if passed else identity_type(content), op.capacity)
        ).results[0]
        op.result.replace_all_uses_with(new)
        b.drop(op)


def _pop_cache(b: Bufferizer, op: ad.PopOp, type_: ad.CacheType) -> None:
    """A cache that was on a tape."""
    if isinstance(type_.element_type, TensorType):
        memory = ad.CacheType(identity_type(type_.element_type))
        new = b.emit(ad.PopOp(op.cache, (), memory)).results[0]
        op.result.replace_all_uses_with(new)
        b.drop(op)


def _push(b: Bufferizer, op: ad.PushOp) -> None:
    if not is_tensor(op.value):
        return
    if _is_passed(op.cache):
        ref = b.operand(op.value)
        b.emit(_each_element(b, ref, lambda indices: _push_element(op.cache, ref, indices)))
        b.drop(op)
        return
    slot = b.targets.get((op, 1)) or b.reserve(op)  # on a tape never before what is called has pushed
    for value in b.blockers(slot):  # computed in the slot, but it is something else that is pushed
        if value is not op.value:
            b.move_away(value, "an array is used after what became of it is kept for the reverse sweep")
    b.write(op.value, slot, "an array is kept for the reverse sweep")
    slot.buffer.writable = False
    b.drop(op)


def _pop(b: Bufferizer, op: ad.PopOp) -> None:
    if isinstance(op.result.type, ad.CacheType):
        _pop_cache(b, op, op.result.type)
    if not is_tensor(op.result):
        return
    if _is_passed(op.cache):
        place = b.alloc(op.result)
        ref = b.memref(place)
        b.emit(_each_element(b, ref, lambda indices: _pop_element(op.cache, ref, indices), backwards=True))
        b.define(op.result, place)
        b.drop(op)
        return
    type_ = identity_type(cast(TensorType[Any], op.result.type))
    popped = b.emit(ad.PopOp(op.cache, list(op.sizes), type_)).results[0]
    shared = any(slot.live for slot in b.slots.get(op.cache, ()))
    place = Place(Buffer(popped, writable=not shared, cache=op.cache))
    if _pushed_again(b, op):
        aside = b.alloc(op.result)
        b.copy(place, aside, "the cache that an array is popped from is pushed to again")
        place = aside
    b.define(op.result, place)
    b.drop(op)


# Note [Arrays that are passed on]


def _is_passed(cache: SSAValue) -> bool:
    assert isinstance(cache.type, ad.CacheType)
    return cache.type != ad.TAPE and not isinstance(cache.type.element_type, TensorType | MemRefType)


_Indices = Sequence[SSAValue]


def _push_element(cache: SSAValue, ref: SSAValue, indices: _Indices) -> list[Operation]:
    element = memref.LoadOp.get(ref, indices)
    return [element, ad.PushOp(cache, element.res)]


def _pop_element(cache: SSAValue, ref: SSAValue, indices: _Indices) -> list[Operation]:
    element = ad.PopOp(cache)
    return [element, memref.StoreOp.get(element.result, ref, indices)]


def _each_element(
    b: Bufferizer, ref: SSAValue, visit: Callable[[_Indices], list[Operation]], *, backwards: bool = False
) -> scf.ForOp:
    """A loop nest over all elements of memory, in row-major order."""
    assert isinstance(ref.type, MemRefType)
    zero, one = b.constant(0), b.constant(1)
    counts = [
        b.emit(memref.DimOp(ref, b.constant(axis))).results[0] if n == DYNAMIC_INDEX else b.constant(n)
        for axis, n in enumerate(ref.type.get_shape())
    ]

    def nest(counts: Sequence[SSAValue], indices: _Indices) -> list[Operation]:
        if not counts:
            return visit(indices)
        (count, *rest), block = counts, Block(arg_types=[IndexType()])
        index: SSAValue = block.args[0]
        if backwards:
            last = arith.SubiOp(count, one)
            block.add_ops((last, mirrored := arith.SubiOp(last, index)))
            index = mirrored.result
        block.add_ops((*nest(rest, [*indices, index]), scf.YieldOp()))
        for op in block.ops:
            op.location = b.at.location
        return [scf.ForOp(zero, count, one, [], Region(block))]

    (loop,) = nest(counts, [])
    assert isinstance(loop, scf.ForOp)
    return loop


def _pushed_again(b: Bufferizer, op: ad.PopOp) -> bool:
    """Whether a push to the same cache may come after this pop."""
    order = b.liveness.order
    home = op.cache.owner if isinstance(op.cache.owner, Operation) else None
    loops = _loops(op, home)
    return any(
        isinstance(use.operation, ad.PushOp | ad.ReserveOp)
        and (order.get(use.operation, 0) > order[op] or not loops.isdisjoint(_loops(use.operation, home)))
        for use in op.cache.uses
    )


def _loops(op: Operation, home: Operation | None) -> set[Operation]:
    """The loops around `op` within the block where its cache is made."""
    found: set[Operation] = set()
    above = op.parent_op()
    while above is not None and (home is None or op.parent is not home.parent):
        if isinstance(above, scf.ForOp | scf.WhileOp):
            found.add(above)
        op, above = above, above.parent_op()
    return found


Bufferizer.RULES |= {ad.CacheOp: _cache, ad.PushOp: _push, ad.PopOp: _pop}
