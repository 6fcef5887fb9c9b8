"""`cf` and `func` to `llvm`: a function gives a status, 0 when all went well."""

from __future__ import annotations

from typing import Any

from xdsl.dialects import cf, func, llvm
from xdsl.dialects.builtin import i1, i8
from xdsl.ir import Operation, SSAValue

from dialectad import locations
from dialectad.dialects.call_rule import RULE, CallRule
from dialectad.errors import CompileError
from dialectad.lower.llvm.function import PASS_NAME, FunctionLowering, Handler, scalar_type

_OUTS = "dialectad.outs"


def flattened(f: FunctionLowering, values: Any) -> list[SSAValue]:
    """What values are passed as across a branch or a call."""
    return [flat for value in values for flat in f.flatten(value)]


def _br(f: FunctionLowering, op: cf.BranchOp) -> None:
    f.branch(f.blocks[op.successor], flattened(f, op.arguments), op.attributes)


def _cond_br(f: FunctionLowering, op: cf.ConditionalBranchOp) -> None:
    f.conditional(
        f.get(op.cond),
        f.blocks[op.then_block],
        flattened(f, op.then_arguments),
        f.blocks[op.else_block],
        flattened(f, op.else_arguments),
    )


def _assert(f: FunctionLowering, op: cf.AssertOp) -> None:
    if f.known.get(op.arg):
        return
    f.assert_that(f.get(op.arg), op.msg.data, op)


def _return(f: FunctionLowering, op: func.ReturnOp) -> None:
    if op.arguments:
        raise CompileError(
            "on the loop rung a function gives its results through arguments",
            locations.of(op),
            hint="run bufferize first",
            pass_name=PASS_NAME,
        )
    f.return_status(f.int_constant(0))


def _call(f: FunctionLowering, op: func.CallOp) -> None:
    """A library function is called as it is; one of ours gives a status, passed on when it isn't 0."""
    name = op.callee.string_value()
    name = f.module.other_names.get(name, name)
    callee = f.module.defined.get(name)
    args = flattened(f, op.arguments)
    if callee is None:
        raise CompileError(f"call of @{name}, which isn't there", locations.of(op), pass_name=PASS_NAME)
    if name in f.module.library:
        results = op.results
        if len(results) > 1:
            raise CompileError(
                f"external @{name} gives several results", locations.of(op), pass_name=PASS_NAME
            )
        value = f.raw_call(name, args, scalar_type(results[0].type) if results else None)
        if value is not None:
            f.set(results[0], value)
        return
    if (rule := CallRule.of(op)) is not None:  # for whoever differentiates this function
        callee.attributes[RULE] = rule.with_types(op.operand_types).attribute()
        callee.attributes[_OUTS] = op.attributes[_OUTS]
        f.call_with_status(name, as_bytes(f, args))
        return
    f.call_ours(name, as_bytes(f, args))


def as_bytes(f: FunctionLowering, args: list[SSAValue]) -> list[SSAValue]:
    """A bool argument of a function of ours is a byte."""
    return [
        f.emit(llvm.ZExtOp.create(operands=[arg], result_types=[i8])) if arg.type == i1 else arg
        for arg in args
    ]


HANDLERS: dict[type[Operation], Handler] = {
    cf.BranchOp: _br,
    cf.ConditionalBranchOp: _cond_br,
    cf.AssertOp: _assert,
    func.ReturnOp: _return,
    func.CallOp: _call,
}
