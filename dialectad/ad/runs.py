"""A run whose reverse sweep comes later: the forward sweep takes the place of the augmented call, the reverse
sweep that of its pullback.

    %run = "ad.augmented"(%x, %y) <{callee = @f}>                 <the forward sweep of @f on %x, %y>
    ...                                                       =>  ...
    "ad.pullback"(%run, %x_, %y_, %dx, %dy) <{...}>               <the reverse sweep of @f on %x_, %y_>

Both are in one block, so what the reverse sweep needs is at hand there: scalars, caches, and memory that the
function allocated. Its arguments and outs need not be where they were, for the caller only says that they
hold the same again: views of them are made anew. The shadows are there when the pullback is, so views of
shadows, which `Reverse` puts beside those of the primal memory, come with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue

from dialectad.ad.memory import buffer_of, is_memory
from dialectad.dialects.ad import AugmentedOp, PullbackOp
from dialectad.rewrite.inline import relocate
from dialectad.walk import walk

Values = dict[SSAValue, SSAValue]


def splice(function: func.FuncOp, turn: Operation, augmented: AugmentedOp, pullback: PullbackOp) -> None:
    """Put copies of the sweeps of `function` in the place of both ops; the second begins with `turn`."""
    block = function.body.block
    forward, reverse = _sweeps(tuple(block.ops)[:-1], turn)
    count = len(augmented.operands)
    late = _dependents(forward, block.args[count:])
    values: Values = dict(zip(block.args, augmented.operands, strict=False))
    _insert([op for op in forward if op not in late], values, augmented)
    values |= zip(block.args, pullback.operands[1:], strict=True)
    second = [*late, *reverse]
    _insert([*_views(second, block.args[:count]), *second], values, pullback)
    for op in (pullback, augmented):
        op.detach()
        op.erase()


def _sweeps(ops: Sequence[Operation], turn: Operation) -> tuple[Sequence[Operation], Sequence[Operation]]:
    at = ops.index(turn) if turn in ops else len(ops)
    return ops[:at], ops[at:]


def _dependents(ops: Iterable[Operation], shadows: Iterable[SSAValue]) -> dict[Operation, None]:
    """Which of `ops` touch memory that is a shadow, or a view of one."""
    known, found = set(shadows), dict[Operation, None]()
    for op in ops:
        if any(operand in known for inner in walk(op) for operand in inner.operands):
            found[op] = None
            known.update(op.results)
    return found


def _views(ops: Sequence[Operation], arguments: Sequence[SSAValue]) -> list[Operation]:
    """The views of arguments that `ops` use and don't make themselves, in order."""
    inside = dict.fromkeys(inner for op in ops for inner in walk(op))
    own, found = set(arguments), dict[Operation, None]()
    for op in inside:
        for value in filter(is_memory, op.operands):
            if buffer_of(value) in own:
                chain: list[Operation] = []
                while isinstance(view := value.owner, Operation) and view not in inside:
                    chain.append(view)
                    value = view.operands[0]
                found |= dict.fromkeys(reversed(chain))
    return list(found)


def _insert(ops: Iterable[Operation], values: Values, at: Operation) -> None:
    """Insert copies of `ops` before `at`."""
    block = at.parent
    assert block is not None
    copies = [op.clone(values) for op in ops]
    relocate(copies, at.location)
    block.insert_ops_before(copies, at)
