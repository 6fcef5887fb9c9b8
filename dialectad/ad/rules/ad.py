"""Derivatives of caches, so that what reverse mode has made can be differentiated again.

A cache of primal values has a *shadow*, a cache of derivatives. Forward mode pushes and pops tangents
along. Reverse mode runs backwards: the adjoint of a pop pushes the cotangent of what was popped, and the
adjoint of a push, which comes later, pops it:

    ad.push(%c, %v)  =>  %dv += ad.pop(%dc)          %v = ad.pop(%c)  =>  ad.push(%dc, %dv)
"""

from __future__ import annotations

from xdsl.ir import Block, Operation
from xdsl.ir import SSAValue as Value
from xdsl.rewriter import InsertPoint

from dialectad.ad.activity import Activity
from dialectad.ad.forward import Forward
from dialectad.ad.memory import is_memory
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, inactive, register
from dialectad.ad.rules.memref import View, clear
from dialectad.dialects.ad import PASSED, CacheOp, PopOp, PushOp, ReserveOp, StopOp


def _shadow(sweep: Reverse, cache: Value) -> Value:
    """The cache of the cotangents of what `cache` holds, in the reverse sweep."""
    if (known := sweep.shadows.get(cache)) is not None:
        return known
    op = cache.owner
    assert isinstance(op, CacheOp)
    block = op.parent
    assert isinstance(block, Block)
    scope = sweep.primals.scopes.get(block)
    capacity = None if op.capacity is None else sweep.primal(op.capacity)
    # In a reversed block behind the prologue, which may still have to find out about the capacity.
    point = InsertPoint.after(op if scope is None else scope.marker)
    with sweep.emitter.at(point), sweep.emitter.deriving(op):
        shadow = sweep.emitter.emit(_cache_like(op, capacity))
    sweep.shadows[cache] = shadow
    return shadow


def _cache_like(op: CacheOp, capacity: Value | None) -> CacheOp:
    new = CacheOp(op.result.type.element_type, capacity)  # pyright: ignore[reportAttributeAccessIssue]
    new.attributes |= {key: value for key, value in op.attributes.items() if key == PASSED}
    return new


class Cache(Rule):
    def reverse(self, sweep: Reverse, op: Operation) -> None:
        """Shadows are made when they are first needed."""

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, CacheOp)
        sweep.shadows[op.result] = sweep.emitter.emit(_cache_like(op, op.capacity))


def _mark(into: set[Value], cache: Value) -> None:
    """Mark a cache and everything that is popped from it: its shadow has a push for every pop, and a pop for
    every push, also for values that no derivative depends on."""
    popped = (use.operation.result for use in cache.uses if isinstance(use.operation, PopOp))
    into.update((cache, *popped))


class Push(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, PushOp)
        if op.value in activity.varied:
            _mark(activity.varied, op.cache)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, PushOp)
        if op.cache in activity.useful:
            activity.useful.add(op.value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, PushOp)
        if sweep.active(op.cache):
            sizes = sweep.primals.sizes(op.value)
            pop = PopOp(_shadow(sweep, op.cache), sizes, op.value.type)
            sweep.accumulate(op.value, sweep.emitter.emit(pop))

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, PushOp)
        if sweep.active(op.cache):
            sweep.emitter.insert(PushOp(sweep.shadows[op.cache], sweep.materialized(op.value)))


class Pop(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        """See `_mark`."""

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, PopOp)
        if op.result in activity.useful:
            _mark(activity.useful, op.cache)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, PopOp)
        if sweep.active(op.result):
            d = sweep.materialized(op.result)
            sweep.emitter.insert(PushOp(_shadow(sweep, op.cache), d))

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, PopOp)
        pop = PopOp(sweep.shadows[op.cache], op.sizes, op.result.type)
        sweep.set_tangent(op.result, sweep.emitter.emit(pop))


class Slot(View):
    """A part of a cache that holds memory. The shadow runs backwards, as for values: what was popped was used
    after that, so its cotangents gather in a slot reserved for them, which the adjoint of what was written
    into the slot finds again.

        %v = ad.pop(%c)      =>  %dv = ad.reserve(%dc), filled with 0
        %v = ad.reserve(%c)  =>  %dv = ad.pop(%dc)
    """

    def shadow(self, sweep: Reverse | Forward, op: Operation) -> Value:
        assert isinstance(op, ReserveOp | PopOp)
        sizes, type_ = [sweep.primal(size) for size in op.sizes], op.result.type
        reserves = isinstance(op, ReserveOp)
        if isinstance(sweep, Forward):
            cache = sweep.shadows[op.cache]
        else:
            cache, reserves = _shadow(sweep, op.cache), not reserves
        slot = sweep.emitter.emit((ReserveOp if reserves else PopOp)(cache, sizes, type_))
        if reserves and isinstance(sweep, Reverse):
            clear(sweep.emitter, slot, op.result)
        return slot

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        """Always, so that what is pushed is popped."""
        assert isinstance(op, ReserveOp | PopOp)
        if sweep.active(op.cache):
            sweep.shadow(op.result)

    def forward(self, sweep: Forward, op: Operation) -> None:
        self.reverse(sweep, op)  # pyright: ignore[reportArgumentType]


class PopValueOrSlot(Rule):
    """`ad.pop` gives a value, or a part of a cache of memory."""

    def _rule(self, op: Operation) -> Rule:
        return _SLOT if is_memory(op.results[0]) else _POP

    def vary(self, activity: Activity, op: Operation) -> None:
        self._rule(op).vary(activity, op)

    def use(self, activity: Activity, op: Operation) -> None:
        self._rule(op).use(activity, op)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        self._rule(op).reverse(sweep, op)

    def forward(self, sweep: Forward, op: Operation) -> None:
        self._rule(op).forward(sweep, op)

    def shadow(self, sweep: Reverse | Forward, op: Operation) -> Value:
        return self._rule(op).shadow(sweep, op)


_POP, _SLOT = Pop(), Slot()

register(CacheOp, Cache())
register(PushOp, Push())
register(PopOp, PopValueOrSlot())
register(ReserveOp, _SLOT)
inactive(StopOp)
