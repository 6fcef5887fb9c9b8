"""Types of LLVM IR.

    double -> f64        [2 x i1] -> !llvm.array<2 x i1>
    <4 x float> -> vector<4xf32>        %pair -> !llvm.struct<(f64, i32)>

A named struct becomes a literal one: with opaque pointers no type contains itself. There is no packed struct
in the dialect, so one is taken only where packing makes no difference.
"""

from __future__ import annotations

from functools import cache

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntAttr,
    IntegerType,
    VectorType,
)
from xdsl.ir import Attribute

from dialectad.lift.llvm_reader.lexer import Tokens, symbol_name

VOID = llvm.LLVMVoidType()
POINTER = llvm.LLVMPointerType()

_SIMPLE: dict[str, Attribute] = {
    "double": Float64Type(),
    "float": Float32Type(),
    "half": Float16Type(),
    "bfloat": BFloat16Type(),
    "ptr": POINTER,
    "void": VOID,
}
_UNSUPPORTED = frozenset("x86_fp80 fp128 ppc_fp128 x86_amx label metadata token target opaque".split())


@cache
def integer(width: int) -> IntegerType:
    """`iN`."""
    return IntegerType(width)


class Types:
    """Reads types; knows the structs that the module names."""

    def __init__(self, tokens: Tokens):
        self.tokens = tokens
        self.named: dict[str, Attribute | int] = {}
        """Name -> the struct, or the token where its definition starts until it is first used."""

    def type(self) -> Attribute:
        """Take a type, a function type included."""
        found = self.first_class()
        while self.tokens.next == "(":
            found = self._function(found)
        return found

    def first_class(self) -> Attribute:
        """Take a type that isn't a function's: in a call it may stand before `(`."""
        tokens = self.tokens
        token = tokens.take()
        if (found := _SIMPLE.get(token)) is not None:
            if token == "ptr" and tokens.next == "addrspace":
                return self._pointer()
            return found
        if token[:1] == "i" and token[1:].isdigit():
            return integer(int(token[1:]))
        match token[:1]:
            case "[":
                return self._array()
            case "{":
                return llvm.LLVMStructType.from_type_list(tokens.listed(self.type, "}"))
            case "<":
                return self._packed() if tokens.accept("{") else self._vector()
            case "%":
                return self._named(symbol_name(token))
        tokens.at -= 1
        if token in _UNSUPPORTED:
            tokens.fail(f"type `{token}` is not supported")
        tokens.unexpected("a type")

    def _pointer(self) -> llvm.LLVMPointerType:
        space = self.address_space()
        return llvm.LLVMPointerType(IntAttr(space)) if space else POINTER

    def address_space(self) -> int:
        """Take `addrspace(N)`, if it is there."""
        if not self.tokens.accept("addrspace"):
            return 0
        self.tokens.expect("(")
        space = self.tokens.integer()
        self.tokens.expect(")")
        return space

    def _array(self) -> Attribute:
        size = self._count()
        element = self.type()
        self.tokens.expect("]")
        return llvm.LLVMArrayType(size, element)

    def _vector(self) -> Attribute:
        if self.tokens.next == "vscale":
            self.tokens.fail("vectors of scalable length are not supported")
        size = self._count()
        element = self.type()
        self.tokens.expect(">")
        return VectorType(element, [size])

    def _count(self) -> int:
        size = self.tokens.integer()
        self.tokens.expect("x")
        return size

    def _packed(self) -> Attribute:
        start = self.tokens.at - 2
        struct = llvm.LLVMStructType.from_type_list(self.tokens.listed(self.type, "}"))
        self.tokens.expect(">")
        if _has_padding(struct):
            self.tokens.fail("a packed struct whose members aren't aligned is not supported", start)
        return struct

    def _named(self, name: str) -> Attribute:
        match found := self.named.get(name):
            case None:
                self.tokens.fail(f"there is no type %{name}", self.tokens.at - 1)
            case int():
                back, self.tokens.at = self.tokens.at, found
                struct = self.named[name] = self.type()
                self.tokens.at = back
                return struct
            case _:
                return found

    def _function(self, result: Attribute) -> llvm.LLVMFunctionType:
        tokens = self.tokens
        tokens.expect("(")
        inputs: list[Attribute] = []
        if tokens.accept(")"):
            return llvm.LLVMFunctionType(inputs, result)
        while not tokens.accept("..."):
            inputs.append(self.type())
            if tokens.accept(")"):
                return llvm.LLVMFunctionType(inputs, result)
            tokens.expect(",")
        tokens.expect(")")
        return llvm.LLVMFunctionType(inputs, result, is_variadic=True)


def layout(t: Attribute) -> tuple[int, int]:
    """Size and alignment in bytes, on a 64-bit machine that aligns every scalar to its size."""
    match t:
        case IntegerType():
            bytes_ = max(1, 1 << (-(-t.width.data // 8) - 1).bit_length())
            return bytes_, min(bytes_, 16)
        case Float64Type() | llvm.LLVMPointerType():
            return 8, 8
        case Float32Type():
            return 4, 4
        case Float16Type() | BFloat16Type():
            return 2, 2
        case llvm.LLVMArrayType():
            size, align = layout(t.type)
            return size * t.size.data, align
        case VectorType():
            size = layout(t.element_type)[0] * t.get_shape()[0]
            size = 1 << (size - 1).bit_length()
            return size, size
        case llvm.LLVMStructType():
            end, align = 0, 1
            for member in t.types:
                size, member_align = layout(member)
                end = -(-end // member_align) * member_align + size
                align = max(align, member_align)
            return -(-end // align) * align, align
        case _:
            raise ValueError(f"{t} has no size")


def _has_padding(struct: llvm.LLVMStructType) -> bool:
    return sum(layout(member)[0] for member in struct.types) != layout(struct)[0]
