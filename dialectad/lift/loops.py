"""The loops of a graph, and its dominator tree.

A loop is a strongly connected component; inside it, without its header, there may be more. A component that
is entered at several places (an irreducible loop) first gets one entry:

    a -> p, a -> q, p <-> q      =>      a -> d, d -> p, d -> q, p -> d, q -> d

where every edge into p or q now goes to a new node d, and tells it where to go on. (As in Bahmann, Reissmann,
Jahre, Meyer: Perfect Reconstructability of Control Flow from Demand Dependence Graphs, 2015.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import i1
from xdsl.ir import Block, SSAValue

from dialectad.lift.graph import Edge, Graph, Node, predecessors


@dataclass(eq=False)
class Loop:
    """A natural loop: every way into it goes through `header`."""

    header: Node
    parent: Loop | None

    def ancestors(self) -> Iterator[Loop]:
        """This loop and those around it, from the inside out."""
        loop: Loop | None = self
        while loop is not None:
            yield loop
            loop = loop.parent


class Loops:
    """The loop forest of a graph, which is made reducible on the way."""

    def __init__(self, graph: Graph):
        self._graph = graph
        nodes = graph.nodes()
        self.innermost: dict[Node, Loop | None] = {}
        """Node -> the innermost loop around it."""
        self._predecessors = predecessors(nodes)
        pending: list[tuple[Sequence[Node], Loop | None]] = [(nodes, None)]
        while pending:
            members, loop = pending.pop()
            for node in members:
                self.innermost[node] = loop
            rest = [node for node in members if loop is None or node is not loop.header]
            for component in _cyclic_components(rest):
                pending.append(self._loop(component, loop))

    def headed_by(self, node: Node) -> Loop | None:
        """The loop whose header is `node`."""
        loop = self.innermost[node]
        return loop if loop is not None and loop.header is node else None

    def contains(self, loop: Loop, node: Node) -> bool:
        """Whether `node` is in `loop` or in one inside it."""
        inner = self.innermost[node]
        return inner is not None and loop in inner.ancestors()

    def left(self, source: Node, target: Node) -> Iterator[Loop]:
        """The loops that an edge from `source` to `target` leaves, from the inside out."""
        loop = self.innermost[source]
        while loop is not None and not self.contains(loop, target):
            yield loop
            loop = loop.parent

    def _loop(self, component: Sequence[Node], parent: Loop | None) -> tuple[Sequence[Node], Loop]:
        inside = set(component)
        entries = [
            node for node in component if any(source not in inside for source, _ in self._predecessors[node])
        ]
        if len(entries) == 1:
            return component, Loop(entries[0], parent)
        added = self._dispatch(entries)
        return [*added, *component], Loop(added[0], parent)

    def _dispatch(self, entries: Sequence[Node]) -> list[Node]:
        """Lead every edge into `entries` through one new node. Gives it, and what else there is now.

        ^p(%x), ^q(%y)  =>  ^d(%to_p, %x', %y'): cond_br %to_p, ^p(%x'), ^q(%y')
        """
        constants = self._graph.constants
        flags = list(Block(arg_types=[i1] * (len(entries) - 1)).args)
        slots: list[list[SSAValue]] = [
            list(Block(arg_types=[p.type for p in entry.params]).args) for entry in entries
        ]
        head = Node([*flags, *(slot for group in slots for slot in group)], [], location=entries[0].location)
        incoming: list[tuple[Node, Edge]] = []
        for chosen, entry in enumerate(entries):
            for source, edge in self._predecessors[entry]:
                args: list[SSAValue] = [constants.bit(position == chosen) for position in range(len(flags))]
                for position, group in enumerate(slots):
                    args += edge.args if position == chosen else [constants.poison(s.type) for s in group]
                edge.target, edge.args = head, args
                incoming.append((source, edge))
        self._predecessors[head] = incoming
        added = [head]
        for position, flag in enumerate(flags):
            node = added[-1]
            node.condition = flag
            first = Edge(entries[position], list(slots[position]))
            if position + 1 < len(flags):
                rest = Node([], [], location=head.location)
                second = Edge(rest, [])
                added.append(rest)
            else:
                second = Edge(entries[-1], list(slots[-1]))
            node.edges = [first, second]
            for edge in node.edges:
                self._predecessors[edge.target] = [(node, edge)]
        return added


def _cyclic_components(nodes: Sequence[Node]) -> list[list[Node]]:
    """The strongly connected components of a part of a graph that have a cycle (Tarjan's way)."""
    inside = set(nodes)
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    open_: list[Node] = []
    is_open: set[Node] = set()
    found: list[list[Node]] = []
    for root in nodes:
        if root in number:
            continue
        stack: list[tuple[Node, Iterator[Edge]]] = []

        def enter(node: Node, stack: list[tuple[Node, Iterator[Edge]]] = stack) -> None:
            number[node] = low[node] = len(number)
            open_.append(node)
            is_open.add(node)
            stack.append((node, iter(node.edges)))

        enter(root)
        while stack:
            node, rest = stack[-1]
            for edge in rest:
                target = edge.target
                if target not in inside:
                    continue
                if target not in number:
                    enter(target)
                    break
                if target in is_open:
                    low[node] = min(low[node], number[target])
            else:
                stack.pop()
                if stack:
                    parent = stack[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == number[node]:
                    component = [open_.pop()]
                    while component[-1] is not node:
                        component.append(open_.pop())
                    is_open.difference_update(component)
                    component.reverse()
                    if len(component) > 1 or any(edge.target is node for edge in node.edges):
                        found.append(component)
    return found


class Dominators:
    """The dominator tree of a reducible graph, whose nodes are given in reverse postorder."""

    def __init__(self, nodes: Sequence[Node]):
        self.number = {node: i for i, node in enumerate(nodes)}
        """The place of a node: greater than that of those before it, back edges aside."""
        self.parent: dict[Node, Node] = {}
        """Node -> its immediate dominator."""
        incoming = predecessors(nodes)
        for node in nodes[1:]:
            # One walk is enough: in a reducible graph back edges don't change who dominates their target.
            before = [source for source, _ in incoming[node] if self.number[source] < self.number[node]]
            common = before[0]
            for other in before[1:]:
                common = self._common(common, other)
            self.parent[node] = common
        self._first, self._last = self._intervals(nodes)

    def dominates(self, above: Node, below: Node) -> bool:
        """Whether every way to `below` leads through `above`, which may be the same."""
        return self._first[above] <= self._first[below] <= self._last[above]

    def _common(self, a: Node, b: Node) -> Node:
        while a is not b:
            while self.number[a] > self.number[b]:
                a = self.parent[a]
            while self.number[b] > self.number[a]:
                b = self.parent[b]
        return a

    def _intervals(self, nodes: Sequence[Node]) -> tuple[dict[Node, int], dict[Node, int]]:
        """Number the tree so that a subtree is an interval."""
        size = dict.fromkeys(nodes, 1)
        for node in reversed(nodes[1:]):
            size[self.parent[node]] += size[node]
        first = {nodes[0]: 0}
        following = {nodes[0]: 1}
        for node in nodes[1:]:
            above = self.parent[node]
            first[node] = following[above]
            following[above] += size[node]
            following[node] = first[node] + 1
        return first, {node: first[node] + size[node] - 1 for node in nodes}
