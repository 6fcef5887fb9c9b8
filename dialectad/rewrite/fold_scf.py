"""`canonicalize` on `scf` and `cf`."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith, cf, scf
from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import constants, ranges, structure
from dialectad.rewrite.rewriter import Rewriter

Rule = Callable[..., None]


def _end(op: Operation, region: int) -> Operation:
    end = op.regions[region].block.last_op
    assert end is not None
    return end


def _assert(op: cf.AssertOp, rw: Rewriter) -> None:
    """What is known to hold needn't be checked."""
    condition = constants.integer(op.arg)
    if condition is not None and condition != 0:
        rw.erase(op)


def _if(op: scf.IfOp, rw: Rewriter) -> None:
    """Known conditions, results that don't depend on it, and branches that only choose between scalars.

    scf.if %true { A } else { B }   ~>   A
    %r = scf.if %c -> (f64) { yield %x } else { yield %y }   ~>   %r = arith.select %c, %x, %y
    """
    condition = constants.integer(op.cond)
    if condition is not None:
        region = 0 if condition != 0 else 1
        if op.regions[region].first_block is not None:
            rw.replace(op, rw.splice(op, region, ()))
        else:
            rw.erase(op)
        return
    if op.regions[1].first_block is None:
        if op.regions[0].block.first_op is op.regions[0].block.last_op:
            rw.erase(op)
        return
    _know_condition(op, rw)
    _move_constants_out(op)
    yes, no = (_end(op, region).operands for region in range(2))
    both_empty = all(region.block.first_op is region.block.last_op for region in op.regions)
    values: list[SSAValue] = []
    keep: list[bool] = []
    for a, b, result in zip(yes, no, op.results, strict=True):
        chosen = a is b or (both_empty and not isinstance(a.type, TensorType))
        keep.append(not chosen)
        values.append(
            result if not chosen else (a if a is b else rw.insert(op, arith.SelectOp(op.cond, a, b)))
        )
    if not all(keep):
        for result, kept in zip(op.results, keep, strict=True):
            if not kept:
                rw.push_users(result)
        rw.push(_shrunk(rw, op, structure.shrink_if(op, keep, values)))
    elif both_empty and not op.results:
        rw.erase(op)


def _shrunk(rw: Rewriter, old: Operation, new: Operation) -> Operation:
    rw.erased.add(old)
    return new


def _move_constants_out(op: scf.IfOp) -> None:
    """Branches that only yield constants are empty once those stand before them.

    scf.if %c -> (f64) { %two = arith.constant 2.0; yield %two }   ~>   %two = arith.constant 2.0;  scf.if ...
    """
    blocks = [region.block for region in op.regions]
    found = [list(block.ops)[:-1] for block in blocks]
    if all(isinstance(inner, arith.ConstantOp) for ops in found for inner in ops):
        assert op.parent is not None
        for inner in (inner for ops in found for inner in ops):
            inner.detach()
            op.parent.insert_op_before(inner, op)


def _know_condition(op: scf.IfOp, rw: Rewriter) -> None:
    """In a branch its condition is known.

    scf.if %c { use %c } else { use %c }   ~>   scf.if %c { use %true } else { use %false }
    """
    inside = [(use, branch) for use in op.cond.uses if (branch := _branch_of(use.operation, op)) is not None]
    for use, branch in inside:
        known = rw.constant(op, IntegerAttr(-1 if branch == 0 else 0, IntegerType(1)))
        use.operation.operands[use.index] = known
        rw.push(use.operation)


def _branch_of(user: Operation, branch: scf.IfOp) -> int | None:
    """In which region of `branch` an op is."""
    region = user.parent_region()
    while region is not None and region.parent is not branch:
        region = region.parent_region()
    return None if region is None else branch.regions.index(region)


def _trip_count(op: scf.ForOp) -> int | None:
    """How often the body runs, as far as 0 (never), 1 (once) or None (who knows) goes."""
    low, high = ranges.bounds(op.lb), ranges.bounds(op.ub)
    step = constants.integer(op.step)
    if op.lb is op.ub or (low is not None and high is not None and low[0] >= high[1]):
        return 0
    first, end = constants.integer(op.lb), constants.integer(op.ub)
    if first is not None and end is not None and step is not None and first < end <= first + step:
        return 1
    return None


def _for(op: scf.ForOp, rw: Rewriter) -> None:
    """Loops that run never or once, and values that loops carry in vain.

    %r = scf.for %i = %c0 to %c0 iter_args(%x = %a)   ~>   %a
    %r = scf.for ... iter_args(%x = %a) { use %x; yield %x }   ~>   scf.for ... { use %a }, and %a for %r
    """
    trips = _trip_count(op)
    if trips == 0:
        rw.replace(op, op.operands[3:])
    elif trips == 1:
        rw.replace(op, rw.splice(op, 0, [op.lb, *op.iter_args]))
    elif op.results:
        _drop_constant_iter_args(op, rw)


def _drop_constant_iter_args(op: scf.ForOp, rw: Rewriter) -> None:
    args, yielded = op.body.block.args[1:], _end(op, 0).operands
    known: dict[tuple[SSAValue, SSAValue], int] = {}
    values: list[SSAValue] = []
    keep: list[bool] = []
    for i, (init, arg, new) in enumerate(zip(op.operands[3:], args, yielded, strict=True)):
        invariant = new is arg or new is init
        keep.append(not invariant)
        values.append(init if invariant else arg)
        if not invariant:
            _share(op, known.setdefault((init, new), i), i, rw)
    if all(keep):
        return
    for i, kept in enumerate(keep):
        if not kept:
            rw.push_users(args[i])
            rw.push_users(op.results[i])
    rw.push(_shrunk(rw, op, structure.shrink_for(op, keep, values)))


def _share(op: scf.ForOp, first: int, i: int, rw: Rewriter) -> None:
    """Two values that start and go on the same are one; the other is left unused."""
    if first == i:
        return
    args = op.body.block.args
    for duplicate, value in ((args[i + 1], args[first + 1]), (op.results[i], op.results[first])):
        rw.push_users(duplicate)
        duplicate.replace_all_uses_with(value)


def _while(op: scf.WhileOp, rw: Rewriter) -> None:
    """Loops whose condition is never true, and values that loops carry in vain (as in `for`)."""
    condition, end = _end(op, 0), _end(op, 1)
    if constants.integer(condition.operands[0]) == 0:
        forwarded = rw.splice(op, 0, op.operands)
        rw.replace(op, forwarded[1:])
        return
    if not op.results or not structure.is_paired(op):
        return
    before, after = (region.block.args for region in op.regions)
    keep = [
        new is not a and new is not b and new is not init
        for init, b, a, new in zip(op.operands, before, after, end.operands, strict=True)
    ]
    if all(keep):
        return
    for i, kept in enumerate(keep):
        if not kept:
            for value in (before[i], after[i], op.results[i]):
                rw.push_users(value)
    rw.push(_shrunk(rw, op, structure.shrink_while(op, keep, keep, list(op.operands))))


RULES: dict[type[Operation], Rule] = {
    cf.AssertOp: _assert,
    scf.IfOp: _if,
    scf.ForOp: _for,
    scf.WhileOp: _while,
}
