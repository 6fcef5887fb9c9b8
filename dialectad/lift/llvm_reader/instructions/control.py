"""Terminators: taken first, built when all blocks have their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, i1
from xdsl.ir import Block, Operation, SSAValue

from dialectad.dialects.llvm import SwitchOp
from dialectad.lift.llvm_reader.edges import Terminator
from dialectad.lift.llvm_reader.lexer import symbol_name
from dialectad.lift.llvm_reader.types import VOID
from dialectad.lower.llvm.function import counts

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function


def _target(f: Function) -> str:
    """Take `label %block`."""
    f.tokens.expect("label")
    token = f.tokens.take()
    if token[:1] != "%":
        f.tokens.at -= 1
        f.tokens.unexpected("a block")
    return symbol_name(token)


def _br(f: Function, block: Block, label: str, at: int) -> Terminator:
    if f.tokens.next == "label":
        return Terminator(block, label, "br", (), [_target(f)], at)
    f.tokens.expect("i1")
    condition = f.operand(i1)
    f.tokens.expect(",")
    first = _target(f)
    f.tokens.expect(",")
    return Terminator(block, label, "cond_br", [condition], [first, _target(f)], at)


def _switch(f: Function, block: Block, label: str, at: int) -> Terminator:
    tokens = f.tokens
    t = f.types.type()
    value = f.operand(t)
    tokens.expect(",")
    targets = [_target(f)]
    cases: list[int] = []
    tokens.expect("[")
    while not tokens.accept("]"):
        case = f.constants.constant(f.types.type())
        if not isinstance(case, IntegerAttr):
            tokens.fail("a case of a switch is an integer", tokens.at - 1)
        cases.append(case.value.data)
        tokens.expect(",")
        targets.append(_target(f))
    return Terminator(block, label, "switch", [value], targets, at, cases)


def _ret(f: Function, block: Block, label: str, at: int) -> Terminator:
    t = f.types.type()
    return Terminator(block, label, "return", [] if t is VOID else [f.operand(t)], (), at)


def _unreachable(f: Function, block: Block, label: str, at: int) -> Terminator:
    return Terminator(block, label, "unreachable", (), (), at)


TERMINATORS: dict[str, Callable[[Function, Block, str, int], Terminator]] = {
    "br": _br,
    "switch": _switch,
    "ret": _ret,
    "unreachable": _unreachable,
}

Edge: TypeAlias = tuple[Block, Sequence[SSAValue]]


def _build_br(_: Terminator, edges: Sequence[Edge]) -> Operation:
    block, operands = edges[0]
    return llvm.BrOp.create(operands=operands, successors=[block])


def _build_cond_br(end: Terminator, edges: Sequence[Edge]) -> Operation:
    (then, then_operands), (otherwise, otherwise_operands) = edges
    return llvm.CondBrOp.create(
        operands=[*end.operands, *then_operands, *otherwise_operands],
        successors=[then, otherwise],
        properties={"operandSegmentSizes": counts(1, len(then_operands), len(otherwise_operands))},
    )


def _build_switch(end: Terminator, edges: Sequence[Edge]) -> Operation:
    op = SwitchOp(end.operands[0], edges[0], end.cases, edges[1:])
    if end.attached is not None and (weights := end.attached.attributes.pop("branch_weights", None)):
        op.properties["branch_weights"] = weights
    return op


BUILDERS: dict[str, Callable[[Terminator, Sequence[Edge]], Operation]] = {
    "br": _build_br,
    "cond_br": _build_cond_br,
    "switch": _build_switch,
    "return": lambda end, _: llvm.ReturnOp.create(operands=end.operands),
    "unreachable": lambda _, __: llvm.UnreachableOp.create(),
}
