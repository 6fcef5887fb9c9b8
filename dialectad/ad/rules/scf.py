"""Derivatives of `scf`: the reverse of a loop is a loop, the reverse of a branch a branch.

Note [Reversed loops]
~~~~~~~~~~~~~~~~~~~~~
    %r = scf.for %i = %lb to %ub step %s iter_args(%a = %init) { ... uses %w ...; yield %y }
    =>
    %d:2 = scf.for %k = 0 to %n step 1 iter_args(%dy = %dr, %acc = %dw) {
        %i = %lb + (%n - 1 - %k) * %s;   <the body backwards>;   yield %da, %acc'
    }
    %dinit += %d#0;  %dw = %d#1

`%n` is the trip count. Cotangents are carried for the loop's own state, and for every active value from
outside (`%w`), which is accumulated in place. A zero cotangent that has to be carried is made once, before
the loop. A `while` is the same with the number of iterations counted by its forward sweep; `prepare` has
moved everything but the condition out of its first region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import is_differentiable
from dialectad.ad.forward import Forward
from dialectad.ad.memory import written_by
from dialectad.ad.preaccumulate import preaccumulate
from dialectad.ad.prepare_while import COUNTED
from dialectad.ad.primals import constant_of, trip_count
from dialectad.ad.reverse import Reverse, body_ops
from dialectad.ad.rule import Rule, inactive, register
from dialectad.dialects.ad import CacheType
from dialectad.walk import walk


def _terminator(block: Block) -> Operation:
    last = block.last_op
    assert last is not None
    return last


def outer_values(op: Operation) -> list[SSAValue]:
    """The values from outside that the regions of `op` use, in the order of their first use."""
    inside: set[Block] = set()
    found: dict[SSAValue, None] = {}

    def visit(parent: Operation) -> None:
        for region in parent.regions:
            for block in region.blocks:
                inside.add(block)
                for nested in block.ops:
                    for operand in nested.operands:
                        owner = operand.owner
                        if (owner if isinstance(owner, Block) else owner.parent) not in inside:
                            found[operand] = None
                    visit(nested)

    visit(op)
    return list(found)


def _accumulated(sweep: Reverse, op: Operation) -> list[SSAValue]:
    """The active values from outside to whose cotangents the regions of `op` may contribute."""
    return [v for v in outer_values(op) if sweep.active(v) and not isinstance(v.type, _STATEFUL)]


_STATEFUL = (CacheType, MemRefType, LLVMPointerType)


def _touches_state(sweep: Reverse, op: Operation) -> bool:
    """Whether the reverse of `op` works on caches or memory, and so has to run anyway."""
    return any(
        isinstance(operand.type, _STATEFUL) and sweep.active(operand)
        for o in walk(op)
        for operand in o.operands
    )


def _idle(sweep: Reverse, op: Operation) -> bool:
    return all(sweep.cotangent(r) is None for r in op.results) and not _touches_state(sweep, op)


def _mark(into: set[SSAValue], values: Iterable[SSAValue]) -> None:
    into.update(v for v in values if is_differentiable(v.type))


def _until_stable(marked: set[SSAValue], step: Callable[[], None]) -> None:
    size = -1
    while size != len(marked):
        size = len(marked)
        step()


# Loops: see Note [Reversed loops]


def _reverse_loop(
    sweep: Reverse,
    op: scf.ForOp | scf.WhileOp,
    body: Block,
    state: Sequence[SSAValue],
    inits: Sequence[SSAValue],
    trips: SSAValue,
    index: Callable[[SSAValue], SSAValue] | None = None,
) -> None:
    """Reverse `trips` runs of `body`; `index` gives the loop's index from the iteration's number."""
    emitter = sweep.emitter
    slots = [i for i, result in enumerate(op.results) if sweep.active(result)]
    outer = _accumulated(sweep, op)
    carried = [sweep.materialized(op.results[i]) for i in slots] + [sweep.materialized(v) for v in outer]
    reverse = Block(arg_types=[trips.type, *(d.type for d in carried)])
    k, *args = reverse.args
    yielded = _terminator(body).operands
    with sweep.primals.scope(body, reverse) as scope:
        if index is not None:
            scope.lazy[body.args[0]] = lambda: index(k)
        for value, d in zip(outer, args[len(slots) :], strict=True):
            sweep.replace(value, d)
        for i, d in zip(slots, args, strict=False):
            sweep.accumulate(yielded[i], d)
        sweep.block(body_ops(body))
        result = [sweep.materialized(state[i]) for i in slots] + [sweep.materialized(v) for v in outer]
        emitter.insert(scf.YieldOp(*result))
        preaccumulate(reverse, args[: len(slots)])
    zero, one = emitter.integer(0, trips.type), emitter.integer(1, trips.type)  # pyright: ignore[reportArgumentType]
    loop = scf.ForOp(zero, trips, one, carried, reverse)
    emitter.insert(loop)
    for value, d in zip(outer, loop.results[len(slots) :], strict=True):
        sweep.replace(value, d)
    for i, d in zip(slots, loop.results, strict=False):
        sweep.accumulate(inits[i], d)


class For(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, scf.ForOp)
        block = op.body.block

        def step() -> None:
            yielded = _terminator(block).operands
            for init, y, arg, result in zip(op.iter_args, yielded, block.args[1:], op.results, strict=True):
                if init in activity.varied or y in activity.varied:
                    _mark(activity.varied, (arg, result))
            activity.vary(block)

        _until_stable(activity.varied, step)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, scf.ForOp)
        block = op.body.block

        def step() -> None:
            yielded = _terminator(block).operands
            for init, y, arg, result in zip(op.iter_args, yielded, block.args[1:], op.results, strict=True):
                if arg in activity.useful or result in activity.useful:
                    _mark(activity.useful, (init, y, result))
            activity.use(block)

        _until_stable(activity.useful, step)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, scf.ForOp)
        if _idle(sweep, op):
            return
        emitter = sweep.emitter
        lb, ub, step = (sweep.primal(v) for v in (op.lb, op.ub, op.step))
        trips = trip_count(emitter, lb, ub, step)

        def index(k: SSAValue) -> SSAValue:
            one = emitter.integer(1, trips.type)  # pyright: ignore[reportArgumentType]
            last = emitter.emit(arith.SubiOp(trips, one))
            number = emitter.emit(arith.SubiOp(last, k))
            if constant_of(step) != 1:
                number = emitter.emit(arith.MuliOp(number, step))
            return number if constant_of(lb) == 0 else emitter.emit(arith.AddiOp(number, lb))

        body = op.body.block
        _reverse_loop(sweep, op, body, body.args[1:], op.iter_args, trips, index)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, scf.ForOp)
        emitter, block = sweep.emitter, op.body.block
        slots = [i for i, result in enumerate(op.results) if sweep.active(result)]
        inits = [sweep.materialized(op.iter_args[i]) for i in slots]
        _add_tangents(sweep, block, [block.args[i + 1] for i in slots])
        sweep.block(body_ops(block))
        _extend(sweep, block, slots)
        new = scf.ForOp(op.lb, op.ub, op.step, [*op.iter_args, *inits], op.detach_region(op.body))
        emitter.insert(new)
        _renew(sweep, op, new, slots)


def _add_tangents(sweep: Forward, block: Block, args: Sequence[SSAValue]) -> None:
    """Let `block` take the tangents of some of its arguments too."""
    for arg in args:
        tangent = block.insert_arg(arg.type, len(block.args))
        sweep.set_tangent(arg, tangent)


def _extend(sweep: Forward, block: Block, slots: Sequence[int], skip: int = 0) -> None:
    """Let the terminator of `block` give the tangents of some of its operands too."""
    last = _terminator(block)
    with sweep.emitter.at(InsertPoint.before(last)):
        tangents = [sweep.materialized(last.operands[i + skip]) for i in slots]
    last.operands = [*last.operands, *tangents]


def _renew(sweep: Forward, old: Operation, new: Operation, slots: Sequence[int]) -> None:
    """Put `new` in the place of `old`; its results are those of `old` and then the tangents of `slots`."""
    new.location = old.location
    for before, after in zip(old.results, new.results, strict=False):
        sweep.activity.rename(before, after)
        after.name_hint = before.name_hint
        before.replace_all_uses_with(after)
    for i, tangent in zip(slots, new.results[len(old.results) :], strict=True):
        sweep.set_tangent(new.results[i], tangent)
    old.detach()
    old.erase()


class While(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, scf.WhileOp)
        before, after = op.before_region.block, op.after_region.block

        def step() -> None:
            for init, y, arg in zip(op.arguments, _terminator(after).operands, before.args, strict=True):
                if init in activity.varied or y in activity.varied:
                    _mark(activity.varied, (arg,))
            activity.vary(before)
            for c, arg, result in zip(_terminator(before).operands[1:], after.args, op.results, strict=True):
                if c in activity.varied:
                    _mark(activity.varied, (arg, result))
            activity.vary(after)

        _until_stable(activity.varied, step)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, scf.WhileOp)
        before, after = op.before_region.block, op.after_region.block

        def step() -> None:
            for c, arg, result in zip(_terminator(before).operands[1:], after.args, op.results, strict=True):
                if arg in activity.useful or result in activity.useful:
                    _mark(activity.useful, (c, result))
            activity.use(before)
            for init, y, arg in zip(op.arguments, _terminator(after).operands, before.args, strict=True):
                if arg in activity.useful:
                    _mark(activity.useful, (init, y))
            activity.use(after)

        _until_stable(activity.useful, step)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, scf.WhileOp)
        assert COUNTED in op.attributes, "prepare counts the iterations of every while that varies"
        del op.attributes[COUNTED]
        first = op.before_region.block
        written = [memory for nested in walk(first) for memory in written_by(nested)]
        assert not any(map(sweep.active, written)), "prepare moves all writing out of the first region"
        if _idle(sweep, op):
            return
        trips = sweep.primal(op.results[-1])
        body = op.after_region.block
        _reverse_loop(sweep, op, body, body.args, op.arguments, trips)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, scf.WhileOp)
        before, after = op.before_region.block, op.after_region.block
        into = [i for i, arg in enumerate(before.args) if sweep.active(arg)]
        out = [i for i, result in enumerate(op.results) if sweep.active(result)]
        inits = [sweep.materialized(op.arguments[i]) for i in into]
        _add_tangents(sweep, before, [before.args[i] for i in into])
        sweep.block(body_ops(before))
        _extend(sweep, before, out, skip=1)
        _add_tangents(sweep, after, [after.args[i] for i in out])
        sweep.block(body_ops(after))
        _extend(sweep, after, into)
        types = [*op.result_types, *(op.results[i].type for i in out)]
        regions = [op.detach_region(region) for region in (op.before_region, op.after_region)]
        new = scf.WhileOp([*op.arguments, *inits], types, *regions)
        sweep.emitter.insert(new)
        _renew(sweep, op, new, out)


class If(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        for block in _branches(op):
            activity.vary(block)
            for y, result in zip(_terminator(block).operands, op.results, strict=True):
                if y in activity.varied:
                    _mark(activity.varied, (result,))

    def use(self, activity: Activity, op: Operation) -> None:
        for block in _branches(op):
            for y, result in zip(_terminator(block).operands, op.results, strict=True):
                if result in activity.useful:
                    _mark(activity.useful, (y,))
            activity.use(block)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        """Each branch backwards; what neither changes isn't yielded."""
        assert isinstance(op, scf.IfOp)
        if _idle(sweep, op):
            return
        outer = _accumulated(sweep, op)
        waiting = {v: sweep.pending.pop(v) for v in outer if v in sweep.pending}
        before = {v: sweep.cotangent(v) for v in outer}
        seeds = [sweep.cotangent(result) for result in op.results]
        reversed_: list[tuple[Block, dict[SSAValue, SSAValue | None]]] = []
        # What the branches yield shows when both are reversed, and counts among the uses of primal values.
        with ExitStack() as scopes:
            for region in op.regions:
                reverse = Block()
                for value in outer:
                    sweep.replace(value, before[value])
                if region.blocks:
                    block = region.block
                    scopes.enter_context(sweep.primals.scope(block, reverse))
                    for y, d in zip(_terminator(block).operands, seeds, strict=True):
                        if d is not None:
                            sweep.accumulate(y, d)
                    sweep.block(body_ops(block))
                    after = {v: sweep.cotangent(v) for v in outer}
                else:
                    after = dict(before)
                reversed_.append((reverse, after))
            changed = [v for v in outer if any(after[v] is not before[v] for _, after in reversed_)]
            for block, after in reversed_:
                with sweep.emitter.inside(block):
                    values = [sweep.zero_of(v) if (d := after[v]) is None else d for v in changed]
                    sweep.emitter.insert(scf.YieldOp(*values))
        condition = sweep.primal(op.cond)
        types = [v.type for v in changed]
        new = scf.IfOp(condition, types, Region(reversed_[0][0]), Region(reversed_[1][0]))
        sweep.emitter.insert(new)
        for value in outer:
            sweep.replace(value, before[value])
        for value, d in zip(changed, new.results, strict=True):
            sweep.replace(value, d)
        for value, contributions in waiting.items():
            for contributor, into in contributions:
                sweep.contribute(value, contributor, into)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, scf.IfOp)
        slots = [i for i, result in enumerate(op.results) if sweep.active(result)]
        for block in _branches(op):
            sweep.block(body_ops(block))
            _extend(sweep, block, slots)
        types = [*op.result_types, *(op.results[i].type for i in slots)]
        regions = [op.detach_region(region) for region in (op.true_region, op.false_region)]
        new = scf.IfOp(op.cond, types, regions[0], regions[1])
        sweep.emitter.insert(new)
        _renew(sweep, op, new, slots)


def _branches(op: Operation) -> list[Block]:
    return [region.block for region in op.regions if region.blocks]


register(scf.ForOp, For())
register(scf.WhileOp, While())
register(scf.IfOp, If())
inactive(scf.YieldOp, scf.ConditionOp)
