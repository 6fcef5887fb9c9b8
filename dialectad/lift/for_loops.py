"""Emitting counted loops as `scf.for`.

Where the induction variable counts up and no other one depends on the number of the iteration, the loop runs
over its values; otherwise over the numbers of iterations, from 0, and all induction variables are computed.

    scf.for %i = %start to %end step %c            scf.for %k = 0 to %trips step 1 { %i = %start + %c * %k
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.dialects import llvm, scf
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, IntegerType, i32, i64
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.lift.build import Number
from dialectad.lift.counted import Counted, Induction
from dialectad.lift.inequalities import Difference, constant, lowest
from dialectad.lift.outcome import Outcome

if TYPE_CHECKING:
    from dialectad.lift.structure import Structurer

_BOUNDED_AND_SIGNED = 3
"""Of the flags of a `getelementptr`, those that hold for many steps at once: `inbounds` and `nusw`."""


@dataclass(frozen=True)
class _Range:
    """What a `scf.for` runs over."""

    lower: Number
    upper: Number
    step: int
    counts: bool
    """Whether it runs over the numbers of iterations, from 0."""
    distance: Difference | None
    """See `Structurer.trips`; None if the loop always runs."""


def emit(s: Structurer, counted: Counted) -> Outcome | None:
    """Emit the loop; None if it isn't known that its bounds compare as numbers that `scf.for` can have."""
    params = counted.loop.header.params
    starts = [s.now(param) for param in params]
    range_ = _range(s, counted, starts)
    if range_ is None:
        return None
    carried = [i for i in range(len(params)) if i not in counted.inductions]
    body = Block(arg_types=[i64, *(params[i].type for i in carried)])
    with s.builder.inside(body):
        s.bind([params[i] for i in carried], body.args[1:])
        _bind_inductions(s, counted, range_, starts, body.args[0])
        s.paused_at(counted.source, counted.loop)
        assert counted.source.condition is not None
        s.replaced += _owners([counted.source.condition])
        s.replaced += [induction.update for induction in counted.inductions.values()]
    if counted.tested_first:
        return _tested_first(s, counted, range_, starts, carried, body)
    return _tested_last(s, counted, range_, starts, carried, body)


def _range(s: Structurer, counted: Counted, starts: Sequence[SSAValue]) -> _Range | None:
    builder, step, offset = s.builder, counted.step, counted.offset
    start, bound = starts[counted.primary], s.now(counted.bound)
    if counted.predicate == "ne" and bound.type != i64:
        return _modular_range(s, counted, start, bound)
    if counted.predicate == "eq":
        return _equal_range(counted, start, bound)
    is_wide = start.type == i64
    start = builder.value(builder.resize(start, i64, signed=counted.is_signed))
    bound = builder.value(builder.resize(bound, i64, signed=counted.is_signed))
    s.replaced += _owners([start, bound])
    if not counted.is_signed and not _is_as_signed(s, counted, start, bound):
        return None
    beyond = 0 if counted.tested_first else step
    if counted.predicate in ("sle", "ule"):
        beyond += 1
    elif counted.predicate in ("sge", "uge"):
        beyond -= 1
    end_offset = beyond - offset  # the first value that isn't reached is bound + end_offset
    if step > 0:
        distance = Difference.of(bound, start, end_offset)
    else:
        distance = Difference.of(start, bound, -end_offset)
    exact = counted.tested_first or counted.predicate == "ne" or distance.lower(builder.facts) > 0
    known = distance if exact else None
    alone = len(counted.inductions) == 1 or (constant(start) == 0 and step == 1)
    if step > 0 and is_wide and alone:
        upper = builder.add(bound, end_offset)
        if not exact:
            upper = builder.at_least(upper, builder.add(start, 1))
        return _Range(start, upper, step, constant(start) == 0 and step == 1, known)
    trips = builder.divide_up(builder.difference(distance), abs(step))
    return _Range(0, trips if exact else builder.at_least(trips, 1), 1, True, known)


def _is_as_signed(s: Structurer, counted: Counted, start: SSAValue, bound: SSAValue) -> bool:
    """Whether an unsigned comparison is one of signed numbers too. See Note [Trip counts]."""
    facts = s.builder.facts
    if lowest(start, facts) + min(counted.offset, 0) < 0:
        return False
    first = constant(start)
    takes_too_long = counted.step > 0 and first is not None and first < 2**62
    return takes_too_long or lowest(bound, facts) >= 0  # from so far below 2^63 nothing gets there


def _equal_range(counted: Counted, start: SSAValue, bound: SSAValue) -> _Range | None:
    """Of a loop that goes on once at most: LLVM writes so what runs twice."""
    first, last = constant(start), constant(bound)
    if first is None or last is None:
        return None
    assert isinstance(start.type, IntegerType)
    goes_on = (first + counted.offset - last) % (1 << start.type.width.data) == 0
    trips = int(goes_on) + (not counted.tested_first)
    return _Range(0, trips, 1, True, None)


def _modular_range(s: Structurer, counted: Counted, start: SSAValue, bound: SSAValue) -> _Range:
    """Of a loop that ends when few bits of the induction variable equal those of the bound."""
    builder = s.builder
    assert isinstance(bound.type, IntegerType)
    start = builder.value(builder.resize(start, bound.type))
    first = builder.affine(start, counted.offset, 1)
    a, b = (bound, first) if counted.step > 0 else (first, bound)
    passed = builder.resize(builder.affine(a, b, 1, -1), i64, signed=False)
    trips = builder.divide_up(passed, abs(counted.step))
    return _Range(0, trips if counted.tested_first else builder.add(trips, 1), 1, True, None)


def _bind_inductions(
    s: Structurer, counted: Counted, range_: _Range, starts: Sequence[SSAValue], index: SSAValue
) -> None:
    for position, induction in counted.inductions.items():
        if range_.counts:
            value = _at(s, induction, starts[position], index)
            s.replaced += _owners([value])
        else:
            value = index
        s.bind([counted.loop.header.params[position]], [value])


def _at(s: Structurer, induction: Induction, start: SSAValue, number: Number) -> SSAValue:
    """The induction variable after a number of iterations."""
    step: Number = induction.step if isinstance(induction.step, int) else s.now(induction.step)
    if isinstance(induction.update, llvm.GEPOp):
        return _element(s, induction.update, start, s.builder.multiply(number, s.builder.resize(step, i64)))
    return s.builder.affine(start, number, step, induction.sign)


def _element(s: Structurer, update: llvm.GEPOp, base: SSAValue, index: Number) -> SSAValue:
    flags = IntegerAttr(update.noWrapFlags.value.data & _BOUNDED_AND_SIGNED, i32)
    indices = DenseArrayBase.from_list(i32, [llvm.GEP_USE_SSA_VAL])
    op = llvm.GEPOp.create(
        operands=[base, s.builder.value(index)],
        result_types=[base.type],
        properties={**update.properties, "rawConstantIndices": indices, "noWrapFlags": flags},
    )
    return s.builder.add_op(op).results[0]


def _tested_last(
    s: Structurer,
    counted: Counted,
    range_: _Range,
    starts: Sequence[SSAValue],
    carried: Sequence[int],
    body: Block,
) -> Outcome:
    """
    ^loop(%i, %a): ...; cond_br %more, ^loop(%i1, %a1), ^out(%b)
    ->
    %r, %x = scf.for ... iter_args(%a = %init, %_ = poison) { ...; yield %a1, %b }        to ^out(%x)
    """
    builder, source = s.builder, counted.source
    with builder.inside(body):
        back = next(edge for edge in source.edges if edge is not counted.exit)
        yielded = [s.now(back.args[i]) for i in carried]
        outcome = s.jump(source, counted.exit)
    finals = _Finals(s, counted, range_, starts)
    inits = [starts[i] for i in carried]
    wanted = [value for value in dict.fromkeys(outcome.values.values()) if not builder.is_visible(value)]
    for value in wanted:
        if value not in yielded and not finals.knows(value):
            inits.append(builder.constants.poison(value.type))
            yielded.append(value)
    op = _for(s, range_, inits, yielded, body)
    results = dict(zip(reversed(yielded), reversed(op.results), strict=True))
    results |= {value: finals.get(value) for value in wanted if value not in results}
    values = {key: results.get(value, value) for key, value in outcome.values.items()}
    return Outcome(outcome.targets, outcome.flags, values)


class _Finals:
    """What the induction variables, and what they would be next, are in the last iteration."""

    def __init__(self, s: Structurer, counted: Counted, range_: _Range, starts: Sequence[SSAValue]):
        self._s, self._range, self._starts = s, range_, starts
        self._counted = counted
        self._found: dict[SSAValue, tuple[int, int]] = {}
        if range_.counts or range_.step == 1:
            for position, induction in counted.inductions.items():
                self._found[s.now(counted.loop.header.params[position])] = position, -1
                self._found[s.now(induction.update.results[0])] = position, 0

    def knows(self, value: SSAValue) -> bool:
        return value in self._found

    def get(self, value: SSAValue) -> SSAValue:
        """To be asked after the loop."""
        position, offset = self._found[value]
        builder, range_ = self._s.builder, self._range
        number = builder.add(range_.upper, offset)
        if not range_.counts:
            return builder.value(number)
        final = _at(self._s, self._counted.inductions[position], self._starts[position], number)
        self._s.replaced += _owners([final])
        return final


def _tested_first(
    s: Structurer,
    counted: Counted,
    range_: _Range,
    starts: Sequence[SSAValue],
    carried: Sequence[int],
    body: Block,
) -> Outcome:
    """
    ^loop(%i, %a): cond_br %more, ^body, ^out(%a)         ^body: ...; br ^loop(%i1, %a1)
    ->
    %r = scf.for ... iter_args(%a = %init) { ...; yield %a1 }         to ^out(%r)
    """
    builder, source, loop = s.builder, counted.source, counted.loop
    params = loop.header.params
    after = {*counted.exit.args, *s.layout.live.get(loop, ())}
    kept = [*carried, *(i for i in counted.inductions if params[i] in after)]
    with builder.inside(body):
        following = s.follow(source, next(edge for edge in source.edges if edge is not counted.exit))
        # Where no iteration comes back, what is carried doesn't matter.
        yielded = [
            following.values.get((loop.header, i)) or builder.constants.poison(params[i].type) for i in kept
        ]
    op = _for(s, range_, [starts[i] for i in kept], yielded, body)
    s.bind([params[i] for i in kept], op.results)
    return s.jump(source, counted.exit)


def _for(
    s: Structurer, range_: _Range, inits: Sequence[SSAValue], yielded: Sequence[SSAValue], body: Block
) -> Operation:
    builder = s.builder
    for value in inits[len(body.args) - 1 :]:
        body.insert_arg(value.type, len(body.args))
    body.add_op(scf.YieldOp(*yielded))
    bounds = [builder.value(number) for number in (range_.lower, range_.upper, range_.step)]
    op = builder.add_op(
        scf.ForOp.create(
            operands=[*bounds, *inits],
            result_types=[value.type for value in inits],
            regions=[Region(body)],
        )
    )
    if range_.distance is not None:
        s.trips[op] = range_.distance
    return op


def _owners(values: Sequence[SSAValue]) -> list[Operation]:
    return [value.owner for value in values if isinstance(value.owner, Operation)]
