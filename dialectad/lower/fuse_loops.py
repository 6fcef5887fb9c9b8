"""`fuse-loops`: loops that run through the same memory do so together.

    scf.for %i { %x = A(%i);  memref.store %x, %t[%i] }      scf.for %i {
    scf.for %i { %y = memref.load %t[%i];  B(%i, %y) }    =>   %x = A(%i);  B(%i, %x)
                                                             }

The second loop finds in cache, or in a register, what the first has had: of a softmax, a normalization or
their gradients each row is brought in once. What only one iteration needs of a temporary has room for one
iteration (`loops/private.py`), and what is stored and loaded again isn't loaded (`loops/forward.py`).

Two loops are fused if they count the same, have memory in common, and no iteration of the second touches
what a later iteration of the first touches (`may_cross`). What stands between them and follows from the first
goes behind (`sweeps/together.py`). Innermost loops are for LLVM to vectorise: they are fused if each is
independent of its own iterations, and of the other's but the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad import locations
from dialectad.ad.dependence import access, may_cross
from dialectad.ad.memory import is_memory
from dialectad.lower.counted import constant_of, constant_trips
from dialectad.lower.llvm.requests import differentiated
from dialectad.lower.loops.accesses import Meetings, conflicts, index_of
from dialectad.lower.loops.accesses import touches as accesses_of
from dialectad.lower.loops.forward import forward_stores
from dialectad.lower.loops.private import shrink_temporaries
from dialectad.lower.loops.sums import only_reduces
from dialectad.lower.sweeps.together import move_behind, that_follow
from dialectad.lower.sweeps.touches import Touch, clash, touches_of
from dialectad.remarks import remark
from dialectad.rewrite import cse, structure
from dialectad.walk import walk

_NEAR = 6
"""Loops back to which a loop looks for one to join."""

_FAR = 60
"""Ops back to which it looks."""

_MOST_TOUCHES = 48
"""Loads and stores beyond which a loop is left alone: pairs of them are compared."""

_LONG = 32
"""Iterations of an inner loop beside which an element of another array is nothing."""

_MOST_BUFFERS = 12
"""Arrays that an innermost loop may walk through: as many streams as a core keeps apart."""


@dataclass(frozen=True)
class FuseLoopsPass(ModulePass):
    """Fuse loops of one block that share memory, from the outermost inwards."""

    name = "fuse-loops"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        waiting = differentiated(op)
        for function in op.ops:
            if not isinstance(function, func.FuncOp) or function.sym_name.data in waiting:
                continue
            if any(_fuse_in(block) for block in function.body.blocks):
                cse.eliminate(function)
                forward_stores(function)
                shrink_temporaries(function)


@dataclass
class _Known:
    """What was found out about ops of a block; what loops are fused to is a new op."""

    touches: dict[Operation, list[Touch] | None] = field(default_factory=dict)
    independent: dict[scf.ForOp, bool] = field(default_factory=dict)

    def touches_of(self, op: Operation) -> list[Touch] | None:
        if op not in self.touches:
            self.touches[op] = touches_of(op)
        return self.touches[op]

    def is_independent(self, loop: scf.ForOp) -> bool:
        """Whether iterations don't depend on each other, but for what is summed up."""
        if loop not in self.independent:
            found = accesses_of(loop)
            self.independent[loop] = (
                found is not None and not conflicts(found, Meetings(loop)) and only_reduces(loop)
            )
        return self.independent[loop]


def _fuse_in(block: Block) -> bool:
    """Fuse loops of a block, then those in what has become of them; gives whether any were."""
    found = False
    near: list[scf.ForOp] = []
    known = _Known()
    for op in list(block.ops):
        if not isinstance(op, scf.ForOp):
            continue
        loop: scf.ForOp = op
        while (
            fused := next((f for first in reversed(near) if (f := _fuse(first, loop, known))), None)
        ) is not None:
            near = [first for first in near if first.parent is not None]
            loop, found = fused, True
        near = [*near, loop][-_NEAR:]
    for op in list(block.ops):
        for region in op.regions:
            for inner in region.blocks:
                found |= _fuse_in(inner)
    return found


def _fuse(first: scf.ForOp, second: scf.ForOp, known: _Known) -> scf.ForOp | None:
    """One loop instead of two, where that is the same and worth it."""
    if not _count_alike(first, second) or first.attributes != second.attributes:
        return None
    there, here = known.touches_of(first), known.touches_of(second)
    if there is None or here is None or max(len(there), len(here)) > _MOST_TOUCHES:
        return None
    if not ({t.buffer for t in there} & {t.buffer for t in here}) or not _is_near(first, second):
        return None
    loops = first, second
    if any(_cross(a, b, loops) for a, b in clash(there, here)) or not _stays_simple(loops, known):
        return None
    if (following := that_follow(first, second, known.touches_of)) is None:
        return None
    where = locations.of(first)
    remark("fuse-loops", second, f"a loop runs along with that of line {where.line if where else '?'}")
    fused = _merged(first, second)
    if not any(is_memory(carried) for carried in fused.iter_args):
        known.touches[fused] = [*there, *here]
    move_behind(following, fused)
    return fused


def _count_alike(a: scf.ForOp, b: scf.ForOp) -> bool:
    step = constant_of(a.step)
    return step is not None and step > 0 and all(map(_equal, a.operands[:3], b.operands[:3]))


def _equal(a: SSAValue, b: SSAValue) -> bool:
    if a is b:
        return True
    number = constant_of(a)
    return number is not None and number == constant_of(b) and a.type == b.type


def _is_near(first: Operation, second: Operation) -> bool:
    op = first.next_op
    for _ in range(_FAR):
        if op is second:
            return True
        if op is None:
            return False
        op = op.next_op
    return False


def _cross(a: Touch, b: Touch, loops: tuple[scf.ForOp, scf.ForOp]) -> bool:
    """Whether `b`, of the second loop, may touch what `a`, of the first, touches in a later iteration."""
    one, other = access(a.op), access(b.op)
    return a.buffer is not b.buffer or one is None or other is None or may_cross(one, other, loops)


# Whether LLVM can make as much of it


def _stays_simple(loops: tuple[scf.ForOp, scf.ForOp], known: _Known) -> bool:
    """Whether the loops aren't innermost ones, or vectorise together as they do alone."""
    nested = [loop for loop in loops if _loops_in(loop)]
    if len(nested) == 1:
        (flat,) = (loop for loop in loops if loop is not nested[0])
        return _is_long(nested[0]) and _is_dense(flat)
    if nested:
        return True
    first, second = loops
    there, here = known.touches_of(first) or [], known.touches_of(second) or []
    if _branches(first) != _branches(second) or len({t.buffer for t in (*there, *here)}) > _MOST_BUFFERS:
        return False
    return all(map(known.is_independent, loops)) and not any(
        _cross(b, a, (second, first)) for a, b in clash(there, here)
    )


def _loops_in(loop: scf.ForOp) -> list[Operation]:
    return [op for op in walk(loop.body.block) if isinstance(op, scf.ForOp | scf.WhileOp)]


def _is_long(loop: scf.ForOp) -> bool:
    """Whether the loops in `loop` do so much that it doesn't matter if something else isn't vectorised."""
    trips = [constant_trips(inner) for inner in _loops_in(loop) if isinstance(inner, scf.ForOp)]
    return any(count is None or count >= _LONG for count in trips)


def _is_dense(loop: scf.ForOp) -> bool:
    """Whether a loop takes one element after the other: a number for each row, not a column of a matrix."""
    found = accesses_of(loop)
    return found is not None and all(
        t.at is not None and t.address.get(index_of(loop), 0) in (0, t.at.width) for t in found
    )


def _branches(loop: scf.ForOp) -> bool:
    return any(isinstance(op, scf.IfOp) for op in walk(loop.body.block))


# The loops as one


def _merged(first: scf.ForOp, second: scf.ForOp) -> scf.ForOp:
    """A loop in the place of `second` that does both."""
    body = first.body.block
    carried = len(body.args)
    for arg in second.body.block.args[1:]:
        body.insert_arg(arg.type, len(body.args))
    end = body.last_op
    assert end is not None
    yielded = structure.splice(end, second.body.block, [body.args[0], *body.args[carried:]])
    end.operands = [*end.operands, *yielded]
    fused = scf.ForOp.create(
        operands=[*first.operands, *second.operands[3:]],
        result_types=[*first.result_types, *second.result_types],
        regions=[first.detach_region(0)],
        attributes=first.attributes,
    )
    structure.insert_before(second, fused)
    fused.location = first.location
    structure.replace(first, fused.results[: len(first.results)])
    structure.replace(second, fused.results[len(fused.results) - len(second.results) :])
    return fused
