"""Where a loop's tensors live: the part that `scf.for` and `scf.while` share."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, cf, memref
from xdsl.ir import Block, Operation, SSAValue

from dialectad.lower.bufferization.bufferizer import Bufferizer
from dialectad.lower.bufferization.places import Buffer, Place, is_static, is_tensor
from dialectad.lower.bufferization.sinks import origin

_CARRIED = "the loop carries an array in memory of its own"
YIELD = "an iteration leaves an array where the next one doesn't look for it"


def rotation(b: Bufferizer, args: Sequence[SSAValue], yielded: Sequence[SSAValue]) -> dict[int, int]:
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
        b.write_all(pairs, YIELD)
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


def scalars(values: Sequence[SSAValue]) -> list[SSAValue]:
    return [v for v in values if not is_tensor(v)]


def replace_scalars(old: Operation, new: Operation) -> None:
    for result, replacement in zip(scalars(old.results), new.results, strict=False):
        result.replace_all_uses_with(replacement)


def erase_tensor_args(block: Block) -> None:
    for arg in reversed(block.args):
        if is_tensor(arg):
            block.erase_arg(arg)
