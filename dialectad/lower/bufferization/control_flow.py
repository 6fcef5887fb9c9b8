"""Bufferization of `scf`: what loops carry lives in buffers that are mutated in place.

A loop doesn't carry tensors any more: a carried tensor has a place, found at the loop's entry, where every
iteration finds it and leaves it. Only where iterations hand buffers on to one another (`a, b = b, a`) does
the loop carry memrefs, see `_rotation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import arith, cf, memref, scf
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from dialectad.lower.bufferization.bufferizer import Bufferizer
from dialectad.lower.bufferization.places import (
    Buffer,
    Place,
    is_static,
    is_tensor,
)
from dialectad.lower.bufferization.sinks import origin

_CARRIED = "the loop carries an array in memory of its own"
_YIELD = "an iteration leaves an array where the next one doesn't look for it"
_BRANCH = "the branches of an `if` leave an array in one place"


def _rotation(b: Bufferizer, args: Sequence[SSAValue], yielded: Sequence[SSAValue]) -> dict[int, int]:
    """Which slots of a loop hand their buffers on: slot -> the slot whose buffer it takes over.

    `a, b = b, a` is the cycle in which each takes the buffer of the other. A chain such as
    `a, b, c = b, c, f(...)` is one too: the new value of the last slot goes into the buffer of the first,
    which nobody takes.
    """
    slots = {arg: k for k, arg in enumerate(args) if is_tensor(arg)}
    source: dict[int, int] = {}
    takers: dict[int, list[int]] = {}
    for k, value in enumerate(yielded):
        if is_tensor(value) and (j := slots.get(origin(value, b.places))) is not None:
            source[k] = j
            takers.setdefault(j, []).append(k)
    takes = {k: j for k, j in source.items() if k != j and takers[j] == [k] and args[k].type == args[j].type}
    for last in [j for j in takes.values() if j not in takes]:
        if last in source:
            _break_chain(takes, last)
            continue
        taker, head = {j: k for k, j in takes.items()}, last
        while head in taker:
            head = taker[head]
        takes[last] = head
    return takes


def _break_chain(takes: dict[int, int], last: int) -> None:
    taker = {j: k for k, j in takes.items()}
    while last in taker:
        last = taker[last]
        del takes[last]


class Carried:
    """The places of the tensors that a loop carries, one slot per loop-carried value."""

    def __init__(
        self,
        b: Bufferizer,
        op: Operation,
        inits: Sequence[SSAValue],
        args: Sequence[SSAValue],
        results: Sequence[SSAValue | None],
        rotation: dict[int, int],
    ):
        self.b, self.op = b, op
        self.inits, self.args, self.results = inits, args, results
        self.takes = rotation
        self.places: dict[int, Place] = {}
        """Per slot in use, where its initial value is when the loop begins."""
        self.inner: dict[int, Place] = {}
        """Per slot, its place as the body sees it: for a rotating slot, a memref that the body is given."""
        self._exclusive: list[Buffer] = []

    def decide(self, unused: set[int]) -> None:
        """Find the places, and put the initial values there.

        Slots whose initial value dies take its memory. The others get memory that is written before the
        loop, after all slots of the first kind are settled.
        """
        b = self.b
        b.dying = {v for v in b.dying if not b.liveness.used_inside(v, self.op)}
        pending: list[int] = []
        for k, init in enumerate(self.inits):
            if not is_tensor(init) or k in unused:
                continue
            where = b.places[init]
            if isinstance(where, Place) and self._may_carry(k, where):
                self._take(k, where)
            else:
                pending.append(k)
        for n, k in enumerate(pending):
            result, init = self.results[k], self.inits[k]
            if k in self.takes or result is None:
                place = b.alloc(self.args[k], init)
            else:
                place = b.fresh(result, [(self.inits[j], False) for j in pending[n:]], init)
            b.write(init, place, _CARRIED)
            self._take(k, place)

    def _may_carry(self, k: int, where: Place) -> bool:
        b, result = self.b, self.results[k]
        if k in self.takes:
            return where.base is None and where.buffer.exclusive and not b.blockers(where)
        if not where.buffer.writable:
            return False
        return not b.blockers(where) or (result is not None and b.evict(where, result, where))

    def _take(self, k: int, place: Place) -> None:
        self.places[k] = self.inner[k] = place
        if place.buffer.exclusive:
            place.buffer.exclusive = False
            if k not in self.takes:
                self._exclusive.append(place.buffer)
        place.buffer.live[self.args[k]] = place  # in the way of the slots that come after this one

    @property
    def rotating(self) -> list[int]:
        return sorted(self.takes)

    def enter(self) -> None:
        """The loop begins: the values that its entry was the last to use are gone."""
        for value in self.b.dying:
            self.b.kill(value)
        for k, place in self.places.items():
            place.buffer.live.pop(self.args[k], None)

    def open(self, block: Block, args: dict[int, SSAValue]) -> None:
        """A region begins: it finds slot k under the name `args[k]`."""
        for k in self.rotating:
            self.inner[k] = Place(Buffer(block.insert_arg(self.places[k].type, len(block.args))))
        for k, arg in args.items():
            if k in self.places:
                self.b.define(arg, self.inner[k])

    def aim(self, end: Operation) -> None:
        """Tell where the operands of a body's terminator are wanted."""
        for k in self.places:
            self.b.targets[end, k] = self.inner[self.takes.get(k, k)]

    def hand_on(self, yielded: Sequence[SSAValue]) -> list[SSAValue]:
        """An iteration ends: leave the new values where they belong; gives the memrefs that go round."""
        b = self.b
        free = {k: self.inner[k] for k in self.rotating}
        handed: dict[int, Place] = {}
        for k in self.rotating:
            where = b.places[yielded[k]]
            if (j := next((j for j, place in free.items() if place == where), None)) is not None:
                handed[k] = free.pop(j)
        pairs: list[tuple[SSAValue, Place]] = []
        for k, place in self.places.items():
            if k not in self.takes:
                target = place
            elif k in handed:
                continue
            else:
                j = next(j for j in (self.takes[k], *free) if j in free and free[j].type == place.type)
                target = handed[k] = free.pop(j)
            self._check_extents(yielded[k], target)
            pairs.append((yielded[k], target))
        b.write_all(pairs, _YIELD)
        return [handed[k].buffer.memref for k in self.rotating]

    def _check_extents(self, value: SSAValue, target: Place) -> None:
        """What a loop carries must not change its shape; where that isn't evident, it is checked."""
        b = self.b
        if is_static(target.type) or b.places[value] == target:
            return
        ref = b.memref(target)
        for axis, extent in enumerate(b.extents(value)):
            if isinstance(extent, int):
                continue
            wanted = b.emit(memref.DimOp(ref, b.constant(axis))).results[0]
            same = b.emit(arith.CmpiOp(extent, wanted, "eq")).results[0]
            b.emit(cf.AssertOp(same, "ValueError: an array that a loop carries changes its shape"))

    def leave(self, new: Operation) -> None:
        """The loop is over: its results live where the last iteration left them."""
        rotated = dict(zip(self.rotating, new.results[len(new.results) - len(self.takes) :], strict=True))
        for k, place in self.places.items():
            result = self.results[k]
            if result is not None:
                self.b.define(result, Place(Buffer(rotated[k])) if k in rotated else place)
        for buffer in self._exclusive:
            buffer.exclusive = True


def _scalars(values: Sequence[SSAValue]) -> list[SSAValue]:
    return [v for v in values if not is_tensor(v)]


def _replace_scalars(old: Operation, new: Operation) -> None:
    for result, replacement in zip(_scalars(old.results), new.results, strict=False):
        result.replace_all_uses_with(replacement)


def _erase_tensor_args(block: Block) -> None:
    for arg in reversed(block.args):
        if is_tensor(arg):
            block.erase_arg(arg)


# --- scf.for -----------------------------------------------------------------------------------


def _for(b: Bufferizer, op: scf.ForOp) -> None:
    """scf.for iter_args(%a = %A) { ...; scf.yield %a1 }  ~>  scf.for { writes into the buffer of %A }"""
    body = op.body.block
    end = cast(Operation, body.last_op)
    args = list(body.args)[1:]
    yielded = list(end.operands)
    unused = {
        k
        for k, (arg, result) in enumerate(zip(args, op.res, strict=True))
        if yielded[k] is arg and arg.has_one_use() and result.first_use is None
    }
    carried = Carried(b, op, list(op.iter_args), args, list(op.res), _rotation(b, args, yielded))
    carried.decide(unused)
    carried.enter()
    carried.open(body, dict(enumerate(args)))
    carried.aim(end)

    def finish(end: Operation) -> None:
        handed = carried.hand_on(list(end.operands))
        end.operands = [*_scalars(end.operands), *handed]

    b.run_block(body, finish)
    _erase_tensor_args(body)
    rotating = [carried.places[k] for k in carried.rotating]
    new = b.emit(
        scf.ForOp.create(
            operands=[*op.operands[:3], *_scalars(op.iter_args), *map(b.memref, rotating)],
            result_types=[*(r.type for r in _scalars(op.res)), *(p.type for p in rotating)],
            regions=[op.detach_region(0)],
            attributes=op.attributes,
        )
    )
    _replace_scalars(op, new)
    carried.leave(new)
    b.drop(op)


# --- scf.while ---------------------------------------------------------------------------------


def _while(b: Bufferizer, op: scf.WhileOp) -> None:
    """As `scf.for`. What the condition forwards is a carried value as it is, or gets a place of its own."""
    before, after = op.before_region.block, op.after_region.block
    condition, end = cast(Operation, before.last_op), cast(Operation, after.last_op)
    forwarded = list(condition.operands)[1:]
    args, after_args, results = list(before.args), list(after.args), list(op.res)
    yielded = list(end.operands)
    slot_of = {j: cast(BlockArgument, v).index for j, v in enumerate(forwarded) if _is_arg_of(v, before)}
    index_of: dict[int, int] = {}
    for j, k in slot_of.items():
        index_of.setdefault(k, j)
    unused = {
        k
        for k, j in index_of.items()
        if yielded[k] is after_args[j]
        and args[k].has_one_use()
        and after_args[j].has_one_use()
        and results[j].first_use is None
    }
    named = [after_args[index_of[k]] if k in index_of else args[k] for k in range(len(args))]
    slot_results = [results[index_of[k]] if k in index_of else None for k in range(len(args))]
    carried = Carried(b, op, list(op.arguments), args, slot_results, _rotation(b, named, yielded))
    if any(k not in index_of or list(slot_of.values()).count(k) > 1 for k in carried.takes):
        carried.takes = {}
    carried.decide(unused)
    apart = {
        j: _apart_place(b, op, forwarded[j], results[j])
        for j in range(len(forwarded))
        if is_tensor(forwarded[j]) and j not in slot_of
    }
    carried.enter()

    carried.open(before, dict(enumerate(args)))
    for j, place in apart.items():
        b.targets[condition, j + 1] = place

    def finish_before(condition: Operation) -> None:
        b.write_all([(forwarded[j], place) for j, place in apart.items()], _YIELD)
        handed = [carried.inner[k].buffer.memref for k in carried.rotating]
        condition.operands = [*_scalars(condition.operands), *handed]

    b.run_block(before, finish_before)
    _erase_tensor_args(before)

    carried.open(after, {})
    for j, arg in enumerate(after_args):
        if j in apart:
            b.define(arg, apart[j])
        elif j in slot_of and slot_of[j] in carried.places:
            b.define(arg, carried.inner[slot_of[j]])
    carried.aim(end)

    def finish_after(end: Operation) -> None:
        handed = carried.hand_on(list(end.operands))
        end.operands = [*_scalars(end.operands), *handed]

    b.run_block(after, finish_after)
    _erase_tensor_args(after)
    rotating = [carried.places[k] for k in carried.rotating]
    new = b.emit(
        scf.WhileOp.create(
            operands=[*_scalars(op.arguments), *map(b.memref, rotating)],
            result_types=[*(r.type for r in _scalars(results)), *(p.type for p in rotating)],
            regions=[op.detach_region(0), op.detach_region(0)],
            attributes=op.attributes,
        )
    )
    _replace_scalars(op, new)
    carried.leave(new)
    for j, place in apart.items():
        b.define(results[j], place)
    for j, k in slot_of.items():
        if index_of[k] != j and k in carried.places:  # the same value, forwarded twice
            b.define(results[j], b.places[results[index_of[k]]])
    b.drop(op)


def _is_arg_of(value: SSAValue, block: Block) -> bool:
    return is_tensor(value) and isinstance(value, BlockArgument) and value.block is block


def _apart_place(b: Bufferizer, op: Operation, value: SSAValue, result: SSAValue) -> Place:
    """The place of what a condition computes and forwards."""
    if is_static(value.type):  # pyright: ignore[reportArgumentType]
        return b.fresh(result)
    return _alloc_outside(b, op, [value], result)


# --- scf.if ------------------------------------------------------------------------------------


def _if(b: Bufferizer, op: scf.IfOp) -> None:
    """The branches leave their results in one place, which is that of an array that both update, if any.

    %r = scf.if %c { %t = tensor.insert %x into %A[%i]; yield %t } else { yield %A }
    ~>  scf.if %c { memref.store %x, %A[%i] }
    """
    branches = [r.block for r in op.regions if r.first_block is not None]
    ends = [cast(Operation, block.last_op) for block in branches]
    places: dict[int, Place] = {}
    for k, result in enumerate(op.output):
        if is_tensor(result) and result.first_use is not None:
            places[k] = place = _common_place(b, op, result, [end.operands[k] for end in ends])
            place.buffer.live[result] = place  # in the way of the results that come after this one
    exclusive = [p.buffer for p in places.values() if p.buffer.exclusive]
    for k, place in places.items():
        place.buffer.exclusive = False
        del place.buffer.live[op.output[k]]
        for end in ends:
            b.targets[end, k] = place

    def finish(end: Operation) -> None:
        b.write_all([(end.operands[k], place) for k, place in places.items()], _BRANCH)
        end.operands = _scalars(end.operands)

    saved = {v: p for v in b.dying if isinstance(p := b.places.get(v), Place)}
    for block in branches:
        for value, place in saved.items():
            b.define(value, place)
        for value in b.liveness.entry_deaths.get(block, ()):
            b.kill(value)
        b.run_block(block, finish)
    new = b.emit(
        scf.IfOp.create(
            operands=list(op.operands),
            result_types=[r.type for r in _scalars(op.output)],
            regions=[op.detach_region(0) for _ in range(2)],
            attributes=op.attributes,
        )
    )
    _replace_scalars(op, new)
    for k, place in places.items():
        b.define(op.output[k], place)
    for buffer in exclusive:
        buffer.exclusive = True
    b.drop(op)


def _common_place(b: Bufferizer, op: scf.IfOp, result: SSAValue, yielded: Sequence[SSAValue]) -> Place:
    for value in dict.fromkeys(origin(v, b.places) for v in yielded):
        where = b.places.get(value)
        if not isinstance(where, Place) or value not in b.dying or value.type != result.type:
            continue
        if where.buffer.writable and (not b.blockers(where) or b.evict(where, result, where)):
            return where
    if (end := b.sink_place(result)) is not None and b.may_write(end):
        return end
    return _alloc_outside(b, op, yielded, result)


def _alloc_outside(b: Bufferizer, op: Operation, values: Sequence[SSAValue], result: SSAValue) -> Place:
    """Memory for what a region computes, allocated before the op that holds the region."""
    if is_static(result.type):  # pyright: ignore[reportArgumentType]
        return b.alloc(result)
    for value in values:
        if (like := b.same_extents_outside(value, op)) is not None:
            return b.alloc(result, like)
    raise b.error(
        f"an array whose shape depends on the path taken ({result.type})",
        hint="give the array the same shape on every path",
    )


# --- loop invariants ---------------------------------------------------------------------------


def forward_invariants(op: Operation) -> None:
    """Let users of a tensor that a loop carries around unchanged use its initial value.

    %r = scf.for iter_args(%a = %A) { use %a; yield %a }; use %r  ~>  ... { use %A; yield %a }; use %A
    """
    for loop in op.walk():
        if isinstance(loop, scf.ForOp):
            end = cast(Operation, loop.body.block.last_op)
            for k, init in enumerate(loop.iter_args):
                arg = loop.body.block.args[k + 1]
                if is_tensor(init) and end.operands[k] is arg:
                    _use_instead(init, [(arg, end), (loop.res[k], None)])
        elif isinstance(loop, scf.WhileOp):
            before, after = loop.before_region.block, loop.after_region.block
            condition, end = cast(Operation, before.last_op), cast(Operation, after.last_op)
            for j, value in enumerate(condition.operands[1:]):
                if not _is_arg_of(value, before):
                    continue
                k = cast(BlockArgument, value).index
                if end.operands[k] is after.args[j]:
                    init = loop.arguments[k]
                    _use_instead(init, [(value, condition), (after.args[j], end), (loop.res[j], None)])


def _use_instead(init: SSAValue, names: Sequence[tuple[SSAValue, Operation | None]]) -> None:
    for name, keeper in names:
        name.replace_uses_with_if(init, lambda use, keeper=keeper: use.operation is not keeper)


Bufferizer.RULES |= {scf.ForOp: _for, scf.WhileOp: _while, scf.IfOp: _if}
