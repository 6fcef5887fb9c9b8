"""`batch-caches`: what a counted loop pushes, it stores into one slot that is reserved before it.

    scf.for %i = 0 to %n step 1 { ...; ad.push(%c, %v) }          %c: !ad.cache<f64>
    scf.for %k = 0 to %n step 1 { %v = ad.pop(%c); ... }
    =>
    %s = ad.reserve(%c)[%n];  scf.for %i = 0 to %n step 1 { ...; memref.store %v, %s[%i] }
    %t = ad.pop(%c)[%n];      scf.for %k = 0 to %n step 1 { %v = memref.load %t[%n - 1 - %k]; ... }
                                                                  %c: !ad.cache<memref<?xf64>>

The loops then have no state of the cache's left, so LLVM can vectorise them, and a growing cache looks for
room once a loop. Every push must be on its own in a loop, as every pop must be; the two loops run equally
often by construction where `differentiate` has marked the cache as *mirrored*, and otherwise if their bounds
are the same values.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.dialects.ad import MIRRORED, CacheOp, PopOp, PushOp, ReserveOp, is_tape
from dialectad.lower.counted import constant_trips, insert, insert_constant, number_of, trip_count
from dialectad.walk import walk


@dataclass(frozen=True)
class BatchCachesPass(ModulePass):
    """Reserve room for what a whole loop pushes."""

    name = "batch-caches"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, func.FuncOp) and not function.is_declaration:
                for cache in [o for o in walk(function) if isinstance(o, CacheOp)]:
                    if not is_tape(cache.result):
                        _batch(cache)


def _batch(cache: CacheOp) -> None:
    users = [use.operation for use in cache.result.uses]
    pushes = [op for op in users if isinstance(op, PushOp)]
    pops = [op for op in users if isinstance(op, PopOp)]
    if len(pushes) != 1 or len(pops) != 1 or len(users) != 2:
        return
    (push,), (pop,) = pushes, pops
    if isinstance(push.value.type, MemRefType):
        return
    forward, backward = _loop_of(push, cache), _loop_of(pop, cache)
    if forward is None or backward is None:
        return
    trips = constant_trips(forward)
    if not _run_equally(forward, backward, cache):
        return
    extent = DYNAMIC_INDEX if trips is None else trips
    type_ = MemRefType(push.value.type, [extent])
    slot = _before(forward, push, cache, type_, reserve=True)
    index = number_of(forward, push)
    store = memref.StoreOp.get(push.value, slot, [index])
    store.location = push.location
    Rewriter.insert_op(store, InsertPoint.before(push))
    popped = _before(backward, pop, cache, type_, reserve=False)
    count = trip_count(backward, pop)
    last = insert(arith.SubiOp(count, insert_constant(1, pop)), pop)
    number = insert(arith.SubiOp(last, number_of(backward, pop)), pop)
    load = memref.LoadOp.get(popped, [number])
    load.location = pop.location
    Rewriter.insert_op(load, InsertPoint.before(pop))
    pop.result.replace_all_uses_with(load.res)
    for op in (push, pop):
        op.detach()
        op.erase()
    old, capacity = cache.result, None  # slots of unknown size can't be counted in advance
    if cache.capacity is not None and trips:
        capacity = insert(arith.CeilDivSIOp(cache.capacity, insert_constant(trips, cache)), cache)
    new = CacheOp(type_, capacity)
    new.location = cache.location
    new.attributes |= cache.attributes
    Rewriter.insert_op(new, InsertPoint.before(cache))
    new.result.name_hint = old.name_hint
    old.replace_all_uses_with(new.result)
    cache.detach()
    cache.erase()


def _loop_of(op: Operation, cache: CacheOp) -> scf.ForOp | None:
    """The loop whose iterations each have one `op`, if it is not around the cache, too."""
    parent = op.parent_op()
    return parent if isinstance(parent, scf.ForOp) and cache.parent is not op.parent else None


def _run_equally(forward: scf.ForOp, backward: scf.ForOp, cache: CacheOp) -> bool:
    """Whether each run of `backward` has as many iterations as that of `forward` whose values it pops."""
    trips, other = constant_trips(forward), constant_trips(backward)
    if trips is not None or other is not None:
        return trips == other
    return MIRRORED in cache.attributes or (forward.lb, forward.ub, forward.step) == (
        *(backward.lb, backward.ub),
        backward.step,
    )


def _before(loop: scf.ForOp, at: Operation, cache: CacheOp, type_: MemRefType, *, reserve: bool) -> SSAValue:
    """The slot for a run of `loop`: reserved, or found again."""
    sizes = [trip_count(loop, loop)] if DYNAMIC_INDEX in type_.get_shape() else []
    slot = (ReserveOp if reserve else PopOp)(cache.result, sizes, type_)
    slot.location = at.location
    Rewriter.insert_op(slot, InsertPoint.before(loop))
    return slot.result
