"""Every operand must be defined on all ways to its use: checked in one walk along the dominator tree."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import func, llvm
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue

_ISOLATED = (ModuleOp, func.FuncOp, llvm.FuncOp, llvm.GlobalOp)
"""Ops whose regions see nothing of what is around them."""


def dominance_errors(module: ModuleOp) -> Iterator[tuple[Operation, str]]:
    """Uses of values that aren't defined there."""
    yield from _region(module.body, set())


def _region(region: Region, visible: set[SSAValue]) -> Iterator[tuple[Operation, str]]:
    first = region.blocks.first
    if first is None:
        return
    if first.next_block is None:
        defined: list[SSAValue] = []
        yield from _block(first, visible, defined)
        visible.difference_update(defined)
        return
    children = dominator_tree(first)
    # An entry of the stack is a block to enter, or what a block defined, to forget on leaving its subtree.
    stack: list[Block | list[SSAValue]] = [first]
    while stack:
        match stack.pop():
            case Block() as block:
                defined = []
                yield from _block(block, visible, defined)
                stack.append(defined)
                stack.extend(children.get(block, ()))
            case list() as leaving:
                visible.difference_update(leaving)


def _block(block: Block, visible: set[SSAValue], defined: list[SSAValue]) -> Iterator[tuple[Operation, str]]:
    visible.update(block.args)
    defined.extend(block.args)
    for op in block.ops:
        for index, operand in enumerate(op.operands):
            if operand not in visible:
                name = f" (%{operand.name_hint})" if operand.name_hint else ""
                yield op, f"operand #{index}{name} does not dominate this use"
        for region in op.regions:
            yield from _region(region, set() if isinstance(op, _ISOLATED) else visible)
        visible.update(op.results)
        defined.extend(op.results)


def dominator_tree(entry: Block) -> dict[Block, list[Block]]:
    """The children of each block that can be reached from `entry` (Cooper, Harvey and Kennedy's way)."""
    order = _postorder(entry)
    number = {block: i for i, block in enumerate(order)}
    predecessors: dict[Block, list[Block]] = {block: [] for block in order}
    for block in order:
        for successor in _successors(block):
            predecessors[successor].append(block)
    parent: dict[Block, Block] = {entry: entry}
    changed = True
    while changed:
        changed = False
        for block in reversed(order[:-1]):
            known = [p for p in predecessors[block] if p in parent]
            new = known[0]
            for other in known[1:]:
                new = _common(new, other, parent, number)
            if parent.get(block) is not new:
                parent[block] = new
                changed = True
    children: dict[Block, list[Block]] = {}
    for block in order[:-1]:
        children.setdefault(parent[block], []).append(block)
    return children


def _common(a: Block, b: Block, parent: dict[Block, Block], number: dict[Block, int]) -> Block:
    while a is not b:
        while number[a] < number[b]:
            a = parent[a]
        while number[b] < number[a]:
            b = parent[b]
    return a


def _successors(block: Block) -> list[Block]:
    last = block.last_op
    return [] if last is None else [s for s in last.successors if s.parent is block.parent]


def _postorder(entry: Block) -> list[Block]:
    order: list[Block] = []
    seen = {entry}
    stack = [(entry, iter(_successors(entry)))]
    while stack:
        block, rest = stack[-1]
        for successor in rest:
            if successor not in seen:
                seen.add(successor)
                stack.append((successor, iter(_successors(successor))))
                break
        else:
            order.append(block)
            stack.pop()
    return order
