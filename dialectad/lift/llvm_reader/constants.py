"""Constants of LLVM IR, which stand where they are used, as ops.

    fadd double %x, 1.0e+00                  %c = llvm.mlir.constant(1.0 : f64), at the head of the function
    store ptr @g, ptr %p                     %g = llvm.mlir.addressof @g
    getelementptr (i8, ptr @g, i64 8)        %a = llvm.getelementptr %g[8]
    <2 x double> <double 1.0, double 2.0>    llvm.mlir.constant(dense<[1.0, 2.0]> : vector<2xf64>)
    { i32, ptr } { i32 1, ptr null }         llvm.mlir.undef, and a llvm.insertvalue for each member

A lane that is undef or poison becomes 0 in a list of constants: any value will do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    BFloat16Type,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    VectorType,
    i8,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects.llvm import PoisonOp
from dialectad.lift.llvm_reader.lexer import Tokens, symbol_name, unescape
from dialectad.lift.llvm_reader.types import POINTER, Types
from dialectad.lower.llvm.function import integer_attr

_FLOATS = (Float64Type, Float32Type, Float16Type, BFloat16Type)

ZERO, UNDEF, POISON = "zeroinitializer", "undef", "poison"

Constant: TypeAlias = "IntegerAttr | FloatAttr | bytes | str | SSAValue | list[Constant]"
"""A scalar, a string, one of `ZERO`, `UNDEF` and `POISON`, what an expression gives, or members."""

_REFUSED = {
    "blockaddress": "the address of a block",
    "dso_local_equivalent": "`dso_local_equivalent`",
    "no_cfi": "`no_cfi`",
    "ptrauth": "a signed pointer",
    "none": "a token",
}

Emit: TypeAlias = Callable[[Operation], None]


class Constants:
    """Reads constants; `emit` takes the ops that give them, each after those that it uses."""

    def __init__(self, tokens: Tokens, types: Types, emit: Emit):
        self.tokens = tokens
        self.types = types
        self.emit = emit
        self._values: dict[tuple[Attribute, str], SSAValue] = {}
        self.expressions: dict[str, Callable[[], SSAValue]] = {}
        """Opcode of a constant expression -> takes what follows and emits it."""

    def value(self, t: Attribute) -> SSAValue:
        """Take a constant of type `t`, as a value."""
        start = self.tokens.at
        key = (t, self.tokens.list[start])
        if (found := self._values.get(key)) is not None:
            self.tokens.at += 1
            return found
        found = self.materialize(self.constant(t), t)
        if self.tokens.at == start + 1:  # the one token says all
            self._values[key] = found
        return found

    def number(self, number: int, t: IntegerType) -> SSAValue:
        """An integer that the text leaves unsaid."""
        key = (t, str(number))
        if (found := self._values.get(key)) is None:
            found = self._values[key] = self._constant_op(integer_attr(number, t), t)
        return found

    def constant(self, t: Attribute) -> Constant:
        """Take a constant of type `t`."""
        tokens = self.tokens
        token = tokens.take()
        kind = type(t)
        if kind is IntegerType and (number := _integer(token)) is not None:
            return integer_attr(number, t)  # pyright: ignore[reportArgumentType]
        if kind in _FLOATS and (real := _float(token, t)) is not None:
            return FloatAttr(real, t)  # pyright: ignore
        match token:
            case "zeroinitializer" | "null":
                return ZERO
            case "undef" | "poison":
                return token
            case "splat":
                return self._splat(t)
            case "[" | "{":
                return self._members(t, "]" if token == "[" else "}")
            case "<":
                if tokens.accept("{"):
                    members = self._members(t, "}")
                    tokens.expect(">")
                    return members
                return self._members(t, ">")
        if token[:1] == "@":
            return self._emit(_address(symbol_name(token), t))
        if token[:2] == 'c"':
            return unescape(token)
        if (expression := self.expressions.get(token)) is not None:
            return expression()
        tokens.at -= 1
        if (what := _REFUSED.get(token)) is not None:
            tokens.fail(f"{what} as a constant is not supported")
        tokens.unexpected(f"a constant of type {t}")

    def _emit(self, op: Operation) -> SSAValue:
        self.emit(op)
        return op.results[0]

    def _splat(self, t: Attribute) -> Constant:
        tokens = self.tokens
        tokens.expect("(")
        element = self.constant(self.types.type())
        tokens.expect(")")
        if not isinstance(t, VectorType):
            tokens.fail(f"a splat of type {t}")
        return [element] * t.get_shape()[0]

    def _members(self, t: Attribute, close: str) -> list[Constant]:
        start = self.tokens.at
        members = self.tokens.listed(lambda: self.constant(self.types.type()), close)
        if len(members) != len(member_types(t)):
            self.tokens.fail(f"{len(members)} members given for {t}", start)
        return members

    # Values

    def materialize(self, constant: Constant, t: Attribute) -> SSAValue:
        """A constant as a value."""
        match constant:
            case SSAValue():
                return constant
            case IntegerAttr() | FloatAttr():
                return self._constant_op(constant, t)
            case "zeroinitializer" | "undef" | "poison":
                return self._nothing(constant, t)
        if (dense := attribute(constant, t)) is not None:
            if isinstance(dense, StringAttr):
                dense = _bytes(constant)
            return self._constant_op(dense, t)
        assert isinstance(constant, list)
        whole = self._emit(llvm.UndefOp(t))
        for position, (member, type_) in enumerate(zip(constant, member_types(t), strict=True)):
            part = self.materialize(member, type_)
            if isinstance(t, VectorType):
                index = self._constant_op(integer_attr(position, i64), i64)
                whole = self._emit(llvm.InsertElementOp(whole, part, index))
            else:
                at = DenseArrayBase.from_list(i64, [position])
                whole = self._emit(llvm.InsertValueOp(at, whole, part))
        return whole

    def _constant_op(self, value: Attribute, t: Attribute) -> SSAValue:
        return self._emit(llvm.ConstantOp.create(result_types=[t], properties={"value": value}))

    def _nothing(self, constant: str, t: Attribute) -> SSAValue:
        if constant == UNDEF:
            return self._emit(llvm.UndefOp(t))
        if constant == POISON:
            return self._emit(PoisonOp(t))
        match t:
            case IntegerType():
                return self._constant_op(integer_attr(0, t), t)
            case VectorType() if (dense := attribute(ZERO, t)) is not None:
                return self._constant_op(dense, t)
            case _ if isinstance(t, _FLOATS):
                return self._constant_op(FloatAttr(0.0, t), t)  # pyright: ignore[reportArgumentType]
            case _:
                return self._emit(llvm.ZeroOp.create(result_types=[t]))


def member_types(t: Attribute) -> Sequence[Attribute]:
    """The types of the members of an aggregate or of the lanes of a vector."""
    match t:
        case llvm.LLVMStructType():
            return t.types.data
        case llvm.LLVMArrayType():
            return [t.type] * t.size.data
        case VectorType():
            return [t.element_type] * t.get_shape()[0]
        case _:
            return ()


def attribute(constant: Constant, t: Attribute) -> Attribute | None:
    """A constant as an attribute: a number, a string, or a dense list of numbers; None if it is neither."""
    if isinstance(constant, IntegerAttr | FloatAttr):
        return constant
    if isinstance(constant, bytes):
        if max(constant, default=0) < 128:
            return StringAttr(constant.decode("ascii"))
        return _bytes(constant)
    extents: list[int] = []
    element = t
    while isinstance(element, llvm.LLVMArrayType | VectorType):
        extents.append(
            element.size.data if isinstance(element, llvm.LLVMArrayType) else element.get_shape()[0]
        )
        element = element.type if isinstance(element, llvm.LLVMArrayType) else element.element_type
    if not extents or not isinstance(element, (IntegerType, *_FLOATS)) or 0 in extents:
        return None
    shape = VectorType(element, extents) if isinstance(t, VectorType) else TensorType(element, extents)
    if constant == ZERO:
        return DenseIntOrFPElementsAttr.from_list(shape, [0])  # pyright: ignore
    numbers: list[int | float] = []
    if not isinstance(constant, list) or not _numbers(constant, numbers, t):
        return None
    return DenseIntOrFPElementsAttr.from_list(shape, numbers)  # pyright: ignore


def _bytes(constant: Constant) -> Attribute:
    assert isinstance(constant, bytes)
    signed = [b - 256 if b > 127 else b for b in constant]
    return DenseIntOrFPElementsAttr.from_list(TensorType(i8, [len(constant)]), signed)


def _numbers(constant: Constant, into: list[int | float], t: Attribute) -> bool:
    """Add the numbers of a nested list; False if there is anything else."""
    match constant:
        case IntegerAttr() | FloatAttr():
            into.append(constant.value.data)
        case bytes():
            into.extend(b - 256 if b > 127 else b for b in constant)
        case list():
            return all(_numbers(c, into, m) for c, m in zip(constant, member_types(t), strict=True))
        case str():
            into.extend([0] * _count(t))
        case _:
            return False
    return True


def _count(t: Attribute) -> int:
    """How many numbers there are in nested arrays and vectors."""
    members = member_types(t)
    return len(members) * _count(members[0]) if members else 1


def _address(name: str, t: Attribute) -> Operation:
    pointer = t if isinstance(t, llvm.LLVMPointerType) else POINTER
    return llvm.AddressOfOp.create(result_types=[pointer], properties={"global_name": SymbolRefAttr(name)})


def _integer(token: str) -> int | None:
    if token == "true":
        return 1
    if token == "false":
        return 0
    if token[:3] in ("u0x", "s0x"):
        value = int(token[3:], 16)
        return (
            value - (1 << 4 * len(token[3:])) if token[0] == "s" and token[3] in "89abcdefABCDEF" else value
        )
    try:
        return int(token)
    except ValueError:
        return None


def _float(token: str, t: Attribute) -> float | None:
    """Decimal, or the bits of the value as an f64 (`0x`), as an f16 (`0xH`) or as a bf16 (`0xR`)."""
    if token[:2] != "0x":
        try:
            return float(token) if token[-1:].isdigit() or token[-1:] == "." else None
        except ValueError:
            return None
    if token[2] == "H":
        return struct.unpack("<e", int(token[3:], 16).to_bytes(2, "little"))[0]
    if token[2] == "R":
        return struct.unpack("<f", (int(token[3:], 16) << 16).to_bytes(4, "little"))[0]
    if token[2] in "KLM" or len(token) > 18:
        return None
    return struct.unpack("<d", int(token[2:], 16).to_bytes(8, "little"))[0]
