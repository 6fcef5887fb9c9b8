"""Upstream `arith` where xDSL falls short of it: `remf`; comparisons, `select` and casts on tensors.

xDSL types the result of `cmpi` and `cmpf` and the condition of `select` as `i1` whatever the operands are,
and casts from and to integers take scalars only. Upstream they have the operands' shape.
`_lift_to_tensors` mends the classes in place, so that code which dispatches on them needs to know no others:

    %m = arith.cmpf olt, %a, %b : tensor<4xf64>                                    // tensor<4xi1>
    %r = arith.select %m, %a, %b : tensor<4xi1>, tensor<4xf64>
"""

from __future__ import annotations

from typing import Any

from xdsl.dialects import arith as upstream
from xdsl.dialects.builtin import IntegerType, TensorType, container_of, i1
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import AttrConstraint, IRDLOperation, RangeOf, irdl_op_definition, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure


@irdl_op_definition
class RemfOp(upstream.FloatingPointLikeBinaryOperation):
    """The remainder of a division that truncates; it has the sign of the dividend."""

    name = "arith.remf"

    traits = traits_def(Pure())


_ONE_TRUTH = RangeOf(upstream.boolLike).of_length(1)


def _truth_type(type_: Attribute) -> Attribute:
    """`i1` in the shape of `type_`."""
    return TensorType(i1, type_.get_shape()) if isinstance(type_, TensorType) else i1


def _lift_comparison(op_class: type[upstream.CmpiOp] | type[upstream.CmpfOp]) -> None:
    original = op_class.__init__

    def __init__(self: Any, operand1: Any, operand2: Any, *args: Any, **kwargs: Any) -> None:
        original(self, operand1, operand2, *args, **kwargs)
        type_ = SSAValue.get(operand1).type
        if isinstance(type_, TensorType):
            self.results[0]._type = _truth_type(type_)

    op_class.__init__ = __init__
    (result,) = (definition for _, definition in op_class.get_irdl_definition().results)
    object.__setattr__(result, "constr", _ONE_TRUTH)


def _lift_cast(op_class: type[IRDLOperation], source: AttrConstraint, target: AttrConstraint) -> None:
    definition = op_class.get_irdl_definition()
    for (_, value), kind in ((definition.operands[0], source), (definition.results[0], target)):
        object.__setattr__(value, "constr", RangeOf(kind).of_length(1))
    # The checks of the widths, which take scalars for granted, are in `dialectad.verify`.
    op_class.verify_ = lambda self: definition.verify(self)


def _print_select(self: upstream.SelectOp, printer: Printer) -> None:
    printer.print_string(" ")
    printer.print_list(self.operands, printer.print_operand)
    printer.print_op_attributes(self.attributes)
    printer.print_string(" : ")
    if self.cond.type != i1:
        printer.print_attribute(self.cond.type)
        printer.print_string(", ")
    printer.print_attribute(self.result.type)


def _parse_select(cls: type[upstream.SelectOp], parser: Parser) -> upstream.SelectOp:
    operands = [parser.parse_unresolved_operand()]
    for _ in range(2):
        parser.parse_punctuation(",")
        operands.append(parser.parse_unresolved_operand())
    attributes = parser.parse_optional_attr_dict()
    parser.parse_punctuation(":")
    cond_type: Attribute = i1
    type_ = parser.parse_type()
    if parser.parse_optional_punctuation(","):
        cond_type, type_ = type_, parser.parse_type()
    op = cls(
        parser.resolve_operand(operands[0], cond_type),
        parser.resolve_operand(operands[1], type_),
        parser.resolve_operand(operands[2], type_),
    )
    op.attributes.update(attributes)
    return op


def _lift_to_tensors() -> None:
    _lift_comparison(upstream.CmpiOp)
    _lift_comparison(upstream.CmpfOp)
    integers, floats = container_of(IntegerType), upstream.floatingPointLike
    for to_float in (upstream.SIToFPOp, upstream.UIToFPOp):
        _lift_cast(to_float, integers, floats)
    for to_integer in (upstream.FPToSIOp, upstream.FPToUIOp):
        _lift_cast(to_integer, floats, integers)
    for resize in (upstream.ExtSIOp, upstream.ExtUIOp, upstream.TruncIOp):
        _lift_cast(resize, integers, integers)
    operands = dict(upstream.SelectOp.get_irdl_definition().operands)
    object.__setattr__(operands["cond"], "constr", _ONE_TRUTH)
    upstream.SelectOp.print = _print_select
    upstream.SelectOp.parse = classmethod(_parse_select)  # pyright: ignore[reportAttributeAccessIssue]


_lift_to_tensors()

Arith = Dialect("arith", [*upstream.Arith.operations, RemfOp], [*upstream.Arith.attributes])
