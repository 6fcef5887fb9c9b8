"""From a graph of nodes to nested `scf.if`, `scf.while` and `scf.for`.

The dominator tree is walked once. `_subtree` emits a node and what it dominates, and tells by an `Outcome`
which nodes outside control goes to. The branches of a node become an `scf.if`; the nodes where they meet are
emitted after it, under the flags of the outcome if there are several. The same with a loop and its exits.

Names: a *value* of the graph is an SSA value of the original function; `_now` maps those that have become
something else (a result, an argument of a region) to what they are at this point of the new code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TypeAlias

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.lift import counted, for_loops, guards
from dialectad.lift.build import Builder
from dialectad.lift.graph import Edge, Node
from dialectad.lift.inequalities import Difference, Fact
from dialectad.lift.layout import Layout
from dialectad.lift.loops import Loop
from dialectad.lift.outcome import Flag, Key, Outcome

Side: TypeAlias = tuple[Block, Outcome]
"""The code of a branch, and where it leads."""

Pair: TypeAlias = tuple[SSAValue | None, SSAValue | None]
"""A value where a condition holds, and where it doesn't; None where it doesn't matter."""


class Structurer:
    """Moves the ops of a graph into structured code at the end of a block."""

    def __init__(self, layout: Layout, block: Block):
        self.layout = layout
        self.builder = Builder(layout.graph.constants, block)
        self.trips: dict[Operation, Difference] = {}
        """`scf.for` -> what its number of iterations is, where that is positive; otherwise there are none."""
        self.replaced: list[Operation] = []
        """Ops that may not be needed any more."""
        self._now: dict[SSAValue, SSAValue] = {}
        self._pauses: dict[Node, Block | None] = {}
        """Nodes whose branch isn't emitted with them, and where they were emitted."""

    def run(self) -> list[SSAValue]:
        """Emit everything; gives what the function returns."""
        exit_ = self.layout.graph.exit
        outcome = self.subtree(self.layout.graph.entry)
        if not outcome.targets:
            return [self.layout.graph.constants.poison(param.type) for param in exit_.params]
        return [outcome.values[param] for param in exit_.params]

    # Values

    def now(self, value: SSAValue) -> SSAValue:
        """What a value of the graph is at this point."""
        return self._now.get(value, value)

    def bind(self, params: Sequence[SSAValue], values: Iterable[SSAValue]) -> None:
        """Let the parameters of a node have these values from here on."""
        for param, value in zip(params, values, strict=True):
            self._now[param] = value
            made = isinstance(value.owner, Block) or value.owner.name.startswith("scf.")
            if made and value.name_hint is None:
                value.name_hint = param.name_hint

    def _enter(self, target: Node, outcome: Outcome) -> None:
        self.bind(target.params, [outcome.values[param] for param in target.params])

    # Nodes

    def subtree(self, node: Node, entered: Loop | None = None) -> Outcome:
        """Emit `node`, whose parameters are bound, and all that comes before what it doesn't dominate."""
        while True:
            loop = self.layout.loops.headed_by(node)
            if loop is not None and loop is not entered:
                outcome = self._loop(loop)
                after = self.layout.follows.get(loop, [])
            else:
                self._emit(node)
                if node in self._pauses:
                    self._pauses[node] = self.builder.block
                    return Outcome()
                step = self._leave(node)
                if isinstance(step, Node):
                    node = step
                    continue
                outcome = step
                after = self.layout.joins[node]
            for place, join in enumerate(after):
                if join not in outcome.targets:
                    continue
                if len(outcome.targets) > 1:
                    outcome = self._divert(join, outcome)
                    continue
                self._enter(join, outcome)
                if place + 1 == len(after):
                    node = join
                    break
                outcome = self.subtree(join)
            else:
                return outcome

    def _emit(self, node: Node) -> None:
        self.builder.location = node.location
        for op in node.ops:
            if op.parent is not None:  # a comparison that stands for a switch has never been in a block
                op.detach()
            for inner in op.walk() if op.regions else (op,):
                for index, operand in enumerate(inner.operands):
                    if (value := self._now.get(operand)) is not None:
                        inner.operands[index] = value
            self.builder.block.add_op(op)

    def _leave(self, node: Node) -> Outcome | Node:
        """Emit the branch at the end of a node; a node that comes right after it isn't emitted yet."""
        if not node.edges:
            return Outcome()
        if len(node.edges) == 1:
            return self._go(node, node.edges[0])
        first, second = node.edges
        assert node.condition is not None
        condition = self.now(node.condition)
        sides: dict[Edge, Side] = {}
        for edge, other in ((first, second), (second, first)):
            if self._is_dead(edge) and other.target not in self.layout.dead_ends:
                sides[edge] = self._side(node, edge, condition, edge is first)
                if not sides[edge][1].targets:
                    self._once(condition if edge is first else self.builder.negate(condition), sides[edge][0])
                    return self._go(node, other)
        for edge in node.edges:
            if edge not in sides:
                sides[edge] = self._side(node, edge, condition, edge is first)
        return self._merge(condition, sides[first], sides[second])

    def _is_dead(self, edge: Edge) -> bool:
        return edge in self.layout.owned and edge.target in self.layout.dead_ends

    def _go(self, node: Node, edge: Edge) -> Outcome | Node:
        if edge not in self.layout.owned:
            return self.jump(node, edge)
        self.bind(edge.target.params, [self.now(arg) for arg in edge.args])
        return edge.target

    def follow(self, node: Node, edge: Edge) -> Outcome:
        """Emit what comes after `edge` and nowhere else."""
        step = self._go(node, edge)
        return self.subtree(step) if isinstance(step, Node) else step

    def _side(self, node: Node, edge: Edge, condition: SSAValue, holds: bool) -> Side:
        block = Block()
        with self.builder.inside(block, (condition, holds)):
            return block, self.follow(node, edge)

    def jump(self, source: Node, edge: Edge) -> Outcome:
        """The outcome of an edge: its arguments, and what is used after the loops that it leaves."""
        layout, target = self.layout, edge.target
        loop = layout.loops.headed_by(target)
        repeats = loop is not None and layout.loops.contains(loop, source)
        keys: Sequence[Key] = (
            [(target, position) for position in range(len(edge.args))] if repeats else target.params
        )
        values: dict[Key, SSAValue] = dict(zip(keys, map(self.now, edge.args), strict=True))
        for left in layout.loops.left(source, target):
            for value in layout.live.get(left, ()):
                if layout.dominators.dominates(layout.home[value], source):
                    values[value] = self.now(value)
        return Outcome((target,), {}, values)

    # Branches

    def _once(self, condition: SSAValue, block: Block) -> None:
        """Emit a branch that nothing comes back from."""
        if block.first_op is not None:
            block.add_op(scf.YieldOp())
            self.builder.add_op(scf.IfOp.create(operands=[condition], regions=[Region(block), Region()]))

    def _divert(self, join: Node, outcome: Outcome) -> Outcome:
        """Emit `join`, which is one of several targets, under its flag."""
        flag = self._value(self.flag(outcome, join))
        taken = Block()
        with self.builder.inside(taken, (flag, True)):
            self._enter(join, outcome)
            inner = self.subtree(join)
        return self._merge(flag, (taken, inner), (Block(), outcome.without(join)))

    def flag(self, outcome: Outcome, target: Node) -> Flag:
        """Whether control goes to `target`."""
        if target not in outcome.targets:
            return False
        if target is not outcome.targets[-1]:
            return outcome.flags[target]
        return self._not(self._any(outcome.flags.values()))

    def _any(self, flags: Iterable[Flag]) -> Flag:
        unknown = [flag for flag in flags if not isinstance(flag, bool) or flag]
        if any(flag is True for flag in unknown):
            return True
        values = [flag for flag in unknown if not isinstance(flag, bool)]
        return reduce(self.builder.either, values) if values else False

    def _not(self, flag: Flag) -> Flag:
        return not flag if isinstance(flag, bool) else self.builder.negate(flag)

    def _value(self, flag: Flag) -> SSAValue:
        return self.builder.constants.bit(flag) if isinstance(flag, bool) else flag

    def _merge(self, condition: SSAValue, first: Side, second: Side) -> Outcome:
        """Make two branches one op, whose results are where their outcomes differ."""
        number = self.layout.dominators.number
        targets = tuple(sorted({*first[1].targets, *second[1].targets}, key=number.__getitem__))
        flags: dict[Node, Flag] = {}
        values: dict[Key, SSAValue] = {}
        differing: list[tuple[Key | Node, Pair]] = []
        for target in targets[:-1]:
            a, b = self._flag_of_side(first, target), self._flag_of_side(second, target)
            if a is True and b is False:
                flags[target] = condition
            elif a is False and b is True:
                flags[target] = self.builder.negate(condition)
            elif isinstance(a, bool | None) and isinstance(b, bool | None):
                flags[target] = bool(a) or bool(b)
            else:
                differing.append((target, (self._optional(a), self._optional(b))))
        for key in {**first[1].values, **second[1].values}:
            differing.append((key, (first[1].values.get(key), second[1].values.get(key))))
        chosen = self._choose(condition, first[0], second[0], [pair for _, pair in differing])
        for (key, _), value in zip(differing, chosen, strict=True):
            if isinstance(key, Node):
                flags[key] = value
            else:
                values[key] = value
        return Outcome(targets, {target: flags[target] for target in targets[:-1]}, values)

    def _optional(self, flag: Flag | None) -> SSAValue | None:
        return None if flag is None else self._value(flag)

    def _flag_of_side(self, side: Side, target: Node) -> Flag | None:
        """Whether a branch goes to `target`; None if it goes nowhere."""
        block, outcome = side
        if not outcome.targets:
            return None
        with self.builder.inside(block):
            return self.flag(outcome, target)

    def _choose(
        self, condition: SSAValue, first: Block, second: Block, pairs: Sequence[Pair]
    ) -> list[SSAValue]:
        """Run one of two blocks; gives of each pair the value that belongs to it."""
        if first.first_op is None and second.first_op is None:
            return [self._select(condition, a, b) for a, b in pairs]
        if second.first_op is None and self._unguard(first, (condition, False)):
            return [self._select(condition, *guards.replace_poison(a, b)) for a, b in pairs]
        if first.first_op is None and self._unguard(second, (condition, True)):
            swapped = [guards.replace_poison(b, a) for a, b in pairs]
            return [self._select(condition, a, b) for b, a in swapped]
        return self._if(condition, first, second, pairs)

    def _unguard(self, block: Block, otherwise: Fact) -> bool:
        """Emit the ops of a branch always, if they do nothing where it isn't taken."""
        if not guards.does_nothing(block, [*self.builder.facts, otherwise], self.trips):
            return False
        guards.unguard(block, self.builder.block)
        if isinstance(guard := otherwise[0].owner, Operation):
            self.replaced.append(guard)
        return True

    def _if(self, condition: SSAValue, first: Block, second: Block, pairs: Sequence[Pair]) -> list[SSAValue]:
        # What is defined before the branch needn't be its result, if the other side agrees or doesn't care.
        known = [_only(pair) for pair in pairs]
        known = [value if value is not None and self.builder.is_visible(value) else None for value in known]
        needed = _least([pair for pair, value in zip(pairs, known, strict=True) if value is None])
        types = [value.type for a, b in needed if (value := a or b) is not None]
        poison = self.builder.constants.poison
        for side, block in enumerate((first, second)):
            values = [pair[side] or poison(t) for pair, t in zip(needed, types, strict=True)]
            block.add_op(scf.YieldOp(*values))
        regions = [Region(first), Region(second)]
        if not needed and second.first_op is second.last_op:
            regions[1] = Region()
        elif not needed and first.first_op is first.last_op:
            condition, regions = self.builder.negate(condition), [regions[1], Region()]
        op = scf.IfOp.create(operands=[condition], result_types=types, regions=regions)
        results = self.builder.add_op(op).results
        found = {key: result for pair, result in zip(needed, results, strict=True) for key in _covered(pair)}
        return [found[pair] if value is None else value for pair, value in zip(pairs, known, strict=True)]

    def _select(self, condition: SSAValue, a: SSAValue | None, b: SSAValue | None) -> SSAValue:
        if a is None or b is None:
            value = a or b
            assert value is not None
            return value
        return self.builder.select(condition, a, b)

    # Loops

    def _loop(self, loop: Loop) -> Outcome:
        """Emit a loop; the outcome is where it is left to."""
        self.builder.location = loop.header.location
        if (found := counted.recognise(self.layout, loop)) is not None:
            outcome = for_loops.emit(self, found)
            if outcome is not None:
                return self.left(loop, outcome)
        exits = self.layout.exits.get(loop, [])
        if len(exits) == 1 and self._is_tested_early(loop, exits[0][0]):
            return self.left(loop, self._while(loop, *exits[0]))
        return self.left(loop, self._do_while(loop))

    def left(self, loop: Loop, outcome: Outcome) -> Outcome:
        """Let the values that outlive a loop be what they are when it is left."""
        still: set[SSAValue] = set()
        for outer in [] if loop.parent is None else loop.parent.ancestors():
            still.update(self.layout.live.get(outer, ()))
        values = dict(outcome.values)
        for value in self.layout.live.get(loop, ()):
            if value in values:
                self._now[value] = values[value]
                if value not in still:
                    del values[value]
        return Outcome(outcome.targets, outcome.flags, values)

    def paused_at(self, node: Node, loop: Loop) -> None:
        """Emit a loop's body up to `node`, which all its iterations reach, and not its branch."""
        self._pauses[node] = None
        self.subtree(loop.header, loop)
        assert self._pauses.pop(node) is self.builder.block
        self.builder.location = node.location

    def _is_tested_early(self, loop: Loop, source: Node) -> bool:
        """Whether the only exit is taken before the rest of each iteration."""
        layout = self.layout
        latches = [latch for latch, _ in layout.repeats[loop]]
        return (
            loop not in layout.tangled
            and layout.loops.innermost[source] is loop
            and all(layout.dominators.dominates(source, latch) for latch in latches)
            and latches != [source]
        )

    def _while(self, loop: Loop, source: Node, exit_: Edge) -> Outcome:
        """
        scf.while (params = inits) { <what leads to the test>; condition(more) values }
            do (values) { <the rest>; yield next }
        """
        layout, params = self.layout, loop.header.params
        inits = [self.now(param) for param in params]
        before, after = Block(arg_types=[param.type for param in params]), Block()
        with self.builder.inside(before):
            self.bind(params, before.args)
            self.paused_at(source, loop)
            outcome = self.jump(source, exit_)
            assert source.condition is not None
            condition = self.now(source.condition)
            stays = next(edge for edge in source.edges if edge is not exit_)
            more = condition if stays is source.edges[0] else self.builder.negate(condition)
        passed = layout.passing(loop, source, stays)
        forwarded = self._forwarded([*outcome.values.values(), *map(self.now, passed)])
        arguments = {value: after.insert_arg(value.type, i) for i, value in enumerate(forwarded)}
        with self.builder.inside(after, (condition, stays is source.edges[0])):
            for value in passed:
                inner = self.now(value)
                self.bind([value], [arguments.get(inner, inner)])
            following = self.follow(source, stays)
            # Where no iteration comes back, what is passed doesn't matter.
            following = [
                following.values.get((loop.header, position)) or self.builder.constants.poison(param.type)
                for position, param in enumerate(params)
            ]
            after.add_op(scf.YieldOp(*following))
        return self._finish_while(before, after, inits, more, forwarded, outcome)

    def _do_while(self, loop: Loop) -> Outcome:
        """
        scf.while (params = inits) { <body>; condition(more) next, values } do { yield next }
        """
        header, params = loop.header, loop.header.params
        inits = [self.now(param) for param in params]
        before, after = Block(arg_types=[param.type for param in params]), Block()
        with self.builder.inside(before):
            self.bind(params, before.args)
            outcome = self.subtree(header, loop)
            more = self._value(self.flag(outcome, header))
        keys: list[Key] = [(header, position) for position in range(len(params))]
        following = [
            outcome.values.get(key) or self.builder.constants.poison(param.type)
            for key, param in zip(keys, params, strict=True)
        ]
        outcome = outcome.without(header)
        flags = [flag for flag in outcome.flags.values() if not isinstance(flag, bool)]
        forwarded = self._forwarded([*following, *flags, *outcome.values.values()])
        arguments = {value: after.insert_arg(value.type, i) for i, value in enumerate(forwarded)}
        after.add_op(scf.YieldOp(*(arguments.get(value, value) for value in following)))
        return self._finish_while(before, after, inits, more, forwarded, outcome)

    def _forwarded(self, values: Iterable[SSAValue]) -> list[SSAValue]:
        """What must be passed out of the first region of a loop."""
        return [value for value in dict.fromkeys(values) if not self.builder.is_visible(value)]

    def _finish_while(
        self,
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
        results = dict(zip(forwarded, self.builder.add_op(op).results, strict=True))
        flags = {
            target: flag if isinstance(flag, bool) else results.get(flag, flag)
            for target, flag in outcome.flags.items()
        }
        values = {key: results.get(value, value) for key, value in outcome.values.items()}
        return Outcome(outcome.targets, flags, values)


def _only(pair: Pair) -> SSAValue | None:
    """The one value of a pair, if there is only one."""
    a, b = pair
    return a if b is None or a is b else b if a is None else None


def _covered(pair: Pair) -> tuple[Pair, ...]:
    """The pairs that a result for `pair` also serves."""
    a, b = pair
    return pair, (a, None), (None, b)


def _least(pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs that serve all of `pairs`."""
    full = dict.fromkeys(pair for pair in pairs if None not in pair)
    served = {other for pair in full for other in _covered(pair)}
    return [*full, *dict.fromkeys(pair for pair in pairs if pair not in served)]
