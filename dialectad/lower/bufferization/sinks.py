"""Where values end up: the structure that empty-tensor elimination follows.

The sink of a value is the op that, at the end of a chain of updates, stores what becomes of the value into
a place that exists already:

    %t = linalg.generic ... outs(%empty)                       sink of %t, of %u and of %v:
    %u = tensor.insert %x into %t[%i]                          the insert_slice
    %v = tensor.collapse_shape %u
    %w = tensor.insert_slice %v into %hs[%k, 0] [1, 8] [1, 1]

If its place can be had, `%t` is computed there, and the rest of the chain follows in place.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import cast

from xdsl.dialects import func, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

from dialectad.dialects import ad
from dialectad.dialects.destination import DestinationOp
from dialectad.lower.bufferization.liveness import Liveness
from dialectad.lower.bufferization.places import Cast, Collapse, Expand, Step, groups_of, tensor_shape

_MAX_USES = 16
"""Values with more uses than that are hardly in the middle of a chain."""


@dataclass(frozen=True)
class Sink:
    op: Operation
    """An insert_slice (of its source), a yield, a return, or a push."""
    index: int
    """Which operand of it."""
    steps: tuple[Step, ...] = ()
    """The views through which the chain's head sees the place of the sink."""


class Sinks:
    def __init__(self, liveness: Liveness) -> None:
        self._liveness = liveness
        self._known: dict[SSAValue, Sink | None] = {}

    def of(self, value: SSAValue) -> Sink | None:
        chain: list[tuple[SSAValue, Step | None]] = []
        at: SSAValue = value
        found: Sink | None = None
        while True:
            if at in self._known:
                found = self._known[at]
                break
            step = self._next(at)
            if step is None or isinstance(step, Sink):
                self._known[at] = found = step
                break
            chain.append((at, step[1]))
            at = step[0]
        for link, inverse in reversed(chain):
            if found is not None and inverse is not None:
                found = Sink(found.op, found.index, (*found.steps, inverse))
            self._known[link] = found
        return found

    def _next(self, value: SSAValue) -> Sink | tuple[SSAValue, Step | None] | None:
        """The sink, or the value one further in the chain and the view that leads back from it."""
        best: Sink | tuple[SSAValue, Step | None] | None = None
        rank = 9
        for count, use in enumerate(value.uses):
            if count == _MAX_USES:
                break
            op, index = use.operation, use.index
            match op:
                case scf.YieldOp() | func.ReturnOp() | scf.ConditionOp() if rank > 0:
                    best, rank = Sink(op, index), 0
                case tensor.InsertSliceOp() if index == 0 and rank > 1:
                    best, rank = Sink(op, index), 1
                case ad.PushOp() if rank > 2 and not ad.is_tape(op.cache):
                    best, rank = Sink(op, index), 2
                case _ if rank > 3 and (result := updated(op, index)) is not None:
                    if self._dies(value, op):
                        best, rank = (result, None), 3
                case tensor.CollapseShapeOp() | tensor.ExpandShapeOp() | tensor.CastOp() if rank > 4:
                    if (back := _inverse(value, op)) is not None:
                        best, rank = (op.results[0], back), 4
                case linalg.GenericOp() if rank > 5 and index in same_index_inputs(op):
                    if op.res[0].type == value.type and self._dies(value, op):
                        best, rank = (op.res[0], None), 5
                case Operation() if rank > 5 and is_elementwise(op):
                    if op.results[0].type == value.type and self._dies(value, op):
                        best, rank = (op.results[0], None), 5
        return best

    def _dies(self, value: SSAValue, op: Operation) -> bool:
        """Whether `op` is the last to use the value, so that its result can take the value's memory."""
        return value in self._liveness.deaths.get(op, ())


def _inverse(value: SSAValue, op: Operation) -> Step | None:
    shape = tensor_shape(value)
    match op:
        case tensor.CastOp():
            return Cast(shape)
        case tensor.CollapseShapeOp() if DYNAMIC_INDEX not in shape:
            return Expand(groups_of(op), shape, shape)
        case tensor.ExpandShapeOp():
            return Collapse(groups_of(op), shape)
        case _:
            return None


def updated(op: Operation, index: int) -> SSAValue | None:
    """The result that is operand `index` of `op` after an update, if it is one."""
    match op:
        case tensor.InsertOp() | tensor.InsertSliceOp():
            return op.result if index == 1 else None
        case DestinationOp():
            return op.results[0] if index == len(op.operands) - 1 else None
        case LinalgStructuredOperation():
            at = index - len(op.inputs)
            return op.res[at] if 0 <= at < len(op.res) else None
        case linalg.BroadcastOp() | linalg.ReduceOp():
            return op.results[0] if index == 1 else None
        case scf.ForOp():
            return op.res[index - 3] if index >= 3 else None
        case scf.WhileOp():
            condition = op.before_region.block.last_op
            if condition is None:
                return None
            forwarded = condition.operands[1:]
            arg = op.before_region.block.args[index]
            return next((r for r, f in zip(op.res, forwarded, strict=True) if f is arg), None)
        case _:
            return None


def origin(value: SSAValue, placed: Container[SSAValue]) -> SSAValue:
    """What `value` is an update of: the start of the chain of updates, or what is `placed` already."""
    while isinstance(value, OpResult) and value not in placed:
        op = value.op
        match op:
            case tensor.InsertOp() | tensor.InsertSliceOp():
                value = op.dest
            case DestinationOp():
                value = op.destination
            case LinalgStructuredOperation() if reads_out(op, value.index):
                value = op.outputs[value.index]
            case scf.ForOp():
                value = op.iter_args[value.index]
            case scf.WhileOp():
                condition = op.before_region.block.last_op
                assert condition is not None
                forwarded = condition.operands[1 + value.index]
                if not isinstance(forwarded, BlockArgument) or forwarded.block is not op.before_region.block:
                    return value
                value = op.arguments[forwarded.index]
            case scf.IfOp():
                ends = [
                    origin(cast(Operation, r.block.last_op).operands[value.index], placed)
                    for r in op.regions
                    if r.first_block is not None
                ]
                if len(ends) != 2 or ends[0] is not ends[1]:
                    return value
                value = ends[0]
            case _:
                return value
    return value


def reads_out(op: LinalgStructuredOperation, index: int) -> bool:
    """Whether the body uses the old content of output `index`."""
    block: Block = op.body.block
    return block.args[len(op.inputs) + index].first_use is not None


def same_index_inputs(op: linalg.GenericOp) -> set[int]:
    """The inputs of which every element is read just when the same element of the output is written."""
    if len(op.outputs) != 1 or any(i.data is not IteratorType.PARALLEL for i in op.iterator_types.data):
        return set()
    maps = op.indexing_maps.data
    out = maps[-1].data
    if not (out.num_dims == len(out.results) and out.is_projected_permutation()):
        return set()
    return {i for i in range(len(op.inputs)) if maps[i] == maps[-1]}


def is_elementwise(op: Operation) -> bool:
    """Whether this is `arith`, `math` or `ad.stop` on tensors."""
    return op.name.startswith(("arith.", "math.", "ad.stop")) and bool(op.operands)
