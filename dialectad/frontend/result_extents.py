"""The extents of results that are known only at run time: by a function that is called first.

    func.func @f(%x: tensor<8xf64>, %n: i64) -> tensor<?xf64> { ... %y : tensor<?xf64>, of extent %k ... }
~>
    func.func @f_extents(%x: tensor<8xf64>, %n: i64) -> index { ... %k ... }

It is what `f` computes to know them, usually some arithmetic on extents. The caller then provides the memory.
What calls Python must not run twice, so nothing that extents depend on may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from xdsl.dialects import arith, cf, func, tensor
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from dialectad import locations
from dialectad.dialects.ad import REQUESTS, CacheOp
from dialectad.dialects.host import HostCallOp
from dialectad.errors import CompileError
from dialectad.rewrite.effects import SCALAR
from dialectad.walk import walk


def function_of_extents(
    function: func.FuncOp, extents: Sequence[SSAValue], symbol: Callable[[str], str]
) -> func.FuncOp:
    """A function of the same parameters, not yet in the module, that gives values of the body."""
    mapped: dict[SSAValue, SSAValue] = {}
    made = function.clone(mapped)
    made.properties["sym_name"] = type(function.sym_name)(symbol(f"{function.sym_name.data}_extents"))
    made.properties.pop("arg_attrs", None)
    results = [mapped[value] for value in extents]
    end = made.body.block.last_op
    assert end is not None
    end.operands = results
    made.function_type = FunctionType.from_lists(
        [a.type for a in made.body.block.args], [v.type for v in results]
    )
    needed = _slice([end])
    if not all(map(_is_arithmetic, needed)):  # it reads elements: what guards that is needed too
        needed = _slice([end, *(op for op in made.body.block.ops if _may_fail(op))])
        _check_effects(function, needed)
    for op in reversed(list(made.body.block.ops)):
        if op not in needed:
            op.detach()
            op.erase()
    return made


def _slice(roots: Iterable[Operation]) -> set[Operation]:
    """The ops of the outermost block that these need."""
    roots = list(roots)
    block = roots[0].parent
    needed: set[Operation] = set()
    while roots:
        op = roots.pop()
        while op.parent is not block:
            above = op.parent_op()
            assert above is not None
            op = above
        if op in needed:
            continue
        needed.add(op)
        for inner in walk(op):
            roots += [o.owner for o in inner.operands if isinstance(o.owner, Operation)]
        if isinstance(op, CacheOp):
            roots += [use.operation for use in op.result.uses]
    return needed


def _check_effects(function: func.FuncOp, needed: Iterable[Operation]) -> None:
    """Refuse that calls of Python decide the extents, or are made where these are computed."""
    module = function.parent_op()
    assert isinstance(module, ModuleOp)
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    seen: set[str] = set()
    pending = list(needed)
    while pending:
        for op in walk(pending.pop()):
            if isinstance(op, HostCallOp) and op.raises is None:
                raise CompileError(
                    "a call of Python, or da.print, where the shape of a result is computed",
                    locations.of(op),
                    hint="return an array of fixed size, and the number of elements that count",
                    pass_name="trace",
                )
            if (
                isinstance(op, (func.CallOp, *REQUESTS))
                and (name := op.callee.root_reference.data) not in seen
            ):
                seen.add(name)
                pending.append(functions[name])


def _is_arithmetic(op: Operation) -> bool:
    match op:
        case tensor.DimOp():
            return isinstance(op.source, BlockArgument)
        case arith.ConstantOp() | func.ReturnOp():
            return True
        case _:
            return type(op) in SCALAR


def _may_fail(op: Operation) -> bool:
    return any(
        isinstance(inner, cf.AssertOp) or (isinstance(inner, HostCallOp) and inner.raises is not None)
        for inner in walk(op)
    )
