"""When values die: the liveness of tensors in structured control flow, found once, in linear time.

The uses of a value, seen from a block, are the ops of that block that use it, be it somewhere inside their
regions. A value dies at the last of these in its own block: at a loop, when the loop ends; at an `scf.if`,
in each branch where that branch uses it last, or at the branch's entry.
"""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, SSAValue

from dialectad.lower.bufferization.places import is_tensor


class Liveness:
    def __init__(self, body: Block):
        self.order: dict[Operation, int] = {}
        """Position in the program; a region comes after its op. Ops made by the pass have none."""
        self.deaths: dict[Operation, list[SSAValue]] = {}
        """The values that are dead after an op."""
        self.entry_deaths: dict[Block, list[SSAValue]] = {}
        """The values that are dead at the entry of a branch, for it doesn't use them."""
        self.death_in: dict[tuple[SSAValue, Block], Operation] = {}
        """The op of a block at which a value dies, on the path through that block."""
        self.uses_in: dict[tuple[SSAValue, Block], list[Operation]] = {}
        """The ops of a block that use a value, in order."""
        self._number(body)
        for block in self._blocks:
            for arg in block.args:
                self._add(arg, block)
            for op in block.ops:
                for result in op.results:
                    self._add(result, block)

    def _number(self, body: Block) -> None:
        self._blocks: list[Block] = []
        stack: list[tuple[Block, Operation | None]] = [(body, None)]
        while stack:
            block, op = stack.pop()
            if op is None:
                self._blocks.append(block)
                op = block.first_op
            while op is not None:
                self.order[op] = len(self.order)
                following = op.next_op
                if isinstance(op, scf.ForOp | scf.IfOp | scf.WhileOp):
                    if following is not None:
                        stack.append((block, following))
                    stack += [(r.block, None) for r in reversed(op.regions) if r.first_block is not None]
                    break
                op = following

    def _add(self, value: SSAValue, home: Block) -> None:
        if not is_tensor(value):
            return
        seen: dict[Block, set[Operation]] = {}
        for use in value.uses:
            op: Operation | None = use.operation
            while op is not None:
                block = op.parent
                assert block is not None
                if op in self.order:
                    users = seen.setdefault(block, set())
                    if op in users:
                        break
                    users.add(op)
                if block is home:
                    break
                op = block.parent_op()
        for block, users in seen.items():
            self.uses_in[value, block] = sorted(users, key=self.order.__getitem__)
        if home in seen:
            self._die(value, home)

    def _die(self, value: SSAValue, block: Block) -> None:
        last = self.uses_in[value, block][-1]
        self.death_in[value, block] = last
        self.deaths.setdefault(last, []).append(value)
        if isinstance(last, scf.IfOp):
            for region in last.regions:
                if (branch := region.first_block) is None:
                    continue
                if (value, branch) in self.uses_in:
                    self._die(value, branch)
                else:
                    self.entry_deaths.setdefault(branch, []).append(value)

    def used_inside(self, value: SSAValue, op: Operation) -> bool:
        """Whether an op with regions uses a value of outside within them."""
        return any(
            (value, region.first_block) in self.uses_in
            for region in op.regions
            if region.first_block is not None
        )

    def next_use_is_last(self, value: SSAValue, at: Operation) -> Operation | None:
        """The one op that still uses `value` after `at`, if it is one, in a block around or of `at`.

        A use as an operand of `at` itself doesn't count. Where an op around `at` has other uses within it,
        be it a loop, which comes back to them, or another branch, there is no such op.
        """
        here: Operation | None = at
        while here is not None and here in self.order:
            block = here.parent
            assert block is not None
            if (last := self.death_in.get((value, block))) is not None:
                users = self.uses_in[value, block]
                before = users[-2] if len(users) > 1 else None
                if last is here or self.order[last] < self.order[here]:
                    return None
                if before is None or self.order[before] < self.order[here]:
                    return last
                return last if before is here is at and not self.used_inside(value, at) else None
            if (value, block) in self.uses_in:
                return None  # it lives on beyond this block, or the block is a loop's
            here = block.parent_op()
        return None
