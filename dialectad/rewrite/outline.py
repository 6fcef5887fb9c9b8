"""Outlining: ops that follow one another become a function, and a call of it.

    %c = arith.constant 2.0              %c = arith.constant 2.0
    %t = math.sin %x                     %y = func.call @g(%x)
    %y = arith.mulf %t, %c        =>     use %y
    use %y                               func.func private @g(%x) { %c = ...; %t = ...; %y = ...; return %y }

Constants and empty or uniform tensors aren't passed: the function makes those that it uses for itself.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import FunctionType
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.walk import walk

_FREE = (arith.ConstantOp, tensor.EmptyOp, tensor.SplatOp)


def is_free(op: Operation | Block) -> bool:
    """Whether it is something that every function makes for itself, instead of taking or giving it."""
    return isinstance(op, _FREE) and all(is_free(operand.owner) for operand in op.operands)


def move_free_out(ops: Sequence[Operation], at: Operation) -> list[Operation]:
    """Move what is free to before `at`, for all to use; gives the others."""
    others: list[Operation] = []
    for op in ops:
        if is_free(op):
            op.detach()
            _insert_before(at, op)
        else:
            others.append(op)
    return others


def taken_and_given(ops: Sequence[Operation]) -> tuple[list[SSAValue], list[SSAValue]]:
    """What ops use from outside (what is free aside), and what of theirs is used outside."""
    inside = _inside(ops)
    given: list[SSAValue] = [
        r for op in ops for r in op.results if any(use.operation not in inside for use in r.uses)
    ]
    operands = dict.fromkeys(operand for op in inside for operand in op.operands)
    return [v for v in operands if not _is_within(v, inside) and not is_free(v.owner)], given


def outline_ops(ops: Sequence[Operation], name: str, at: Operation) -> tuple[func.FuncOp, func.CallOp]:
    """Move ops into a new private function, which is in no module yet, and call it before `at`."""
    inside = _inside(ops)
    taken, given = taken_and_given(ops)
    types = FunctionType.from_lists([v.type for v in taken], [v.type for v in given])
    block = Block(arg_types=types.inputs)
    for op in ops:
        op.detach()
        block.add_op(op)
    mapper: dict[SSAValue, SSAValue] = dict(zip(taken, block.args, strict=True))
    for op in inside:
        for index, operand in enumerate(op.operands):
            if not _is_within(operand, inside):
                op.operands[index] = _here(operand, mapper, ops[0])
    returned = func.ReturnOp(*given)
    block.add_op(returned)
    function = func.FuncOp(name, types, Region(block), visibility="private")
    call = func.CallOp(name, taken, types.outputs.data)
    function.location = returned.location = call.location = at.location
    _insert_before(at, call)
    inside[returned] = None
    for old, new in zip(given, call.results, strict=True):
        old.replace_uses_with_if(new, lambda use: use.operation not in inside)
    return function, call


def _inside(ops: Sequence[Operation]) -> dict[Operation, None]:
    return dict.fromkeys(inner for op in ops for inner in walk(op))


def _is_within(value: SSAValue, inside: Container[Operation | None]) -> bool:
    return (value.owner.parent_op() if isinstance(value.owner, Block) else value.owner) in inside


def _here(value: SSAValue, mapper: dict[SSAValue, SSAValue], first: Operation) -> SSAValue:
    """What stands for a value of outside in a function: a parameter, or what it makes for itself."""
    if value not in mapper:
        op = value.owner
        assert isinstance(op, Operation)
        clone = op.clone({operand: _here(operand, mapper, first) for operand in op.operands})
        _insert_before(first, clone)
        mapper[value] = clone.results[0]
    return mapper[value]


def _insert_before(at: Operation, op: Operation) -> None:
    block = at.parent
    assert block is not None
    block.insert_op_before(op, at)
