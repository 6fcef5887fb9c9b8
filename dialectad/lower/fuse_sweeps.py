"""`fuse-sweeps`: iterations that don't depend on each other are finished, there and back, one by one.

    scf.for %i = 0 to %n { A; ad.push(%c, %v); B }            the forward sweep
    scf.for %k = 0 to %n { %v = ad.pop(%c); C(%v, %k) }       the reverse sweep
    =>
    scf.for %i = 0 to %n { A; B; C(%v, %n - 1 - %i) }

What was cached by iteration is at hand then, and what the iterations of an inner `while` push is popped
before it is cold: the cache needs no more room than one iteration does. Tapenade has users declare such loops
(`II-LOOP`; Hascoet, Fidanova, Held: Adjoining independent computations, 2001); here it is proven.

The reverse loop now runs from the first iteration to the last, and iteration `i` of it before the forward
iterations that follow `i`. So it must carry and meet nothing but sums (`sweeps/sums.py`); the cotangents that
it starts from must be known before the forward loop runs (`sweeps/together.py`); and whatever else it touches
must be its own iteration's (`ad/dependence.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, scf
from xdsl.dialects.builtin import IndexType, IntegerType, ModuleOp, UnrealizedConversionCastOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.dependence import access, linear, may_meet
from dialectad.ad.polyhedron import ONE, plus
from dialectad.dialects.ad import MIRRORED, CacheOp, CacheType, PopOp
from dialectad.lower.counted import as_type, constant_of, insert, insert_constant, number_of
from dialectad.lower.sweeps.branches import merge_branches
from dialectad.lower.sweeps.loads import share_loads
from dialectad.lower.sweeps.stacks import forward_pushes, shrink
from dialectad.lower.sweeps.sums import carries_only_sums, is_sum
from dialectad.lower.sweeps.together import move_behind, that_follow
from dialectad.lower.sweeps.touches import Touch, clash, touches
from dialectad.rewrite import cse, structure
from dialectad.walk import walk


@dataclass(frozen=True)
class FuseSweepsPass(ModulePass):
    """Run the reverse of an iteration right after it, where that is the same."""

    name = "fuse-sweeps"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, func.FuncOp) and not function.is_declaration:
                _fuse_in(function)


def _fuse_in(function: func.FuncOp) -> None:
    refused: set[tuple[Operation, Operation]] = set()
    pending = [op for op in walk(function) if isinstance(op, CacheOp) and MIRRORED in op.attributes]
    while pending:
        cache = pending.pop()
        pair = _sweeps(cache)
        if pair is None or pair in refused:
            continue
        if (fused := _fuse(*pair)) is None:
            refused.add(pair)
            continue
        _tidy(fused)
        # what is cached in inner loops may now have sweeps of its own
        pending = [op for op in walk(function) if isinstance(op, CacheOp) and MIRRORED in op.attributes]


def _sweeps(cache: CacheOp) -> tuple[scf.ForOp, scf.ForOp] | None:
    """The loops of one block that fill and empty `cache`."""
    users = [use.operation for use in cache.result.uses]
    pops = [op for op in users if isinstance(op, PopOp)]
    pushes = [op for op in users if not isinstance(op, PopOp)]
    if not pops or not pushes:
        return None
    forward, backward = _apart(pushes[0], pops[0])
    if not isinstance(forward, scf.ForOp) or not isinstance(backward, scf.ForOp):
        return None
    if forward.parent is not backward.parent or not forward.is_before_in_block(backward):
        return None
    return forward, backward


def _apart(a: Operation, b: Operation) -> tuple[Operation, Operation]:
    """The ops that `a` and `b` are in, or are, where their ways part."""
    for x, y in zip(_path(a), _path(b), strict=False):
        if x is not y:
            return x, y
    return a, b


def _path(op: Operation) -> list[Operation]:
    path = [op]
    while (parent := path[-1].parent_op()) is not None:
        path.append(parent)
    return path[::-1]


def _fuse(forward: scf.ForOp, backward: scf.ForOp) -> scf.ForOp | None:
    if constant_of(backward.lb) != 0 or constant_of(backward.step) != 1 or constant_of(forward.step) is None:
        return None
    if not _pops_only_from(forward, backward) or not carries_only_sums(backward):
        return None
    if any(touches([op]) is None for op in (forward, backward)):
        return None
    following = that_follow(forward, backward)
    if following is None:
        return None
    fused, first_back = _merged(forward, backward)
    if not _is_same(fused, first_back):
        structure.erase(fused)
        return None
    results = fused.results
    count = len(forward.results)
    for old, new in ((forward, results[:count]), (backward, results[count:])):
        structure.replace(old, new)
    move_behind(following, fused)
    return fused


def _pops_only_from(forward: scf.ForOp, backward: scf.ForOp) -> bool:
    """Whether the caches that `backward` works on are those that `forward` fills, and nobody else's."""
    caches = {
        operand.owner
        for op in walk(backward)
        for operand in op.operands
        if isinstance(operand.owner, CacheOp) and not backward.is_ancestor(operand.owner)
    }
    return all(
        MIRRORED in cache.attributes
        and all(
            (backward if isinstance(use.operation, PopOp) else forward).is_ancestor(use.operation)
            for use in cache.result.uses
        )
        for cache in caches
        if isinstance(cache, CacheOp)
    )


def _merged(forward: scf.ForOp, backward: scf.ForOp) -> tuple[scf.ForOp, Operation]:
    """A loop that does both before `backward`, and the first of its ops that goes back."""
    args = [forward.body.block.args[0], *forward.body.block.args[1:], *backward.body.block.args[1:]]
    body = Block(arg_types=[arg.type for arg in args])
    for new, old in zip(body.args, args, strict=True):
        new.name_hint = old.name_hint
    fused = scf.ForOp(forward.lb, forward.ub, forward.step, [*forward.iter_args, *backward.iter_args], body)
    fused.location = forward.location
    Rewriter.insert_op(fused, InsertPoint.before(backward))
    carried = len(forward.iter_args)
    there = _copy(forward, body, body.args[: carried + 1])
    number = UnrealizedConversionCastOp.create(result_types=[backward.ub.type], location=backward.location)
    body.add_op(number)
    back = _copy(backward, body, [number.results[0], *body.args[carried + 1 :]])
    body.add_op(end := scf.YieldOp(*there, *back))
    end.location = backward.location
    return fused, _numbered(fused, backward, number)


def _copy(loop: scf.ForOp, into: Block, args: Sequence[SSAValue]) -> list[SSAValue]:
    """Copy the body of `loop`; gives what it yields."""
    mapper: dict[SSAValue, SSAValue] = dict(zip(loop.body.block.args, args, strict=True))
    *ops, end = loop.body.block.ops
    for op in ops:
        into.add_op(op.clone(mapper))
    return [mapper.get(value, value) for value in end.operands]


def _numbered(fused: scf.ForOp, backward: scf.ForOp, placeholder: Operation) -> Operation:
    """Let the second half of `fused`, behind a placeholder of its iteration's number, use the loop's index.

    Gives the first op of that half. What `backward` has computed of its own index is that of the loop,
    as a rule.
    """
    index, step, k = fused.body.block.args[0], constant_of(fused.step), placeholder.results[0]
    assert step is not None
    assert isinstance(k.type, IndexType | IntegerType)
    number = plus(plus(linear(backward.ub), {k: -1}), {ONE: -1})
    expected = plus(linear(fused.lb), number, step)
    op = placeholder.next_op
    while op is not None:
        if isinstance(op, arith.AddiOp | arith.SubiOp) and linear(op.result) == expected:
            op.result.replace_all_uses_with(index)
        op = op.next_op
    if k.first_use is not None:
        last = insert(arith.SubiOp(backward.ub, insert_constant(1, placeholder, k.type)), placeholder)
        forward_number = as_type(number_of(fused, placeholder), k.type, placeholder)
        k.replace_all_uses_with(insert(arith.SubiOp(last, forward_number), placeholder))
    first = placeholder.next_op
    assert first is not None
    structure.erase(placeholder)
    return first


# Whether that is the same


def _is_same(fused: scf.ForOp, first_back: Operation) -> bool:
    """Whether it doesn't matter that the second half of an iteration now runs before the next one."""
    there, back = [], []
    half = there
    for op in fused.body.block.ops:
        if op is first_back:
            half = back
        half.append(op)
    forth, back = touches(there), touches(back)
    assert forth is not None
    assert back is not None
    shared = [[t for t in half if _is_shared(t.buffer, fused)] for half in (forth, back)]
    if any(_may_meet(a, b, fused) for a, b in clash(*shared)):
        return False
    return not any(
        _may_meet(a, b, fused) for a, b in clash(shared[1], shared[1]) if not (is_sum(a) and is_sum(b))
    )


def _may_meet(later: Touch, first: Touch, loop: scf.ForOp) -> bool:
    """Whether one iteration of `loop` touches what another one has touched before."""
    a, b = access(first.op), access(later.op)
    return first.buffer is not later.buffer or a is None or b is None or may_meet(a, b, loop)


def _is_shared(buffer: SSAValue, loop: scf.ForOp) -> bool:
    """Whether iterations may find in `buffer` what others have left there.

    In a cache they don't: each takes out what it has put in.
    """
    if isinstance(buffer.type, CacheType):
        return False
    owner = buffer.owner
    place = owner if isinstance(owner, Operation) else owner.parent_op()
    return place is None or place is loop or not loop.is_ancestor(place)


def _tidy(fused: scf.ForOp) -> None:
    """Do once what both halves do, and forward what one pushes and the other pops."""
    shrink(fused)
    share_loads(fused)
    cse.eliminate(fused)
    merge_branches(fused.body.block)
    forward_pushes(fused)
