"""From a graph of nodes to nested `scf.if`, `scf.while` and `scf.for`.

The dominator tree is walked once. `subtree` emits a node and what it dominates, and tells by an `Outcome`
which nodes outside control goes to. The branches of a node become an `scf.if`; the nodes where they meet are
emitted after it, under the flags of the outcome if there are several. The same with a loop and its exits.

Names: a *value* of the graph is an SSA value of the original function; `_now` maps those that have become
something else (a result, an argument of a region) to what they are at this point of the new code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.lift import counted, for_loops, while_loops
from dialectad.lift.branches import Side, goes_to, merge
from dialectad.lift.build import Builder
from dialectad.lift.graph import Edge, Node
from dialectad.lift.inequalities import Difference
from dialectad.lift.layout import Layout
from dialectad.lift.loops import Loop
from dialectad.lift.outcome import Key, Outcome
from dialectad.walk import walk


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
            for inner in walk(op) if op.regions else (op,):
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
        return merge(self, condition, sides[first], sides[second])

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
        flag = self.builder.bit(goes_to(self.builder, outcome, join))
        taken = Block()
        with self.builder.inside(taken, (flag, True)):
            self._enter(join, outcome)
            inner = self.subtree(join)
        return merge(self, flag, (taken, inner), (Block(), outcome.without(join)))

    # Loops

    def _loop(self, loop: Loop) -> Outcome:
        """Emit a loop; the outcome is where it is left to."""
        self.builder.location = loop.header.location
        found = counted.recognise(self.layout, loop)
        outcome = None if found is None else for_loops.emit(self, found)
        if outcome is None:
            outcome = while_loops.emit(self, loop)
        return self._left(loop, outcome)

    def _left(self, loop: Loop, outcome: Outcome) -> Outcome:
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
