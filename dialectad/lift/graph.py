"""A function's blocks as a graph that can be rearranged: nodes, edges that pass values, one exit.

    ^bb0: llvm.cond_br %c, ^bb1(%x), ^bb2          Node(condition=%c, edges=[-> 1 (%x), -> 2])
    ^bb1(%a): llvm.return %a                =>     Node(params=[%a], edges=[-> exit (%a)])
    ^bb2: llvm.unreachable                         Node(edges=[])

A node has no edge (it never ends: what follows is unreachable), one, or two and a condition. A switch becomes
a chain or tree of comparisons, and all returns meet in one exit node. The ops stay in their blocks until
structured code is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, IntegerType, LocationAttr, i1, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad import locations
from dialectad.dialects.llvm import PoisonOp, SwitchOp
from dialectad.errors import CompileError
from dialectad.walk import walk

PASS_NAME = "lift-cf-to-scf"

_EQ, _ULT = IntegerAttr(0, i64), IntegerAttr(6, i64)

_CHAIN = 3
"""Up to so many cases of a switch are compared one after the other, more by halving."""


@dataclass(eq=False)
class Edge:
    """A jump to `target`, with a value for each of its parameters."""

    target: Node
    args: list[SSAValue]


@dataclass(eq=False)
class Node:
    """A block, or a place where edges meet that the graph got later."""

    params: list[SSAValue]
    ops: list[Operation]
    edges: list[Edge] = field(default_factory=list)
    condition: SSAValue | None = None
    """With two edges: the first is taken where this holds."""
    location: LocationAttr = locations.UNKNOWN
    """Where the terminator was."""

    def values(self) -> Iterator[SSAValue]:
        """What the node defines."""
        yield from self.params
        for op in self.ops:
            yield from op.results


class Constants:
    """Poison and constants, one op for each: those of the entry, and others to be put at its head."""

    def __init__(self, entry: Block) -> None:
        self.ops: list[Operation] = []
        """Those that aren't in the entry yet."""
        self._found: dict[tuple[Attribute, int | None], SSAValue] = {}
        for op in entry.ops:
            if isinstance(op, llvm.ConstantOp) and isinstance(op.value, IntegerAttr):
                self._found.setdefault((op.result.type, op.value.value.data), op.result)

    def poison(self, type_: Attribute) -> SSAValue:
        """A value of which nothing is known."""
        return self._get((type_, None), lambda: PoisonOp(type_))

    def integer(self, value: int, type_: IntegerType) -> SSAValue:
        """An integer, wrapped around to the width of its type."""
        attr = IntegerAttr(value, type_, truncate_bits=True)
        make = llvm.ConstantOp.create
        return self._get(
            (type_, attr.value.data), lambda: make(result_types=[type_], properties={"value": attr})
        )

    def bit(self, value: bool) -> SSAValue:
        """True or false."""
        return self.integer(int(value), i1)

    def _get(self, key: tuple[Attribute, int | None], make: Callable[[], Operation]) -> SSAValue:
        if (found := self._found.get(key)) is None:
            op = make()
            self.ops.append(op)
            found = self._found[key] = op.results[0]
        return found


class Graph:
    """The reachable part of a function's body. `region` keeps its blocks, without their terminators."""

    def __init__(self, region: Region, constants: Constants, returned: Sequence[Attribute]):
        entry = region.first_block
        assert entry is not None
        self.constants = constants
        self.exit = Node(list(Block(arg_types=returned).args), [])
        self._nodes: dict[Block, Node | None] = {}
        for block in _postorder(entry):
            self._nodes[block] = self._node(block)
        for block, node in self._nodes.items():
            if node is not None:
                assert block.last_op is not None
                self._connect(node, block.last_op)
        for block in region.blocks:
            if block.last_op is not None and type(block.last_op) in _CONNECT:
                block.erase_op(block.last_op)
        node = self._nodes[entry]
        self.entry = Node([], []) if node is None else node
        prune_parameters(self)

    def nodes(self) -> list[Node]:
        """The reachable nodes in reverse postorder."""
        return reverse_postorder(self.entry)

    def _node(self, block: Block) -> Node | None:
        """The node of a block, without edges; None where reaching the block is undefined behaviour."""
        *ops, last = block.ops
        if isinstance(last, llvm.UnreachableOp) and not ops:
            return None
        if type(last) not in _CONNECT:
            raise CompileError(
                f"'{last.name}' ends a block: its control flow can't be lifted",
                locations.of(last),
                pass_name=PASS_NAME,
            )
        return Node(list(block.args), ops, location=last.location)

    def _connect(self, node: Node, terminator: Operation) -> None:
        _CONNECT[type(terminator)](self, node, terminator)

    def edge(self, block: Block, args: Sequence[SSAValue]) -> list[Edge]:
        """The edge to a block; none if it can't be taken."""
        target = self._nodes[block]
        return [] if target is None else [Edge(target, list(args))]


def _br(graph: Graph, node: Node, op: llvm.BrOp) -> None:
    node.edges = graph.edge(op.successor, op.arguments)


def _cond_br(graph: Graph, node: Node, op: llvm.CondBrOp) -> None:
    node.edges = [
        *graph.edge(op.then_block, op.then_arguments),
        *graph.edge(op.else_block, op.else_arguments),
    ]
    if len(node.edges) == 2:
        node.condition = op.cond


def _return(graph: Graph, node: Node, op: llvm.ReturnOp) -> None:
    node.edges = [Edge(graph.exit, list(op.operands))]


def _unreachable(graph: Graph, node: Node, op: Operation) -> None:
    node.edges = []


def _switch(graph: Graph, node: Node, op: SwitchOp) -> None:
    default = graph.edge(op.default_block, op.default_operands)
    cases = [
        (value, edge[0])
        for value, (block, operands) in zip(op.values, op.cases, strict=True)
        if (edge := graph.edge(block, operands))
    ]
    if not default and cases:
        default = [cases.pop()[1]]
    assert isinstance(op.value.type, IntegerType)
    modulus = 1 << op.value.type.width.data
    if len(cases) > _CHAIN:
        cases = sorted(((value % modulus, edge) for value, edge in cases), key=lambda case: case[0])
    _decide(graph, node, op.value, cases, default)


def _decide(
    graph: Graph, node: Node, value: SSAValue, cases: list[tuple[int, Edge]], default: list[Edge]
) -> None:
    """Let `node` find its way among `cases`, which are sorted if there are many."""
    if not cases:
        node.edges = [Edge(edge.target, list(edge.args)) for edge in default]
        return
    assert isinstance(value.type, IntegerType)
    if len(cases) <= _CHAIN:
        (first, edge), rest = cases[0], Node([], [], location=node.location)
        predicate, bound = _EQ, first
        _decide(graph, rest, value, cases[1:], default)
        yes = edge
        no = rest.edges[0] if rest.condition is None else Edge(rest, [])
    else:
        middle = len(cases) // 2
        low, high = Node([], [], location=node.location), Node([], [], location=node.location)
        predicate, bound = _ULT, cases[middle][0]
        _decide(graph, low, value, cases[:middle], default)
        _decide(graph, high, value, cases[middle:], default)
        yes, no = Edge(low, []), Edge(high, [])
    compare = llvm.ICmpOp.create(
        operands=[value, graph.constants.integer(bound, value.type)],
        result_types=[i1],
        properties={"predicate": predicate},
        location=node.location,
    )
    node.ops.append(compare)
    node.condition = compare.res
    node.edges = [yes, no]


_CONNECT: dict[type[Operation], Callable[..., None]] = {
    llvm.BrOp: _br,
    llvm.CondBrOp: _cond_br,
    llvm.ReturnOp: _return,
    llvm.UnreachableOp: _unreachable,
    SwitchOp: _switch,
}


def _block_successors(block: Block) -> Iterator[Block]:
    last = block.last_op
    return iter(()) if last is None else iter(last.successors)


def _postorder(entry: Block) -> list[Block]:
    order: list[Block] = []
    seen = {entry}
    stack = [(entry, _block_successors(entry))]
    while stack:
        block, rest = stack[-1]
        for successor in rest:
            if successor not in seen:
                seen.add(successor)
                stack.append((successor, _block_successors(successor)))
                break
        else:
            order.append(block)
            stack.pop()
    return order


def reverse_postorder(entry: Node) -> list[Node]:
    """The nodes that can be reached, each after its predecessors, loops aside."""
    order: list[Node] = []
    seen = {entry}
    # The last edge first: then the nodes come in the order of the text.
    stack = [(entry, reversed(entry.edges))]
    while stack:
        node, rest = stack[-1]
        for edge in rest:
            if edge.target not in seen:
                seen.add(edge.target)
                stack.append((edge.target, reversed(edge.target.edges)))
                break
        else:
            order.append(node)
            stack.pop()
    return order[::-1]


def predecessors(nodes: Sequence[Node]) -> dict[Node, list[tuple[Node, Edge]]]:
    """Node -> where it is reached from."""
    found: dict[Node, list[tuple[Node, Edge]]] = {node: [] for node in nodes}
    for node in nodes:
        for edge in node.edges:
            found[edge.target].append((node, edge))
    return found


def prune_parameters(graph: Graph) -> None:
    """Drop parameters that nothing but other such parameters depends on."""
    nodes = graph.nodes()
    incoming: dict[SSAValue, list[SSAValue]] = {p: [] for node in nodes for p in node.params}
    needed: list[SSAValue] = list(graph.exit.params)
    for node in nodes:
        for edge in node.edges:
            for param, arg in zip(edge.target.params, edge.args, strict=True):
                incoming[param].append(arg)
        needed += [operand for op in node.ops for operand in operands_of(op)]
        needed += [] if node.condition is None else [node.condition]
    live: set[SSAValue] = set()
    while needed:
        value = needed.pop()
        if value in incoming and value not in live:
            live.add(value)
            needed += incoming[value]
    for node in nodes:
        for edge in node.edges:
            edge.args = [a for p, a in zip(edge.target.params, edge.args, strict=True) if p in live]
    for node in nodes:
        if node is not graph.entry:
            node.params = [param for param in node.params if param in live]


def operands_of(op: Operation) -> Iterator[SSAValue]:
    """What `op` uses, its regions included."""
    if not op.regions:
        yield from op.operands
        return
    for inner in walk(op):
        yield from inner.operands
