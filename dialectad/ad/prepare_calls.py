"""Before a reverse sweep: calls with a derivative of their own keep what their pullbacks need.

    %y = func.call @f(%x) {dialectad.rule}     =>     %y, %r = func.call @f.fwd(%x) {dialectad.rule}

On memory there is memory for `%r`, from before all loops until the function ends:

    func.call @f(%x, %y) {dialectad.rule}      =>     %r = memref.alloc()
                                                      func.call @f.fwd(%x, %y, %r) {dialectad.rule}

Only calls that are active; the others stay as they are, for whoever differentiates by something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Block, SSAValue

from dialectad.ad.activity import Activity
from dialectad.ad.call_operands import as_pointer, memory_type
from dialectad.dialects.call_rule import RULE, CallRule, has_rule
from dialectad.lower.bufferization.functions import OUTS
from dialectad.walk import walk


def prepare_calls(
    block: Block, arguments: Sequence[SSAValue], results: Iterable[SSAValue]
) -> list[memref.DeallocOp]:
    """Gives what has to stand at the end of the function."""
    ends: list[memref.DeallocOp] = []
    if calls := [op for op in walk(block) if has_rule(op)]:
        activity = Activity.of(block, arguments, results)
        for op in [op for op in calls if activity.active_op(op)]:
            _augment(op, block, ends)
    return ends


def _augment(op: func.CallOp, top: Block, ends: list[memref.DeallocOp]) -> None:
    rule, parent, first = CallRule.of(op), op.parent, top.first_op
    assert rule is not None
    assert parent is not None
    assert first is not None
    if op.results or OUTS not in op.attributes:
        call = func.CallOp(rule.augmented, op.operands, [*op.result_types, *rule.residuals])
        call.attributes |= op.attributes
    else:
        memory: list[SSAValue] = []
        for type_ in rule.residuals:
            alloc = memref.AllocOp([], [], memory_type(type_))
            ends.append(memref.DeallocOp.get(alloc.memref))
            alloc.location = ends[-1].location = op.location
            top.insert_op_before(alloc, first)
            memory.append(alloc.memref)
        types = [value.type for value in memory]
        if rule.types:
            casts = [as_pointer(value) for value in memory]
            top.insert_ops_before(casts, first)
            memory = [cast.results[0] for cast in casts]
        outs = op.attributes[OUTS]
        assert isinstance(outs, IntegerAttr)
        call = func.CallOp(rule.augmented, [*op.operands, *memory], [])
        call.attributes |= op.attributes
        call.attributes[OUTS] = IntegerAttr(outs.value.data + len(memory), i64)
        if rule.types:
            call.attributes[RULE] = rule.with_types([*rule.types, *types]).attribute()
    call.location = op.location
    parent.insert_op_before(call, op)
    for old, new in zip(op.results, call.results, strict=False):
        old.replace_all_uses_with(new)
    parent.erase_op(op)
