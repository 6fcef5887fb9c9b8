"""Caches that an iteration leaves as it has found them, empty."""

from __future__ import annotations

from xdsl.dialects import arith, scf
from xdsl.ir import Operation

from dialectad.dialects.ad import CacheOp, PopOp, PushOp
from dialectad.lower.counted import constant_trips, insert, insert_constant
from dialectad.rewrite import structure
from dialectad.walk import walk


def _caches(loop: scf.ForOp) -> list[CacheOp]:
    """The caches from outside that `loop` works on."""
    found: dict[CacheOp, None] = {}
    for op in walk(loop):
        for operand in op.operands:
            if isinstance(operand.owner, CacheOp) and not loop.is_ancestor(operand.owner):
                found[operand.owner] = None
    return list(found)


def _users(cache: CacheOp) -> list[Operation]:
    return [use.operation for use in cache.result.uses]


def shrink(loop: scf.ForOp) -> None:
    """Let caches that only `loop` works on have room for what one iteration pushes."""
    trips = constant_trips(loop)
    for cache in _caches(loop):
        if trips and cache.capacity is not None and all(map(loop.is_ancestor, _users(cache))):
            capacity = insert(arith.CeilDivSIOp(cache.capacity, insert_constant(trips, cache)), cache)
            cache.operands[0] = capacity


def forward_pushes(loop: scf.ForOp) -> None:
    """Use a value that is pushed and popped in one block as it is.

    ad.push(%c, %v);  ...;  %w = ad.pop(%c)     =>     %v for %w
    """
    for cache in _caches(loop):
        match sorted(_users(cache), key=lambda op: isinstance(op, PopOp)):
            case [PushOp() as push, PopOp() as pop] if push.parent is pop.parent:
                structure.replace(pop, [push.value])
                structure.erase(push)
                structure.erase(cache)
            case _:
                pass
