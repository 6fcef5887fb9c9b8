"""`hoist`: what is the same in every iteration is computed before the loop.

    scf.for ... { %e = math.exp %x; use %e }   ~>   %e = math.exp %x;  scf.for ... { use %e }

One walk in program order: a value's level is the number of regions around it, an op may move out to the
deepest level of its operands, through loops but not through branches. Constants in the bodies of linalg ops
stay.

Note [Speculation]: before the loop an op runs even if the loop doesn't, and before the assertions in it. So
an integer division moves only with a divisor that isn't 0, an access only if it is known to be in bounds,
what has operands of dynamic extents only if there is nothing that these could disagree with, and `scf.while`,
which may not end, never.

Note [Certain]: what is still to be differentiated must not run what the program doesn't, even if it is
harmless. With `%n` 0 and `%x` 0, the cotangent of `%e` would be 0 and that of `%x` 0 * inf, which is NaN:

    scf.for %i = 0 to %n { %e = math.sqrt %x; use %e }

So in a function that a request for a derivative names, ops only leave loops that are known to run.

An empty or uniform tensor stays too (`Note [Places to write to]` in `effects`), unless an op that moves out
needs it: then it goes along, or is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, func, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import ad
from dialectad.rewrite import dce, effects, ranges
from dialectad.rewrite.speculation import is_speculatable
from dialectad.walk import walk

_LOOPS = (scf.ForOp, scf.WhileOp, linalg.GenericOp)


@dataclass
class _Hoister:
    certain: bool
    "Note [Certain]."
    levels: dict[SSAValue, int] = field(default_factory=dict)
    "The outermost level at which a value can be had."
    enclosing: list[Operation] = field(default_factory=list)
    "The ops with regions around the current block, outermost first."
    barriers: list[int] = field(default_factory=lambda: [0])
    "The level that nothing in the current block can leave."

    def block(self, block: Block) -> None:
        level = len(self.enclosing)
        for arg in block.args:
            self.levels[arg] = level
        op = block.first_op
        while op is not None:
            following = op.next_op
            self._visit(op, level)
            op = following

    def _visit(self, op: Operation, level: int) -> None:
        if type(op) in effects.STRUCTURED or isinstance(op, linalg.GenericOp):
            self._regions(op, level)
        target = level
        if level > self.barriers[-1] and self._may_move(op):
            target = max(self.barriers[-1], self._needed_level(op, level))
        for result in op.results:
            self.levels[result] = target
        if target < level and type(op) not in effects.PLACES:
            self._move(op, target)

    def _regions(self, op: Operation, level: int) -> None:
        self.enclosing.append(op)
        for region in op.regions:
            may_leave = isinstance(op, _LOOPS) and (not self.certain or _runs(op, region))
            self.barriers.append(self.barriers[-1] if may_leave else level + 1)
            for block in region.blocks:
                self.block(block)
            self.barriers.pop()
        self.enclosing.pop()

    def _may_move(self, op: Operation) -> bool:
        kind = type(op)
        if not op.results or kind is linalg.IndexOp:
            return False
        if kind is arith.ConstantOp and isinstance(self.enclosing[-1], linalg.GenericOp):
            return False
        if kind in effects.PLACES:
            return True
        return effects.has_no_effects(op) and all(is_speculatable(inner) for inner in walk(op))

    def _needed_level(self, op: Operation, level: int) -> int:
        """The deepest level of what `op`, with its regions, takes from around it."""
        needed = max((self.levels[o] for o in op.operands), default=0)
        for region in op.regions:
            for inner in walk(region):
                for operand in inner.operands:
                    inner_level = self.levels.get(operand, level + 1)
                    if inner_level <= level and not _is_inside(operand, op):
                        needed = max(needed, inner_level)
        return needed

    def _move(self, op: Operation, target: int) -> None:
        anchor = self.enclosing[target]
        assert anchor.parent is not None
        for place in _places(op):
            self._bring(place, anchor, op)
        op.detach()
        anchor.parent.insert_op_before(op, anchor)

    def _bring(self, place: Operation, anchor: Operation, user: Operation) -> None:
        """Note [Places to write to]."""
        assert anchor.parent is not None
        if _is_visible(place, anchor):
            return
        if place.results[0].has_one_use():
            place.detach()
            anchor.parent.insert_op_before(place, anchor)
            return
        copy = place.clone()
        anchor.parent.insert_op_before(copy, anchor)
        self.levels[copy.results[0]] = self.levels[place.results[0]]
        for inner in walk(user):
            for i, operand in enumerate(inner.operands):
                if operand is place.results[0]:
                    inner.operands[i] = copy.results[0]


def _runs(loop: Operation, region: Region) -> bool:
    """Whether `region` is known to run at least once, if `loop` does."""
    if isinstance(loop, scf.ForOp):
        low, high = ranges.bounds(loop.lb), ranges.bounds(loop.ub)
        return low is not None and high is not None and low[1] < high[0]
    if isinstance(loop, scf.WhileOp):
        return region is loop.before_region
    shapes = [o.type.get_shape() for o in loop.operands if isinstance(o.type, TensorType)]
    return not any(extent in (0, DYNAMIC_INDEX) for shape in shapes for extent in shape)


def _places(op: Operation) -> list[Operation]:
    found: dict[Operation, None] = {}
    for inner in walk(op):
        for operand in inner.operands:
            owner = operand.owner
            if isinstance(owner, Operation) and type(owner) in effects.PLACES and not op.is_ancestor(owner):
                found[owner] = None
    return list(found)


def _is_inside(value: SSAValue, op: Operation) -> bool:
    return op.is_ancestor(value.owner)


def _is_visible(op: Operation, at: Operation) -> bool:
    """Whether the block of `op` is that of `at` or one around it."""
    block: Block | None = at.parent
    while block is not None:
        if block is op.parent:
            return True
        block = block.parent_block()
    return False


def hoist(function: Operation, certain: bool = False) -> None:
    """Move loop-invariant ops out of the loops of `function`."""
    for region in function.regions:
        for block in region.blocks:
            _Hoister(certain).block(block)


@dataclass(frozen=True)
class HoistPass(ModulePass):
    """Move what doesn't depend on the iteration out of loops."""

    name = "hoist"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        certain = _to_be_differentiated(op)
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                hoist(function, function.sym_name.data in certain)


def _to_be_differentiated(module: ModuleOp) -> set[str]:
    """The functions that requests for derivatives name, and those that these call."""
    functions = {f.sym_name.data: f for f in module.ops if isinstance(f, func.FuncOp)}
    requests = (op for op in walk(module) if isinstance(op, ad.REQUESTS))
    pending = [request.callee.root_reference.data for request in requests]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found and name in functions:
            found.add(name)
            pending += dce.mentioned(functions[name])
    return found
