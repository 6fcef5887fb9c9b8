"""Emitting loops that aren't counted as `scf.while`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from xdsl.dialects import scf
from xdsl.ir import Block, Region, SSAValue

from dialectad.lift.branches import goes_to
from dialectad.lift.graph import Edge, Node
from dialectad.lift.layout import Layout
from dialectad.lift.loops import Loop
from dialectad.lift.outcome import Key, Outcome

if TYPE_CHECKING:
    from dialectad.lift.structure import Structurer


def emit(s: Structurer, loop: Loop) -> Outcome:
    """Emit the loop."""
    exits = s.layout.exits.get(loop, [])
    if len(exits) == 1 and _is_tested_early(s.layout, loop, exits[0][0]):
        return _tested_early(s, loop, *exits[0])
    return _tested_last(s, loop)


def _is_tested_early(layout: Layout, loop: Loop, source: Node) -> bool:
    """Whether the only exit is taken before the rest of each iteration."""
    latches = [latch for latch, _ in layout.repeats[loop]]
    return (
        loop not in layout.tangled
        and layout.loops.innermost[source] is loop
        and all(layout.dominators.dominates(source, latch) for latch in latches)
        and latches != [source]
    )


def _tested_early(s: Structurer, loop: Loop, source: Node, exit_: Edge) -> Outcome:
    """
    ^loop(%a): A; cond_br %more, ^rest, ^out(%x)        ^rest: B; br ^loop(%b)
    ->
    %r = scf.while (%a = %init) { A; condition(%more) %x, %v } do (%x, %v) { B; yield %b }     to ^out(%r)
    """
    params = loop.header.params
    inits = [s.now(param) for param in params]
    before, after = Block(arg_types=[param.type for param in params]), Block()
    stays = next(edge for edge in source.edges if edge is not exit_)
    holds = stays is source.edges[0]
    assert source.condition is not None
    with s.builder.inside(before):
        s.bind(params, before.args)
        s.paused_at(source, loop)
        outcome = s.jump(source, exit_)
        condition = s.now(source.condition)
        more = condition if holds else s.builder.negate(condition)
    passed = s.layout.passing(loop, source, stays)
    forwarded = _forwarded(s, [*outcome.values.values(), *map(s.now, passed)])
    arguments = {value: after.insert_arg(value.type, i) for i, value in enumerate(forwarded)}
    with s.builder.inside(after, (condition, holds)):
        s.bind(passed, [arguments.get(value, value) for value in map(s.now, passed)])
        after.add_op(scf.YieldOp(*_next(s, loop, s.follow(source, stays).values)))
    return _while(s, before, after, inits, more, forwarded, outcome)


def _tested_last(s: Structurer, loop: Loop) -> Outcome:
    """
    ^loop(%a): A; cond_br %more, ^loop(%b), ^out(%x)
    ->
    %_, %r = scf.while (%a = %init) { A; condition(%more) %b, %x } do (%b, %_) { yield %b }     to ^out(%r)

    With several exits, the flags of the outcome are results too.
    """
    header = loop.header
    inits = [s.now(param) for param in header.params]
    before, after = Block(arg_types=[param.type for param in header.params]), Block()
    with s.builder.inside(before):
        s.bind(header.params, before.args)
        outcome = s.subtree(header, loop)
        more = s.builder.bit(goes_to(s.builder, outcome, header))
    following = _next(s, loop, outcome.values)
    outcome = outcome.without(header)
    flags = [flag for flag in outcome.flags.values() if not isinstance(flag, bool)]
    forwarded = _forwarded(s, [*following, *flags, *outcome.values.values()])
    arguments = {value: after.insert_arg(value.type, i) for i, value in enumerate(forwarded)}
    after.add_op(scf.YieldOp(*(arguments.get(value, value) for value in following)))
    return _while(s, before, after, inits, more, forwarded, outcome)


def _next(s: Structurer, loop: Loop, values: Mapping[Key, SSAValue]) -> list[SSAValue]:
    """The next values of the header's parameters; where no iteration comes back, they don't matter."""
    return [
        values.get((loop.header, position)) or s.builder.constants.poison(param.type)
        for position, param in enumerate(loop.header.params)
    ]


def _forwarded(s: Structurer, values: Iterable[SSAValue]) -> list[SSAValue]:
    """What must be passed out of the first region."""
    return [value for value in dict.fromkeys(values) if not s.builder.is_visible(value)]


def _while(
    s: Structurer,
    before: Block,
    after: Block,
    inits: Sequence[SSAValue],
    more: SSAValue,
    forwarded: Sequence[SSAValue],
    outcome: Outcome,
) -> Outcome:
    before.add_op(scf.ConditionOp(more, *forwarded))
    op = scf.WhileOp.create(
        operands=inits,
        result_types=[value.type for value in forwarded],
        regions=[Region(before), Region(after)],
    )
    results = dict(zip(forwarded, s.builder.add_op(op).results, strict=True))
    flags = {
        target: flag if isinstance(flag, bool) else results.get(flag, flag)
        for target, flag in outcome.flags.items()
    }
    values = {key: results.get(value, value) for key, value in outcome.values.items()}
    return Outcome(outcome.targets, flags, values)
