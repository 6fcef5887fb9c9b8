"""Bufferization of `scf.if`: both branches leave a result in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import scf
from xdsl.ir import Operation, SSAValue

from dialectad.lower.bufferization.bufferizer import Bufferizer
from dialectad.lower.bufferization.carried import replace_scalars, scalars
from dialectad.lower.bufferization.places import Place, is_tensor
from dialectad.lower.bufferization.sinks import origin

_BRANCH = "the branches of an `if` leave an array in one place"


def _if(b: Bufferizer, op: scf.IfOp) -> None:
    """The branches leave their results in one place, which is that of an array that both update, if any.

    %r = scf.if %c { %t = tensor.insert %x into %A[%i]; yield %t } else { yield %A }
    ~>  scf.if %c { memref.store %x, %A[%i] }
    """
    branches = [r.block for r in op.regions if r.first_block is not None]
    ends = [cast(Operation, block.last_op) for block in branches]
    places: dict[int, Place] = {}
    for k, result in enumerate(op.output):
        if is_tensor(result) and result.first_use is not None:
            places[k] = place = _common_place(b, op, result, [end.operands[k] for end in ends])
            place.buffer.live[result] = place  # in the way of the results that come after this one
    exclusive = [p.buffer for p in places.values() if p.buffer.exclusive]
    for k, place in places.items():
        place.buffer.exclusive = False
        del place.buffer.live[op.output[k]]
        for end in ends:
            b.targets[end, k] = place

    def finish(end: Operation) -> None:
        b.write_all([(end.operands[k], place) for k, place in places.items()], _BRANCH)
        end.operands = scalars(end.operands)

    saved = {v: p for v in b.dying if isinstance(p := b.places.get(v), Place)}
    for block in branches:
        for value, place in saved.items():
            b.define(value, place)
        for value in b.liveness.entry_deaths.get(block, ()):
            b.kill(value)
        b.run_block(block, finish)
    new = b.emit(
        scf.IfOp.create(
            operands=list(op.operands),
            result_types=[r.type for r in scalars(op.output)],
            regions=[op.detach_region(0) for _ in range(2)],
            attributes=op.attributes,
        )
    )
    replace_scalars(op, new)
    for k, place in places.items():
        b.define(op.output[k], place)
    for buffer in exclusive:
        buffer.exclusive = True
    b.drop(op)


def _common_place(b: Bufferizer, op: scf.IfOp, result: SSAValue, yielded: Sequence[SSAValue]) -> Place:
    for value in dict.fromkeys(origin(v, b.places) for v in yielded):
        where = b.places.get(value)
        if not isinstance(where, Place) or value not in b.dying or value.type != result.type:
            continue
        if where.buffer.writable and (not b.blockers(where) or b.evict(where, result, where)):
            return where
    if (end := b.sink_place(result)) is not None and b.may_write(end):
        return end
    return b.alloc_outside(result, yielded)


Bufferizer.RULES |= {scf.IfOp: _if}
