"""Casts, comparisons, constants: shapes and widths."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from xdsl.dialects import arith, llvm
from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, IntegerType, i1
from xdsl.dialects.llvm import GenericCastOp
from xdsl.ir import Operation, TypedAttribute

from dialectad.verify.rule import Symbols, element_of, rule, shape_of


@rule(
    arith.ExtFOp,
    arith.TruncFOp,
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.FPToSIOp,
    arith.FPToUIOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
    arith.TruncIOp,
    arith.IndexCastOp,
    arith.BitcastOp,
)
def cast_keeps_shape(op: Operation, _: Symbols) -> Iterator[str]:
    source, target = op.operands[0].type, op.results[0].type
    if shape_of(source) != shape_of(target):
        yield f"a cast from {source} to {target} changes the shape"


def _width(op: Operation, of_result: bool) -> int | None:
    element = element_of((op.results if of_result else op.operands)[0].type)
    if isinstance(element, AnyFloat):
        return element.bitwidth
    return element.width.data if isinstance(element, IntegerType) else None


@rule(arith.ExtFOp, arith.ExtSIOp, arith.ExtUIOp, llvm.FPExtOp, llvm.SExtOp, llvm.ZExtOp)
def extension_widens(op: Operation, _: Symbols) -> Iterator[str]:
    source, target = _width(op, False), _width(op, True)
    if source is None or target is None or source >= target:
        yield f"a type wider than {op.operands[0].type} expected, got {op.results[0].type}"


@rule(arith.TruncFOp, arith.TruncIOp, llvm.FPTruncOp, llvm.TruncOp)
def truncation_narrows(op: Operation, _: Symbols) -> Iterator[str]:
    source, target = _width(op, False), _width(op, True)
    if source is None or target is None or source <= target:
        yield f"a type narrower than {op.operands[0].type} expected, got {op.results[0].type}"


@rule(llvm.SIToFPOp)
def llvm_int_to_float(op: GenericCastOp, _: Symbols) -> Iterator[str]:
    source, target = element_of(op.arg.type), element_of(op.result.type)
    if not isinstance(source, IntegerType) or not isinstance(target, AnyFloat):
        yield f"can't cast {op.arg.type} to {op.result.type}"


@rule(arith.CmpiOp, arith.CmpfOp)
def comparison_shape(op: arith.CmpiOp | arith.CmpfOp, _: Symbols) -> Iterator[str]:
    if op.lhs.type != op.rhs.type:
        yield f"compares {op.lhs.type} with {op.rhs.type}"
    if shape_of(op.result.type) != shape_of(op.lhs.type) or element_of(op.result.type) != i1:
        yield f"the result of comparing {op.lhs.type} can't be {op.result.type}"


@rule(arith.SelectOp)
def select_condition(op: arith.SelectOp, _: Symbols) -> Iterator[str]:
    condition = op.cond.type
    if element_of(condition) != i1 or shape_of(condition) not in (None, shape_of(op.result.type)):
        yield f"a condition of type i1 in the shape of {op.result.type} expected, got {condition}"


@rule(arith.ConstantOp)
def constant_type(op: arith.ConstantOp, _: Symbols) -> Iterator[str]:
    value = op.value
    if isinstance(value, TypedAttribute) and value.get_type() != op.result.type:
        yield f"a constant of type {value.get_type()} can't give {op.result.type}"
    elif isinstance(value, DenseIntOrFPElementsAttr):
        expected = prod(shape_of(op.result.type) or ())
        if len(value) not in (1, expected):
            yield f"{expected} elements expected, got {len(value)}"
