"""The ops in an op, block or region, each before those in its regions.

for op in walk(function): ...

xDSL's own `walk` is a generator within a generator for every level of nesting, through each of which every op
passes: this takes half the time. An op may be erased or moved while it is looked at, what follows it may not.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.ir import Block, Operation, Region


def walk(root: Operation | Block | Region) -> Iterator[Operation]:
    """Every op in `root`, which is the first where it is an op."""
    blocks: list[Block] = []
    """Not begun yet, the next one last."""
    resumed: list[tuple[int, Operation | None]] = []
    """Ops to go on with, each when so many blocks are left."""
    if isinstance(root, Operation):
        yield root
        _push(blocks, root)
    elif isinstance(root, Region):
        blocks += reversed(list(root.blocks))
    else:
        blocks.append(root)
    while True:
        if resumed and resumed[-1][0] == len(blocks):
            op = resumed.pop()[1]
        elif blocks:
            op = blocks.pop().first_op
        else:
            return
        while op is not None:
            following = op.next_op
            yield op
            if op.regions:
                resumed.append((len(blocks), following))
                _push(blocks, op)
                break
            op = following


def _push(blocks: list[Block], op: Operation) -> None:
    inner = [block for region in op.regions for block in region.blocks]
    inner.reverse()
    blocks += inner
