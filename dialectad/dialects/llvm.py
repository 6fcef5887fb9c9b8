"""The upstream `llvm` ops that xDSL doesn't have; named, printed and parsed as upstream does.

%i = llvm.fptosi %x : f64 to i64
%i = llvm.fptoui %x : f64 to i64
%x = llvm.uitofp %i : i64 to f64
%y = llvm.freeze %x : i64
%y = llvm.mlir.poison : f64
%old = llvm.atomicrmw xchg %p, %v acq_rel : !llvm.ptr, !llvm.ptr
%q = llvm.addrspacecast %p : !llvm.ptr<1> to !llvm.ptr
"llvm.intr.memcpy"(%dst, %src, %bytes) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
"llvm.intr.memmove"(%dst, %src, %bytes) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
"llvm.intr.memset"(%dst, %byte, %bytes) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects import llvm as upstream
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, i8, i64
from xdsl.dialects.llvm import ATOMIC_ORDERING_KEYWORDS, GenericCastOp, LLVMPointerType
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from dialectad.dialects.llvm_switch import SwitchOp
from dialectad.dialects.llvm_vector import ExtractElementOp


@irdl_op_definition
class FPToSIOp(GenericCastOp):
    name = "llvm.fptosi"


@irdl_op_definition
class FPToUIOp(GenericCastOp):
    name = "llvm.fptoui"


@irdl_op_definition
class UIToFPOp(GenericCastOp):
    name = "llvm.uitofp"


@irdl_op_definition
class AddrSpaceCastOp(GenericCastOp):
    name = "llvm.addrspacecast"


@irdl_op_definition
class FreezeOp(IRDLOperation):
    """Some value where `val` is undefined or poison, and `val` where it isn't."""

    name = "llvm.freeze"
    T: ClassVar = VarConstraint("T", AnyAttr())
    val = operand_def(T)
    res = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$val attr-dict `:` type($val)"

    def __init__(self, val: SSAValue):
        super().__init__(operands=[val], result_types=[val.type])


@irdl_op_definition
class PoisonOp(IRDLOperation):
    """A value that nothing may depend on."""

    name = "llvm.mlir.poison"
    res = result_def(AnyAttr())
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($res)"

    def __init__(self, type_: Attribute):
        super().__init__(result_types=[type_])


ATOMIC_BINARY_OPS = tuple("xchg add sub _and nand _or _xor max min umax umin fadd fsub fmax fmin".split())
"""The upstream keywords, at the place of their integer value."""

ATOMIC_ORDERING_VALUES = {keyword: value for value, keyword in ATOMIC_ORDERING_KEYWORDS.items()}


@irdl_op_definition
class AtomicRMWOp(IRDLOperation):
    """Combine `val` into the memory at `ptr` atomically; the result is what was there before."""

    name = "llvm.atomicrmw"
    ptr = operand_def(LLVMPointerType)
    val = operand_def(AnyAttr())
    res = result_def(AnyAttr())
    bin_op = prop_def(IntegerAttr)
    ordering = prop_def(IntegerAttr)

    def __init__(self, bin_op: str, ptr: SSAValue, val: SSAValue, ordering: str = "acq_rel"):
        super().__init__(
            operands=[ptr, val],
            result_types=[val.type],
            properties={
                "bin_op": IntegerAttr(ATOMIC_BINARY_OPS.index(bin_op), i64),
                "ordering": IntegerAttr(ATOMIC_ORDERING_VALUES[ordering], i64),
            },
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {ATOMIC_BINARY_OPS[self.bin_op.value.data]} ")
        printer.print_ssa_value(self.ptr)
        printer.print_string(", ")
        printer.print_ssa_value(self.val)
        printer.print_string(f" {ATOMIC_ORDERING_KEYWORDS[self.ordering.value.data]}")
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.ptr.type)
        printer.print_string(", ")
        printer.print_attribute(self.val.type)

    @classmethod
    def parse(cls, parser: Parser) -> AtomicRMWOp:
        bin_op = parser.parse_identifier()
        ptr = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        val = parser.parse_unresolved_operand()
        ordering = parser.parse_identifier()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        ptr_type = parser.parse_type()
        parser.parse_punctuation(",")
        val_type = parser.parse_type()
        op = cls(
            bin_op,
            parser.resolve_operand(ptr, ptr_type),
            parser.resolve_operand(val, val_type),
            ordering,
        )
        op.attributes |= attributes
        return op


@irdl_op_definition
class MemcpyOp(IRDLOperation):
    """Copy `len` bytes between regions that are equal or don't overlap."""

    name = "llvm.intr.memcpy"
    dst = operand_def(LLVMPointerType)
    src = operand_def(LLVMPointerType)
    len = operand_def(i64)
    is_volatile = prop_def(BoolAttr, prop_name="isVolatile")

    def __init__(self, dst: SSAValue, src: SSAValue, length: SSAValue):
        properties: dict[str, Attribute] = {"isVolatile": BoolAttr.from_bool(False)}
        super().__init__(operands=[dst, src, length], properties=properties)


@irdl_op_definition
class MemmoveOp(IRDLOperation):
    """Copy `len` bytes between regions that may overlap."""

    name = "llvm.intr.memmove"
    dst = operand_def(LLVMPointerType)
    src = operand_def(LLVMPointerType)
    len = operand_def(i64)
    is_volatile = prop_def(BoolAttr, prop_name="isVolatile")

    def __init__(self, dst: SSAValue, src: SSAValue, length: SSAValue):
        properties: dict[str, Attribute] = {"isVolatile": BoolAttr.from_bool(False)}
        super().__init__(operands=[dst, src, length], properties=properties)


@irdl_op_definition
class MemsetOp(IRDLOperation):
    """Fill `len` bytes with the byte `val`."""

    name = "llvm.intr.memset"
    dst = operand_def(LLVMPointerType)
    val = operand_def(i8)
    len = operand_def(i64)
    is_volatile = prop_def(BoolAttr, prop_name="isVolatile")

    def __init__(self, dst: SSAValue, value: SSAValue, length: SSAValue):
        properties: dict[str, Attribute] = {"isVolatile": BoolAttr.from_bool(False)}
        super().__init__(operands=[dst, value, length], properties=properties)


LLVM = Dialect(
    "llvm",
    [
        *upstream.LLVM.operations,
        FPToSIOp,
        FPToUIOp,
        UIToFPOp,
        AddrSpaceCastOp,
        FreezeOp,
        PoisonOp,
        SwitchOp,
        AtomicRMWOp,
        MemcpyOp,
        MemmoveOp,
        MemsetOp,
        ExtractElementOp,
    ],
    [*upstream.LLVM.attributes],
)
