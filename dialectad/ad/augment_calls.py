"""`augment-calls`: let a call and the request for its derivative be one run.

    %y = func.call @g(%x) {dialectad.level = "loop"}
    ...
    %y_, %dx = "ad.vjp"(%x, %dy) <{callee = @g, active = [0], seeds = [0], level = "loop"}>
    =>
    %y, %run = "ad.augmented"(%x) <{callee = @g}>
    ...
    %dx = "ad.pullback"(%run, %x, %y, %dy) <{callee = @g, active = [0], seeds = [0], level = "loop"}>

Such a pair is what `differentiate` makes of a part with a level of its own. What the part keeps for its
reverse sweep then outlives the call (`runs.py`), so both have to be in one block. In a loop, where the one is
in the forward and the other in the reverse loop, the part stays a checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.dialects.ad import LEVEL, AugmentedOp, PullbackOp, VJPOp, point_of
from dialectad.walk import walk


@dataclass(frozen=True)
class AugmentCallsPass(ModulePass):
    """Run once what is called first and differentiated later, at level loop."""

    name = "augment-calls"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for request in [o for o in walk(op) if isinstance(o, VJPOp) and point_of(o.level.data) == "loop"]:
            if (call := _call_of(request)) is not None:
                _pair(call, request)


def _call_of(request: VJPOp) -> func.CallOp | None:
    """The call of the same function with the same arguments, before the request in its block."""
    operands = tuple(request.operands)
    for op in _before(request):
        if (
            isinstance(op, func.CallOp)
            and op.callee == request.callee
            and op.attributes.get(LEVEL) == request.level
            and tuple(op.operands) == operands[: len(op.operands)]
        ):
            return op
    return None


def _before(op: Operation) -> list[Operation]:
    """The ops before `op` in its block, the last first: of equal calls each takes the next one."""
    found: list[Operation] = []
    assert isinstance(op.parent, Block)
    before = op.prev_op
    while before is not None:
        found.append(before)
        before = before.prev_op
    return found


def _pair(call: func.CallOp, request: VJPOp) -> None:
    name, count = request.callee.root_reference.data, len(call.results)
    augmented = AugmentedOp(name, call.operands, call.result_types)
    augmented.location = call.location
    arguments = [*request.operands[: len(call.operands)], *augmented.res]
    pullback = PullbackOp.create(
        operands=[augmented.run, *arguments, *request.operands[len(call.operands) :]],
        result_types=[result.type for result in request.results[count:]],
        properties=request.properties,
        location=request.location,
    )
    Rewriter.insert_op(augmented, InsertPoint.before(call))
    Rewriter.insert_op(pullback, InsertPoint.before(request))
    Rewriter.replace_op(call, [], augmented.res)
    Rewriter.replace_op(request, [], [*augmented.res, *pullback.res])
