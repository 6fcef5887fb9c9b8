"""Where each node of a graph goes in the structured program.

Nodes nest as the dominator tree says: what only `a` leads to is part of a branch of `a`, and where several
ways meet again, a *join*, comes after the branches of its immediate dominator. Except that what is dominated
by a node of a loop and isn't in the loop comes after the loop: it *follows*.

Dead ends, from which the function never returns (they abort, or loop forever), stay in the loop that leads to
them, so that they aren't exits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.ir import SSAValue

from dialectad.lift.graph import Edge, Graph, Node, operands_of, predecessors
from dialectad.lift.loops import Dominators, Loop, Loops


class Layout:
    """Everything about a graph that is known before code is made of it."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.loops = Loops(graph)
        self.nodes = graph.nodes()
        self.dominators = Dominators(self.nodes)
        incoming = predecessors(self.nodes)
        self.dead_ends = _dead_ends(graph, incoming)
        self._adopt_dead_ends()
        self.owned: set[Edge] = set()
        """Edges whose target is reached in no other way (loops aside), and is placed where they are."""
        self.joins: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        """Node -> what comes after its branches, in order."""
        self.follows: dict[Loop, list[Node]] = {}
        """Loop -> what comes after it, in order."""
        self._place(incoming)
        self.members: dict[Loop, list[Node]] = {}
        """Loop -> its nodes, those of loops inside it included."""
        for node in self.nodes:
            if (loop := self.loops.innermost[node]) is not None:
                for around in loop.ancestors():
                    self.members.setdefault(around, []).append(node)
        self.exits: dict[Loop, list[tuple[Node, Edge]]] = {}
        """Loop -> the edges that leave it, and where they start."""
        self.repeats: dict[Loop, list[tuple[Node, Edge]]] = {}
        """Loop -> its back edges, and where they start."""
        self.tangled: set[Loop] = set()
        """Loops in which several nodes lead to one dead end."""
        self._sort_edges()
        self.home: dict[SSAValue, Node] = {}
        """Value -> the node that defines it."""
        self.users: dict[SSAValue, set[Node]] = {}
        """Value -> the nodes that use it."""
        self.live: dict[Loop, list[SSAValue]] = {}
        """Loop -> the values that are defined in it and used after it."""
        self._find_uses()

    def is_invariant(self, value: SSAValue, loop: Loop) -> bool:
        """Whether a value is defined outside `loop`."""
        home = self.home.get(value)
        return home is None or not self.loops.contains(loop, home)

    def passing(self, loop: Loop, source: Node, edge: Edge) -> list[SSAValue]:
        """The values of `loop` that are defined up to `source` and used after `edge`, which starts there."""
        dominates = self.dominators.dominates
        before: list[Node] = []
        after: set[Node] = set()
        for node in self.members[loop]:
            if dominates(node, source):
                before.append(node)
            elif dominates(source, node):
                after.add(node)
        args = set(edge.args)
        defined = [value for node in before for value in node.values()]
        return [v for v in defined if v in args or not after.isdisjoint(self.users.get(v, ()))]

    def _adopt_dead_ends(self) -> None:
        innermost = self.loops.innermost
        for node in self.nodes[1:]:
            if node not in self.dead_ends:
                continue
            around = innermost[self.dominators.parent[node]]
            own = innermost[node]
            if own is None:
                innermost[node] = around
            elif own.header is node and own.parent is None:
                own.parent = around

    def _place(self, incoming: Mapping[Node, Sequence[tuple[Node, Edge]]]) -> None:
        loops, number = self.loops, self.dominators.number
        for node in self.nodes[1:]:
            if node is self.graph.exit:
                continue
            above = self.dominators.parent[node]
            left = list(loops.left(above, node))
            forward = [edge for source, edge in incoming[node] if number[source] < number[node]]
            if left:
                self.follows.setdefault(left[-1], []).append(node)
            elif len(forward) == 1:
                self.owned.add(forward[0])
            else:
                self.joins[above].append(node)

    def _sort_edges(self) -> None:
        number = self.dominators.number
        for source in self.nodes:
            for edge in source.edges:
                target = edge.target
                for loop in self.loops.left(source, target):
                    self.exits.setdefault(loop, []).append((source, edge))
                if number[target] <= number[source]:
                    loop = self.loops.headed_by(target)
                    assert loop is not None
                    self.repeats.setdefault(loop, []).append((source, edge))
                ends = target in self.dead_ends and source not in self.dead_ends
                if ends and edge not in self.owned and (inner := self.loops.innermost[source]) is not None:
                    self.tangled.update(inner.ancestors())

    def _find_uses(self) -> None:
        for node in self.nodes:
            self.home.update(dict.fromkeys(node.values(), node))
        for node in self.nodes:
            used = {value for op in node.ops for value in operands_of(op)}
            used.update(value for edge in node.edges for value in edge.args)
            if node.condition is not None:
                used.add(node.condition)
            for value in used:
                if value in self.home:
                    self.users.setdefault(value, set()).add(node)
        for value, home in self.home.items():
            if self.loops.innermost[home] is None:
                continue
            left = {loop: None for user in self.users.get(value, ()) for loop in self.loops.left(home, user)}
            for loop in left:
                self.live.setdefault(loop, []).append(value)


def _dead_ends(graph: Graph, incoming: Mapping[Node, Sequence[tuple[Node, Edge]]]) -> set[Node]:
    """The nodes that can't reach the exit; none if no node can."""
    if graph.exit not in incoming:
        return set()
    reaching = {graph.exit}
    pending = [graph.exit]
    while pending:
        for source, _ in incoming[pending.pop()]:
            if source not in reaching:
                reaching.add(source)
                pending.append(source)
    return {node for node in incoming if node not in reaching}
