"""Types across control flow: what is yielded, branched with, called and returned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects import cf, llvm, scf
from xdsl.dialects.builtin import FunctionType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad.dialects.llvm import SwitchOp
from dialectad.verify.rule import Symbols, rule, show


def _same(what: str, got: Sequence[Attribute], expected: Sequence[Attribute]) -> Iterator[str]:
    if list(got) != list(expected):
        yield f"{what} {show(got)}, expected {show(expected)}"


def _types(values: Sequence[SSAValue]) -> list[Attribute]:
    return [value.type for value in values]


def _yields(region: Region, terminator: type[Operation], expected: Sequence[Attribute]) -> Iterator[str]:
    last = region.block.last_op
    if not isinstance(last, terminator):
        yield f"a body that ends in '{terminator.name}' expected"
    else:
        operands = last.operands[1:] if isinstance(last, scf.ConditionOp) else last.operands
        yield from _same(f"'{terminator.name}' yields", _types(operands), expected)


@rule(scf.IfOp)
def if_yields(op: scf.IfOp, _: Symbols) -> Iterator[str]:
    results = _types(op.results)
    yield from _yields(op.true_region, scf.YieldOp, results)
    if op.false_region.blocks.first is not None:
        yield from _yields(op.false_region, scf.YieldOp, results)
    elif results:
        yield "an 'else' region expected, because there are results"


@rule(scf.ForOp)
def for_yields(op: scf.ForOp, _: Symbols) -> Iterator[str]:
    carried = _types(op.iter_args)
    yield from _same("results are", _types(op.results), carried)
    yield from _yields(op.body, scf.YieldOp, carried)


@rule(scf.WhileOp)
def while_yields(op: scf.WhileOp, _: Symbols) -> Iterator[str]:
    carried, results = _types(op.arguments), _types(op.results)
    yield from _same("arguments of 'before' are", _types(op.before_region.block.args), carried)
    yield from _yields(op.before_region, scf.ConditionOp, results)
    yield from _same("arguments of 'after' are", _types(op.after_region.block.args), results)
    yield from _yields(op.after_region, scf.YieldOp, carried)


def _branch(target: Block, operands: Sequence[SSAValue]) -> Iterator[str]:
    yield from _same("branches with", _types(operands), [arg.type for arg in target.args])


@rule(cf.BranchOp, llvm.BrOp)
def br(op: cf.BranchOp | llvm.BrOp, _: Symbols) -> Iterator[str]:
    yield from _branch(op.successors[0], op.arguments)


@rule(cf.ConditionalBranchOp, llvm.CondBrOp)
def cond_br(op: cf.ConditionalBranchOp | llvm.CondBrOp, _: Symbols) -> Iterator[str]:
    yield from _branch(op.successors[0], op.then_arguments)
    yield from _branch(op.successors[1], op.else_arguments)


@rule(cf.SwitchOp)
def switch(op: cf.SwitchOp, _: Symbols) -> Iterator[str]:
    yield from _branch(op.default_block, op.default_operands)
    start = 0
    for block, count in zip(op.case_blocks, op.case_operand_segments.get_values(), strict=True):
        yield from _branch(block, op.case_operands[start : start + count])
        start += count


@rule(SwitchOp)
def llvm_switch(op: SwitchOp, _: Symbols) -> Iterator[str]:
    yield from _branch(op.default_block, op.default_operands)
    for block, operands in op.cases:
        yield from _branch(block, operands)


@rule(llvm.CallOp)
def llvm_call(op: llvm.CallOp, symbols: Symbols) -> Iterator[str]:
    if op.callee is None:
        return
    name = op.callee.root_reference.data
    callee = symbols.get(name)
    if not isinstance(callee, llvm.FuncOp):
        yield f"there is no llvm.func @{name}"
        return
    type_ = callee.function_type
    if not type_.is_variadic:
        yield from _same(f"calls @{name} with", _types(op.args), list(type_.inputs))
    yield from _same(f"results of @{name} are", _types(op.results), _outputs(type_))


@rule(llvm.ReturnOp)
def llvm_return(op: llvm.ReturnOp, _: Symbols) -> Iterator[str]:
    function = op.parent_op()
    if isinstance(function, llvm.FuncOp):
        yield from _same("returns", _types(op.operands), _outputs(function.function_type))


def _outputs(type_: llvm.LLVMFunctionType | FunctionType) -> list[Attribute]:
    if isinstance(type_, FunctionType):
        return list(type_.outputs)
    return [] if isinstance(type_.output, llvm.LLVMVoidType) else [type_.output]
