"""The first step of `fuse-elementwise`: of what is computed only to be sliced, only the slices are computed.

    %s = math.exp %a : tensor<8xf64>
    %r = tensor.extract_slice %s[2] [3] [1]
    ~>
    %b = tensor.extract_slice %a[2] [3] [1]
    %r = math.exp %b : tensor<3xf64>

Several slices of one tensor may overlap, so then the computation must be cheap, with all that would move with
it. It doesn't move into a loop, nor behind a write to what it reads (`Note [Late reads]` in `fusion_plan`).
"""

from __future__ import annotations

from collections import deque

from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import constants, elementwise, structure
from dialectad.walk import walk

_COST_TO_DUPLICATE = 4


def push_slices(function: Operation) -> None:
    """Move slices from the results of elementwise ops to their operands."""
    # first in, first out: all slices of a tensor come before those of what it is computed from
    pending: deque[tensor.ExtractSliceOp] = deque()
    costs: dict[Operation, int] = {}
    for op in walk(function):
        if isinstance(op, tensor.ExtractSliceOp):
            pending.append(op)
        elif type(op) in elementwise.ELEMENTWISE:
            costs[op] = _chain_cost(op, costs)
    while pending:
        op = pending.popleft()
        if op.parent is not None and _is_worthwhile(op, costs):
            pending += _push(op, costs)


def _chain_cost(op: Operation, costs: dict[Operation, int]) -> int:
    """What an element costs, with the elements that are computed for it alone."""
    total = elementwise.cost(op)
    for operand in op.operands:
        if operand.has_one_use() and isinstance(operand.owner, Operation):
            total += costs.get(operand.owner, 0)
    return total


def _is_worthwhile(op: tensor.ExtractSliceOp, costs: dict[Operation, int]) -> bool:
    source = op.source.owner
    if not isinstance(source, Operation) or type(source) not in elementwise.ELEMENTWISE:
        return False
    users = [use.operation for use in op.source.uses]
    if any(not isinstance(user, tensor.ExtractSliceOp) or user.parent is not source.parent for user in users):
        return False
    if len(users) > 1 and costs[source] > _COST_TO_DUPLICATE:
        return False
    return not any(_is_written(o) for o in source.operands if isinstance(o.type, TensorType))


def _is_written(value: SSAValue) -> bool:
    whole = elementwise.base(value)
    return any(whole in elementwise.destinations(use.operation) for use in whole.uses)


def _push(op: tensor.ExtractSliceOp, costs: dict[Operation, int]) -> list[tensor.ExtractSliceOp]:
    source = op.source.owner
    assert isinstance(source, Operation)
    slices: dict[SSAValue, tensor.ExtractSliceOp] = {}
    for operand in source.operands:
        if isinstance(operand.type, TensorType) and operand not in slices:
            slices[operand] = _slice_like(op, operand)
            structure.insert_before(op, slices[operand])
    computed = type(source).create(
        operands=[slices[o].result if o in slices else o for o in source.operands],
        result_types=[op.result.type],
        properties=source.properties,
        attributes=source.attributes,
    )
    structure.insert_before(op, computed)
    computed.location = source.location
    costs[computed] = costs[source]
    structure.replace(op, computed.results)
    if source.results[0].first_use is None:
        structure.erase(source)
    return list(slices.values())


def _slice_like(op: tensor.ExtractSliceOp, value: SSAValue) -> tensor.ExtractSliceOp:
    """The same slice of another tensor."""
    assert isinstance(op.result.type, TensorType)
    return tensor.ExtractSliceOp.create(
        operands=[value, *op.operands[1:]],
        result_types=[TensorType(constants.element_type(value.type), op.result.type.get_shape())],
        properties=op.properties,
    )
