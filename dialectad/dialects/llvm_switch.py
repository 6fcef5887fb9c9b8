"""`llvm.switch`, printed and parsed as upstream does.

llvm.switch %i : i32, ^other(%x : f64) [
  0: ^zero,
  7: ^seven(%x : f64)
]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntElementsAttr,
    IntegerType,
    VectorType,
    i32,
)
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    successor_def,
    traits_def,
    var_operand_def,
    var_successor_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator
from xdsl.utils.exceptions import VerifyException

Edge: TypeAlias = tuple[Block, Sequence[SSAValue]]
"""A block, and what is passed to it."""


@irdl_op_definition
class SwitchOp(IRDLOperation):
    """Branch to the block of the case that `value` equals, or to the default."""

    name = "llvm.switch"

    value = operand_def(IntegerType)
    default_operands = var_operand_def()
    case_operands = var_operand_def()
    case_values = opt_prop_def(DenseIntElementsAttr)
    case_operand_segments = prop_def(DenseArrayBase.constr(i32))
    branch_weights = opt_prop_def(DenseArrayBase.constr(i32))
    default_block = successor_def()
    case_blocks = var_successor_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(IsTerminator())

    def __init__(
        self, value: SSAValue, default: Edge, values: Sequence[int] = (), cases: Sequence[Edge] = ()
    ):
        counts = [len(operands) for _, operands in cases]
        properties: dict[str, Attribute] = {
            "case_operand_segments": DenseArrayBase.from_list(i32, counts),
        }
        if values:
            assert isinstance(value.type, IntegerType)
            of_type = VectorType(value.type, [len(values)])
            properties["case_values"] = DenseIntElementsAttr.from_list(of_type, values)
        super().__init__(
            operands=[value, default[1], [operand for _, operands in cases for operand in operands]],
            properties=properties,
            successors=[default[0], [block for block, _ in cases]],
        )

    @property
    def values(self) -> tuple[int, ...]:
        """The values of the cases."""
        return () if self.case_values is None else tuple(self.case_values.get_values())

    @property
    def cases(self) -> Iterator[Edge]:
        """Where each case goes."""
        start = 0
        counts = self.case_operand_segments.get_values()
        for block, count in zip(self.case_blocks, counts, strict=True):
            yield block, tuple(self.case_operands[start : start + int(count)])
            start += int(count)

    def verify_(self) -> None:
        if len(self.values) != len(self.case_blocks):
            raise VerifyException(f"{len(self.values)} values for {len(self.case_blocks)} cases")
        if len(set(self.values)) != len(self.values):
            raise VerifyException("two cases have the same value")
        if self.case_values is not None and self.case_values.get_element_type() != self.value.type:
            raise VerifyException(f"the values of the cases don't have type {self.value.type}")
        if sum(self.case_operand_segments.get_values()) != len(self.case_operands):
            raise VerifyException("the segments don't cover the operands of the cases")

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.value)
        printer.print_string(" : ")
        printer.print_attribute(self.value.type)
        printer.print_string(", ")
        _print_edge(printer, (self.default_block, self.default_operands))
        printer.print_string(" [")
        with printer.indented():
            for position, (value, case) in enumerate(zip(self.values, self.cases, strict=True)):
                printer.print_string(",\n" if position else "\n")
                printer.print_string(f"{value}: ")
                _print_edge(printer, case)
        printer.print_string("\n]")
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> SwitchOp:
        unresolved = parser.parse_unresolved_operand()
        parser.parse_punctuation(":")
        value = parser.resolve_operand(unresolved, parser.parse_type())
        parser.parse_punctuation(",")
        default = _parse_edge(parser)
        values: list[int] = []
        cases: list[Edge] = []
        parser.parse_punctuation("[")
        while parser.parse_optional_punctuation("]") is None:
            if values:
                parser.parse_punctuation(",")
            values.append(_signed(parser.parse_integer(), value.type))
            parser.parse_punctuation(":")
            cases.append(_parse_edge(parser))
        op = cls(value, default, values, cases)
        op.attributes |= parser.parse_optional_attr_dict()
        return op


def _signed(value: int, type_: Attribute) -> int:
    """Upstream prints a negative case as the unsigned number of the same bits."""
    assert isinstance(type_, IntegerType)
    width = type_.width.data
    return value - (1 << width) if value >= 1 << (width - 1) else value


def _print_edge(printer: Printer, edge: Edge) -> None:
    block, operands = edge
    printer.print_block_name(block)
    if operands:
        with printer.in_parens():
            printer.print_list(operands, printer.print_ssa_value)
            printer.print_string(" : ")
            printer.print_list([operand.type for operand in operands], printer.print_attribute)


def _parse_edge(parser: Parser) -> Edge:
    block = parser.parse_successor()
    if parser.parse_optional_punctuation("(") is None:
        return block, ()
    start = parser.pos
    unresolved = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
    parser.parse_punctuation(":")
    types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
    parser.parse_punctuation(")")
    return block, parser.resolve_operands(unresolved, types, start)
