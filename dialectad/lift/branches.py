"""Making two branches one op, whose results are where they lead and with which values.

%c ? { jump to join(%x) } : { jump to join(%y) }      =>      %r = scf.if %c { yield %x } else { yield %y }
                                                              jump to join(%r)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.lift import guards
from dialectad.lift.build import Builder
from dialectad.lift.graph import Node
from dialectad.lift.inequalities import Fact
from dialectad.lift.outcome import Flag, Key, Outcome

if TYPE_CHECKING:
    from dialectad.lift.structure import Structurer

Side: TypeAlias = tuple[Block, Outcome]
"""The code of a branch, and where it leads."""

Pair: TypeAlias = tuple[SSAValue | None, SSAValue | None]
"""A value where a condition holds, and where it doesn't; None where it doesn't matter."""


def goes_to(builder: Builder, outcome: Outcome, target: Node) -> Flag:
    """Whether control goes to `target`."""
    if target not in outcome.targets:
        return False
    if target is not outcome.targets[-1]:
        return outcome.flags[target]
    return builder.invert(builder.any(outcome.flags.values()))


def merge(s: Structurer, condition: SSAValue, first: Side, second: Side) -> Outcome:
    """The outcome of going one of two ways; `first` is taken where the condition holds."""
    number = s.layout.dominators.number
    targets = tuple(sorted({*first[1].targets, *second[1].targets}, key=number.__getitem__))
    flags: dict[Node, Flag] = {}
    values: dict[Key, SSAValue] = {}
    differing: list[tuple[Key | Node, Pair]] = []
    for target in targets[:-1]:
        a, b = _side_goes_to(s, first, target), _side_goes_to(s, second, target)
        if a is True and b is False:
            flags[target] = condition
        elif a is False and b is True:
            flags[target] = s.builder.negate(condition)
        elif isinstance(a, bool | None) and isinstance(b, bool | None):
            flags[target] = bool(a) or bool(b)
        else:
            bit = s.builder.bit
            differing.append((target, (None if a is None else bit(a), None if b is None else bit(b))))
    for key in {**first[1].values, **second[1].values}:
        differing.append((key, (first[1].values.get(key), second[1].values.get(key))))
    chosen = _choose(s, condition, first[0], second[0], [pair for _, pair in differing])
    for (key, _), value in zip(differing, chosen, strict=True):
        if isinstance(key, Node):
            flags[key] = value
        else:
            values[key] = value
    return Outcome(targets, {target: flags[target] for target in targets[:-1]}, values)


def _side_goes_to(s: Structurer, side: Side, target: Node) -> Flag | None:
    """Whether a branch goes to `target`; None if it goes nowhere."""
    block, outcome = side
    if not outcome.targets:
        return None
    with s.builder.inside(block):
        return goes_to(s.builder, outcome, target)


def _choose(
    s: Structurer, condition: SSAValue, first: Block, second: Block, pairs: Sequence[Pair]
) -> list[SSAValue]:
    """Run one of two blocks; gives of each pair the value that belongs to it."""
    if first.first_op is None and second.first_op is None:
        return [_select(s, condition, a, b) for a, b in pairs]
    if second.first_op is None and _unguard(s, first, (condition, False)):
        return [_select(s, condition, *guards.replace_poison(a, b)) for a, b in pairs]
    if first.first_op is None and _unguard(s, second, (condition, True)):
        swapped = [guards.replace_poison(b, a) for a, b in pairs]
        return [_select(s, condition, a, b) for b, a in swapped]
    return _if(s, condition, first, second, pairs)


def _select(s: Structurer, condition: SSAValue, a: SSAValue | None, b: SSAValue | None) -> SSAValue:
    if a is None or b is None:
        value = a or b
        assert value is not None
        return value
    return s.builder.select(condition, a, b)


def _unguard(s: Structurer, block: Block, otherwise: Fact) -> bool:
    """Emit the ops of a branch always, if they do nothing where it isn't taken."""
    if not guards.does_nothing(block, [*s.builder.facts, otherwise], s.trips):
        return False
    guards.unguard(block, s.builder.block)
    if isinstance(guard := otherwise[0].owner, Operation):
        s.replaced.append(guard)
    return True


def _if(
    s: Structurer, condition: SSAValue, first: Block, second: Block, pairs: Sequence[Pair]
) -> list[SSAValue]:
    # What is defined before the branch needn't be its result, if the other side agrees or doesn't care.
    known = [_only(pair) for pair in pairs]
    known = [value if value is not None and s.builder.is_visible(value) else None for value in known]
    needed = _fewest([pair for pair, value in zip(pairs, known, strict=True) if value is None])
    types = [value.type for a, b in needed if (value := a or b) is not None]
    for side, block in enumerate((first, second)):
        values = [pair[side] or s.builder.constants.poison(t) for pair, t in zip(needed, types, strict=True)]
        block.add_op(scf.YieldOp(*values))
    regions = [Region(first), Region(second)]
    if not needed and second.first_op is second.last_op:
        regions[1] = Region()
    elif not needed and first.first_op is first.last_op:
        condition, regions = s.builder.negate(condition), [regions[1], Region()]
    op = scf.IfOp.create(operands=[condition], result_types=types, regions=regions)
    results = s.builder.add_op(op).results
    found = {key: result for pair, result in zip(needed, results, strict=True) for key in _served(pair)}
    return [found[pair] if value is None else value for pair, value in zip(pairs, known, strict=True)]


def _only(pair: Pair) -> SSAValue | None:
    """The one value of a pair, if there is only one."""
    a, b = pair
    return a if b is None or a is b else b if a is None else None


def _served(pair: Pair) -> tuple[Pair, ...]:
    """The pairs that a result for `pair` is right for too."""
    a, b = pair
    return pair, (a, None), (None, b)


def _fewest(pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs whose results are enough for all of `pairs`."""
    full = dict.fromkeys(pair for pair in pairs if None not in pair)
    served = {other for pair in full for other in _served(pair)}
    return [*full, *dict.fromkeys(pair for pair in pairs if pair not in served)]
