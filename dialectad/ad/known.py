"""Partial derivatives that the forward sweep computes anyway.

    %s = sin(%x);  %c = cos(%x)              the forward block
    %d = %dy * cos(%x')                      its reverse; %x' stands for %x
    =>
    %d = %dy * %c'

Then `choose.py` decides whether `%c` is kept, or what it is computed of; before, keeping `%x` and `%c` and
computing the cosine a second time was all there was to choose from.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from xdsl.dialects import arith
from xdsl.ir import Block, Operation, SSAValue

from dialectad.rewrite.effects import SCALAR


def replace_known(
    reverse: Block, forward: Block, primals: Mapping[SSAValue, SSAValue], give: Callable[[SSAValue], SSAValue]
) -> None:
    """Let `give(v)` take the place of what `reverse` computes if it is the value `v` of `forward`.

    `primals` maps what stands for primal values in `reverse` to these.
    """
    means = dict(primals)

    def key(op: Operation) -> Hashable:
        return (
            type(op),
            *(_constant(operand) or means.get(operand, operand) for operand in op.operands),
            tuple(op.result_types),
            tuple(sorted(op.properties.items())),
        )

    computed = {key(op): op.results[0] for op in forward.ops if _is_candidate(op)}
    for op in reverse.ops:
        if _is_candidate(op) and (known := computed.get(key(op))) is not None:
            means[op.results[0]] = known
            op.results[0].replace_all_uses_with(give(known))


def _is_candidate(op: Operation) -> bool:
    return type(op) in SCALAR and len(op.results) == 1 and not isinstance(op, arith.ConstantOp)


def _constant(value: SSAValue) -> Hashable | None:
    owner = value.owner
    return (owner.value, value.type) if isinstance(owner, arith.ConstantOp) else None
