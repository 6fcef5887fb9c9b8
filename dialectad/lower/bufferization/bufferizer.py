"""The state of bufferization and the questions that the rules for ops ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, ClassVar, cast

from xdsl.dialects import arith, func, memref, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    MemRefType,
    TensorType,
)
from xdsl.ir import Block, Operation, SSAValue

from dialectad import locations
from dialectad.dialects import ad
from dialectad.dialects.host import HostCallOp
from dialectad.errors import CompileError
from dialectad.lower.bufferization.extents import any_inside, bounds, is_inside, stated
from dialectad.lower.bufferization.liveness import Liveness
from dialectad.lower.bufferization.memory import Memory, Report, size_of
from dialectad.lower.bufferization.places import (
    Buffer,
    Extent,
    Lazy,
    Place,
    aligned,
    contains,
    disjoint,
    groups_of,
    identity_type,
    is_static,
    is_tensor,
    slice_of,
    tensor_shape,
    view,
)
from dialectad.lower.bufferization.sinks import Sinks, is_elementwise

PASS = "bufferize"


Read = tuple[SSAValue, bool]
"""An operand that an op reads, and whether it reads each element just when it writes the same element."""

Rule = Callable[["Bufferizer", Any], None]


class Bufferizer(Memory):
    """Bufferizes one function; the rules are in `RULES` by type of op."""

    RULES: ClassVar[dict[type[Operation], Rule]] = {}

    def __init__(
        self,
        function: func.FuncOp,
        report: Report,
        symbol: Callable[[str], str],
        likes: Mapping[SSAValue, SSAValue],
    ):
        super().__init__(function.body.block, report)
        self.function = function
        self.symbol = symbol
        """Gives a name for a global that begins like its argument."""
        self.likes = likes
        """Per result of a call: another tensor of the same extents, which are known before it."""
        self.liveness = Liveness(self.body)
        self.sinks = Sinks(self.liveness)
        self.places: dict[SSAValue, Place | Lazy] = {}
        self.targets: dict[tuple[Operation, int], Place] = {}
        """Where a terminator's operand is to end up."""
        self.slots: dict[SSAValue, list[Buffer]] = {}
        """Per cache: the slots that values are computed in before they are pushed."""
        self.outs: dict[int, Place] = {}
        """Where the function's results go."""
        self.dying: set[SSAValue] = set()
        """The values that are dead after it."""
        self._filled: dict[SSAValue, Place] = {}
        self._dead: list[Operation] = []
        self.globals: list[memref.GlobalOp] = []

    # --- the walk ------------------------------------------------------------------------------

    def run_block(self, block: Block, finish: Callable[[Any], None]) -> None:
        """Rewrite the ops of a block; `finish` rewrites its terminator."""
        outer = self.at, self.dying, self._dead
        self.open_scope()
        self._dead = []
        ops = list(block.ops)
        for op in ops[:-1]:
            self.at = op
            deaths = self.liveness.deaths.get(op)
            self.dying = set(deaths) if deaths else set()
            self._rewrite(op)
            if deaths:
                for value in deaths:
                    self.kill(value)
        self.at = ops[-1]
        self.dying = set(self.liveness.deaths.get(self.at, ()))
        finish(self.at)
        for value in self.dying:
            self.kill(value)
        for op in reversed(self._dead):
            block.erase_op(op)
        self.close_scope()
        self.at, self.dying, self._dead = outer

    def _rewrite(self, op: Operation) -> None:
        rule = self.RULES.get(type(op))
        if rule is None:
            if not any(is_tensor(v) for v in (*op.operands, *op.results)):
                return
            if not is_elementwise(op):
                raise self.error(f"bufferization doesn't know {op.name}")
            rule = self.RULES[arith.AddfOp]
        elif op.results and not isinstance(op, _EFFECTS) and all(r.first_use is None for r in op.results):
            self._dead.append(op)
            return
        rule(self, op)

    def error(self, message: str, hint: str | None = None) -> CompileError:
        return CompileError(message, locations.of(self.at), hint=hint, pass_name=PASS)

    def drop(self, op: Operation) -> None:
        """The op is rewritten: erase it once the block is done."""
        self._dead.append(op)

    # --- values and places ---------------------------------------------------------------------

    def define(self, value: SSAValue, where: Place | Lazy) -> None:
        """From here on `value` lives in this place."""
        self.places[value] = where
        if isinstance(where, Place) and value.first_use is not None:
            where.buffer.live[value] = where

    def kill(self, value: SSAValue) -> None:
        where = self.places.get(value)
        if isinstance(where, Place):
            where.buffer.live.pop(value, None)

    def read(self, value: SSAValue) -> Place:
        """Where the content of `value` is in memory; a splat is filled in once, after its definition."""
        where = self.places[value]
        if isinstance(where, Place):
            return where
        if (known := self._filled.get(value)) is not None:
            return known
        here, dying = self.at, self.dying
        owner = value.owner
        assert isinstance(owner, Operation)
        assert owner.next_op is not None
        self.at = owner.next_op
        place = self.alloc(value)
        self.fill(where, place)
        self.at, self.dying = here, dying
        self._filled[value] = place
        return place

    def operand(self, value: SSAValue) -> SSAValue:
        """The memref that takes the place of a tensor operand that is read; scalars stay."""
        return self.memref(self.read(value)) if is_tensor(value) else value

    def extents(self, value: SSAValue) -> list[Extent]:
        """The extents of a tensor."""
        found = list(tensor_shape(value))
        while DYNAMIC_INDEX in found:  # what is open is sought at other tensors of the same extents
            found = [k if n == DYNAMIC_INDEX else n for n, k in zip(found, tensor_shape(value), strict=True)]
            known = op.source if isinstance(op := value.owner, tensor.CastOp) else stated(value)
            if isinstance(known, SSAValue):
                value = known
            elif known is not None:
                dynamic = iter(known)
                here = [next(dynamic) if n == DYNAMIC_INDEX else n for n in tensor_shape(value)]
                return _completed(found, here)
            elif value not in self.places and isinstance(op, scf.ForOp):
                value = op.iter_args[op.results.index(value)]  # a loop keeps shapes
            elif isinstance(op, tensor.CollapseShapeOp) and not isinstance(self.places.get(value), Place):
                return _completed(found, [self._product(op, group) for group in groups_of(op)])
            else:
                return _completed(found, self.place_extents(self.read(value)))
        return list(found)

    def _product(self, op: tensor.CollapseShapeOp, group: Sequence[int]) -> Extent:
        """The extent that a group of axes is collapsed to."""
        extents = self.extents(op.src)
        total: Extent = prod(n for axis in group if isinstance(n := extents[axis], int))
        for axis in group:
            if isinstance(n := extents[axis], SSAValue):
                factor = self.constant(total) if isinstance(total, int) else total
                total = n if total == 1 else self.emit(arith.MuliOp(factor, n)).results[0]
        return total

    def same_extents_outside(self, value: SSAValue, op: Operation) -> SSAValue | None:
        """A value with the extents of `value` whose extents are known before `op`, which defines `value`."""
        while is_inside(value, op):
            known = stated(value)
            if isinstance(known, SSAValue):
                value = known
            else:
                return None if known is None or any_inside(known, op) else value
        return value

    # --- may this be written? ------------------------------------------------------------------

    def blockers(self, place: Place) -> list[SSAValue]:
        """The values whose content a write into `place` at this op would destroy too early."""
        return [
            value
            for value, where in place.buffer.live.items()
            if value not in self.dying
            and not disjoint(where, place)
            and not self._released(value, where, place)
        ]

    def _released(self, value: SSAValue, where: Place, place: Place) -> bool:
        """Whether all that is still to happen to `value` is that `place`, or more, is overwritten.

        %s = extract_slice %A[p]; %t = update %s; %A1 = insert_slice %t into %A[p]: at the update, %A has
        released the slice.
        """
        op = self.liveness.next_use_is_last(value, self.at)
        for _ in range(_MAX_INSERTIONS):
            if not isinstance(op, tensor.InsertSliceOp) or op.dest is not value or op.source is value:
                return False
            region = view(where, slice_of(op))
            if region is not None and contains(region, place):
                return True
            # What that insertion leaves may be overwritten by the next one.
            value = op.result
            if not value.has_one_use() or not all(map(self._available, op.operands[2:])):
                return False
            op = next(iter(value.uses)).operation
        return False

    def hazard(self, place: Place, reads: Iterable[Read]) -> bool:
        """Whether writing `place` while the op runs would disturb what it reads."""
        for value, same_index in reads:
            where = self.places.get(value)
            if isinstance(where, Place) and not disjoint(where, place):
                if same_index and aligned(where, place):
                    continue
                return True
        return False

    def may_write(self, place: Place, reads: Sequence[Read] = ()) -> bool:
        return place.buffer.writable and not self.hazard(place, reads) and not self.blockers(place)

    def evict(self, place: Place, result: SSAValue, cost: Place) -> bool:
        """Copy the values that are in the way of a write away, if that is better than a copy of `cost`."""
        if not place.buffer.writable:
            return False
        blockers = self.blockers(place)
        block = self.at.parent
        assert block is not None
        if any(v not in self.places or (v, block) not in self.liveness.death_in for v in blockers):
            return False
        moved = [size_of(cast(Place, self.places[v])) for v in blockers]
        if None not in moved and (size := size_of(cost)) is not None:
            better = sum(cast(list[int], moved)) < size
        else:
            better = all(len(cast(Place, self.places[v]).path) > len(cost.path) for v in blockers)
        if not better:
            end = self.sink_place(result)
            if end is None or end.buffer is not place.buffer:
                return False
        for value in blockers:
            self.move_away(value, "it is read after its memory is overwritten")
        return True

    def move_away(self, value: SSAValue, reason: str) -> None:
        """Copy a live value into memory of its own."""
        old = self.places[value]
        assert isinstance(old, Place)
        new = self.alloc(value)
        self.copy(old, new, reason)
        self.kill(value)
        self.define(value, new)

    # --- choosing places -----------------------------------------------------------------------

    def choose(self, result: SSAValue, dest: SSAValue, reads: Sequence[Read], *, keeps_dest: bool) -> Place:
        """Where an op in destination-passing style writes `result`; the content of `dest` is there if kept.

        In order: the destination itself; where the result ends up anyway; an operand that dies and is read
        element by element as the result is written; new memory.
        """
        where = self.places[dest]
        if keeps_dest and isinstance(where, Place):
            ours = where.buffer.writable and not self.hazard(where, reads)
            if ours and (not self.blockers(where) or self.evict(where, result, where)):
                return where
            place = self.fresh(result, [(value, False) for value, _ in reads])
            self.copy(where, place, "the destination of an update is read again, or not ours to write")
            return place
        if keeps_dest:
            place = self.fresh(result, [(value, False) for value, _ in reads])
            self.fill(cast(Lazy, where), place)
            return place
        if (end := self.sink_place(result)) is not None and self.may_write(end, reads):
            return end
        candidates = [self.places[v] for v, same in reads if same and v in self.dying]
        for place in (*candidates, where):
            if isinstance(place, Place) and place.shape == tensor_shape(result):
                same_type = place.element_type == cast(TensorType[Any], result.type).element_type
                if same_type and self.may_write(place, reads):
                    return place
        return self.alloc(result, dest)

    def fresh(self, result: SSAValue, reads: Sequence[Read] = (), like: SSAValue | None = None) -> Place:
        """Where the value will end up, if that may be written now; new memory otherwise."""
        if (end := self.sink_place(result)) is not None and self.may_write(end, reads):
            return end
        return self.alloc(result, like)

    def sink_place(self, value: SSAValue) -> Place | None:
        """The place where, in the end, what becomes of `value` is to be stored."""
        sink = self.sinks.of(value)
        if sink is None:
            return None
        match sink.op:
            case tensor.InsertSliceOp():
                place = self._slice_place(sink.op)
            case func.ReturnOp():
                place = self.outs.get(sink.index)
            case ad.PushOp():
                place = self._slot_place(sink.op, value)
            case _:
                place = self.targets.get((sink.op, sink.index))
        for step in sink.steps:
            place = None if place is None else view(place, step)
        if place is None or place.shape != tensor_shape(value):
            return None
        return place

    def _slice_place(self, op: tensor.InsertSliceOp) -> Place | None:
        dest = op.dest
        for _ in range(_MAX_INSERTIONS):  # the array as it is before other parts of it are written
            if dest in self.places or not isinstance(dest.owner, tensor.InsertSliceOp):
                break
            dest = dest.owner.dest
        where = self.places.get(dest)
        if where is None or not all(map(self._available, op.operands[2:])):
            return None
        if not isinstance(where, Place):
            if op.parent is not self.at.parent or not dest.has_one_use():
                return None
            place = self.fresh(op.result, (), dest)
            self.fill(where, place)
            self.define(dest, place)
            where = place
        return view(where, slice_of(op))

    def _slot_place(self, op: ad.PushOp, value: SSAValue) -> Place | None:
        """A slot reserved now for a value that is pushed later in this block."""
        if (op, 1) in self.targets:
            return self.targets[op, 1]
        block = self.at.parent
        if not isinstance(op.cache.type, ad.CacheType) or not isinstance(
            op.cache.type.element_type, MemRefType
        ):
            return None
        if op.parent is not block or (value, block) not in self.liveness.death_in:
            return None
        order = self.liveness.order
        for use in op.cache.uses:
            other = use.operation
            if other is op or isinstance(other, ad.CacheOp):
                continue
            if isinstance(other, ad.PushOp) or self._within(other, block, order[self.at], order[op]):
                return None
        place = self.reserve(op)
        self.slots.setdefault(op.cache, []).append(place.buffer)
        self.targets[op, 1] = place
        return place

    def _within(self, op: Operation, block: Block | None, first: int, last: int) -> bool:
        """Whether `op` is in or below `block`, between two of its ops."""
        above: Operation | None = op
        while above is not None and above.parent is not block:
            above = above.parent_op()
        return above is not None and first <= self.liveness.order.get(above, first) <= last

    def reserve(self, op: ad.PushOp) -> Place:
        """Push an unwritten slot for the operand of a push."""
        type_ = identity_type(cast(TensorType[Any], op.value.type))
        open_ = [axis for axis, n in enumerate(type_.get_shape()) if n == DYNAMIC_INDEX]
        extents = self.extents(op.value) if open_ else []
        sizes = [n if isinstance(n := extents[axis], SSAValue) else self.constant(n) for axis in open_]
        slot = self.emit(ad.ReserveOp(op.cache, sizes, type_)).results[0]
        return Place(Buffer(slot, cache=op.cache))

    def _available(self, value: SSAValue) -> bool:
        """Whether an index is computed already, or could be moved to here and was."""
        if not isinstance(owner := value.owner, Operation):
            return owner is self.at.parent or _encloses(owner, self.at)
        order = self.liveness.order
        here = order[self.at]
        if order.get(owner, -1) < here:
            return True
        if not isinstance(owner, _MOVABLE) or owner.parent is not self.at.parent:
            return False
        if not all(self._available(v) for v in owner.operands):
            return False
        owner.detach()
        block = self.at.parent
        assert block is not None
        block.insert_op_before(owner, self.at)
        order[owner] = here - 1
        return True

    # --- content --------------------------------------------------------------------------------

    def alloc(self, value: SSAValue, like: SSAValue | None = None) -> Place:
        """New memory for a value; `like`, where given, is one with the same extents."""
        type_ = cast(TensorType[Any], value.type)
        if is_static(type_):
            return self.allocate(type_.get_shape(), type_.element_type)
        like = value if like is None else like
        extents = zip(self.extents(like), type_.get_shape(), strict=True)
        sizes = [n for n, s in extents if s == DYNAMIC_INDEX]
        return self.allocate(type_.get_shape(), type_.element_type, sizes, self._bounds(like, sizes))

    def alloc_outside(self, result: SSAValue, values: Sequence[SSAValue]) -> Place:
        """Memory for what regions of this op compute as `values`, allocated before it."""
        if is_static(cast(TensorType[Any], result.type)):
            return self.alloc(result)
        for value in values:
            if (like := self.same_extents_outside(value, self.at)) is not None:
                return self.alloc(result, like)
        raise self.error(
            f"an array whose shape depends on the path taken ({result.type})",
            hint="give the array the same shape on every path",
        )

    def _bounds(self, like: SSAValue, sizes: Sequence[Extent]) -> list[int | None]:
        found = bounds(like)
        if len(found) != len(sizes):
            return [None] * len(sizes)
        return found

    def write(self, value: SSAValue, target: Place, reason: str) -> None:
        """Make `target` hold the content of `value`."""
        where = self.places[value]
        if not isinstance(where, Place):
            self.fill(where, target)
        elif where != target:
            self.copy(where, target, reason)

    def write_all(self, pairs: Sequence[tuple[SSAValue, Place]], reason: str) -> None:
        """Make every target hold its value, as if all were written at once."""
        pending: list[tuple[Place, Place]] = []
        lazy: list[tuple[Lazy, Place]] = []
        for value, target in pairs:
            where = self.places[value]
            if not isinstance(where, Place):
                lazy.append((where, target))
            elif where != target:
                pending.append((where, target))
        while pending:
            read: dict[Buffer, list[Place]] = {}
            for source, _ in pending:
                read.setdefault(source.buffer, []).append(source)
            waiting: list[tuple[Place, Place]] = []
            for source, target in pending:
                if all(disjoint(other, target) for other in read.get(target.buffer, ())):
                    self.copy(source, target, reason)
                else:
                    waiting.append((source, target))
            if len(waiting) == len(pending):
                source, target = waiting[0]
                sizes = [n for n in self.place_extents(source) if not isinstance(n, int)]
                aside = self.allocate(source.shape, source.element_type, sizes)
                self.copy(source, aside, reason)
                waiting[0] = (aside, target)
            pending = waiting
        for content, target in lazy:
            self.fill(content, target)


_MAX_INSERTIONS = 32
"""How many insertions into one array are looked through, which keeps the pass linear."""

_EFFECTS = (ad.PopOp, ad.CacheOp, *ad.REQUESTS, scf.ForOp, scf.IfOp, scf.WhileOp, func.CallOp, HostCallOp)
_MOVABLE = (
    arith.ConstantOp,
    arith.AddiOp,
    arith.SubiOp,
    arith.MuliOp,
    arith.SelectOp,
    arith.CmpiOp,
    arith.MaxSIOp,
    arith.MinSIOp,
    arith.IndexCastOp,
)


def _completed(shape: Sequence[int], extents: Sequence[Extent]) -> list[Extent]:
    """A shape, with extents where it is open."""
    return [k if n == DYNAMIC_INDEX else n for n, k in zip(shape, extents, strict=True)]


def _encloses(block: Block, op: Operation) -> bool:
    above = op.parent_op()
    while above is not None:
        if above.parent is block:
            return True
        above = above.parent_op()
    return False
