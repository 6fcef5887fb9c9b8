"""The extents of what calls and requests give, which are known before: memory for it is the caller's.

%y = func.call @f(%x)    ~>    %e = tensor.empty(%n) : tensor<?xf64>    // %n as @f computes it of %x
                               %y = func.call @f(%x)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import AnyFloat, ModuleOp, SymbolRefAttr, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import ad
from dialectad.dialects.extents import dynamic_dims
from dialectad.rewrite.outside_extents import OutsideExtents
from dialectad.walk import walk

_CALLS = (func.CallOp, ad.VJPOp, ad.JVPOp, ad.AugmentedOp)

Likes = dict[SSAValue, SSAValue]
"""Per result of unknown extents: an empty tensor of the same shape."""


def state_extents(module: ModuleOp) -> Likes:
    """Insert empty tensors before calls and requests whose functions compute their results' extents."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    likes: Likes = {}
    for function in _callees_first(functions):
        for op in list(walk(function)):
            if isinstance(op, _CALLS) and (callee := functions.get(callee_of(op))) is not None:
                _state(op, callee, likes)
    return likes


def callee_of(op: Operation) -> str:
    return cast(SymbolRefAttr, op.properties["callee"]).root_reference.data


def _callees_first(functions: Mapping[str, func.FuncOp]) -> list[func.FuncOp]:
    """Each function after those that it calls, where there is no cycle."""
    found: dict[str, None] = {}
    entered: set[str] = set()
    pending = [(name, False) for name in functions]
    while pending:
        name, is_complete = pending.pop()
        if is_complete:
            found[name] = None
        elif name not in entered and name in functions:
            entered.add(name)
            calls = [callee_of(op) for op in walk(functions[name]) if isinstance(op, _CALLS)]
            pending += [(name, True), *((callee, False) for callee in calls)]
    return [functions[name] for name in found]


def _state(op: Operation, callee: func.FuncOp, likes: Likes) -> None:
    if callee.is_declaration or not any(map(dynamic_dims, op.results)):
        return
    known: dict[SSAValue, SSAValue] = dict(zip(callee.body.block.args, op.operands, strict=False))
    outside = OutsideExtents(known, lambda made: _insert(op, made), likes=likes)
    for result, value in _primals(op, callee):
        found = [outside.find((value, dim)) for dim in dynamic_dims(value)]
        sizes = [outside.index(n) for n in found if n is not None]
        if found and len(sizes) == len(found):
            likes[result] = _insert(op, tensor.EmptyOp(sizes, cast(TensorType[Any], result.type))).results[0]


def _primals(op: Operation, callee: func.FuncOp) -> Iterable[tuple[SSAValue, SSAValue]]:
    """The results that are of the type of one of the callee's, and that."""
    end = callee.body.block.last_op
    assert end is not None
    given = list(end.operands)
    if isinstance(op, ad.JVPOp):
        given += [value for value in given if isinstance(_element_type(value.type), AnyFloat)]
    return zip(op.results, given, strict=False)


def _element_type(type_: Attribute) -> Attribute:
    return type_.element_type if isinstance(type_, TensorType) else type_


def _insert(op: Operation, made: Operation) -> Operation:
    block = op.parent
    assert block is not None
    made.location = op.location
    block.insert_op_before(made, op)
    return made
