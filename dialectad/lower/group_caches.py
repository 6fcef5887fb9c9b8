"""`group-caches`: what is pushed in one block and popped in one block goes on one stack.

    ad.push(%a, %x);  ...;  ad.push(%b, %y)          %a, %b: !ad.cache<f64>
    %x = ad.pop(%a);  %y = ad.pop(%b)
    =>
    %s = ad.reserve(%c);  memref.store %x, %s[0];  memref.store %y, %s[1]
    %t = ad.pop(%c);  %x = memref.load %t[0];  %y = memref.load %t[1]          %c: !ad.cache<memref<2xf64>>

So there is one look for room where there were several. It is for loops whose iterations nobody can count in
advance: what counted loops push has become rows of memory in `batch-caches`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.dialects.ad import REASON, CacheOp, PopOp, PushOp, ReserveOp, is_tape
from dialectad.lower.counted import insert, insert_constant
from dialectad.rewrite import structure
from dialectad.walk import walk


@dataclass(frozen=True)
class _Stack:
    """A growing cache of scalars, with the one place where it is filled and the one where it is emptied."""

    cache: CacheOp
    push: PushOp
    pop: PopOp

    @staticmethod
    def of(cache: CacheOp) -> _Stack | None:
        if is_tape(cache.result):
            return None
        users = [use.operation for use in cache.result.uses]
        match sorted(users, key=lambda op: isinstance(op, PopOp)):
            case [PushOp() as push, PopOp() as pop] if cache.capacity is None and _is_scalar(push.value):
                return _Stack(cache, push, pop)
            case _:
                return None

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for stacks that are filled and emptied side by side."""
        return self.cache.parent, self.push.parent, self.pop.parent, self.push.value.type


def _is_scalar(value: SSAValue) -> bool:
    return not isinstance(value.type, MemRefType)


@dataclass(frozen=True)
class GroupCachesPass(ModulePass):
    """Let caches that are used side by side be one."""

    name = "group-caches"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, func.FuncOp) and not function.is_declaration:
                groups: dict[tuple[Hashable, ...], list[_Stack]] = {}
                for cache in walk(function):
                    if isinstance(cache, CacheOp) and (stack := _Stack.of(cache)) is not None:
                        groups.setdefault(stack.key, []).append(stack)
                for group in groups.values():
                    if len(group) > 1:
                        _join(group)


def _join(group: list[_Stack]) -> None:
    """Replace a group by one stack: reserved where the first is pushed, popped where the first is popped."""
    type_ = MemRefType(group[0].push.value.type, [len(group)])
    joined = CacheOp(type_)
    joined.attributes |= group[0].cache.attributes
    reasons = [r.data for stack in group if isinstance(r := stack.cache.attributes.get(REASON), StringAttr)]
    if reasons:
        joined.attributes[REASON] = StringAttr("; ".join(dict.fromkeys(reasons)))
    insert(joined, group[0].cache)
    slot = insert(ReserveOp(joined.result, [], type_), _first([stack.push for stack in group]))
    found = insert(PopOp(joined.result, [], type_), _first([stack.pop for stack in group]))
    for i, (cache, push, pop) in enumerate((stack.cache, stack.push, stack.pop) for stack in group):
        store = memref.StoreOp.get(push.value, slot, [insert_constant(i, push)])
        store.location = push.location
        Rewriter.insert_op(store, InsertPoint.before(push))
        structure.erase(push)
        structure.replace(pop, [insert(memref.LoadOp.get(found, [insert_constant(i, pop)]), pop)])
        structure.erase(cache)


def _first(ops: Sequence[Operation]) -> Operation:
    """The first of several ops of one block."""
    return min(ops, key=cmp_to_key(lambda a, b: -1 if a.is_before_in_block(b) else 1))
