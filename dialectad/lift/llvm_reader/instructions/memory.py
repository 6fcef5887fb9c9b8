"""`alloca`, `load`, `store`, `getelementptr`, `atomicrmw`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from xdsl.dialects import llvm
from xdsl.dialects.builtin import DenseArrayBase, IntAttr, IntegerAttr, UnitAttr, VectorType, i32, i64
from xdsl.ir import Attribute, SSAValue

from dialectad.dialects import llvm as more_llvm
from dialectad.lift.llvm_reader.instructions.handler import Handler
from dialectad.lift.llvm_reader.types import POINTER
from dialectad.lower.llvm.function import counts

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function

_UNIT = UnitAttr()
_NOT_ATOMIC = IntegerAttr(0, i64)


@cache
def _i64(value: int) -> IntegerAttr:
    return IntegerAttr(value, i64)


def _alignment(f: Function) -> dict[str, Attribute]:
    """Take `, align 8`, if it is there."""
    tokens, items = f.tokens, f.tokens.list
    if items[tokens.at] == "," and items[tokens.at + 1] == "align":
        tokens.at += 2
        return {"alignment": _i64(tokens.integer())}
    return {}


def _alloca(f: Function) -> SSAValue:
    tokens, items = f.tokens, f.tokens.list
    if tokens.next in ("inalloca", "swifterror"):
        tokens.fail(f"`{tokens.next}` is not supported")
    properties: dict[str, Attribute] = {"elem_type": f.types.type()}
    if (
        tokens.next == ","
        and items[tokens.at + 1] not in ("align", "addrspace")
        and items[tokens.at + 1][0] != "!"
    ):
        tokens.at += 1
        size = f.typed()
    else:
        size = f.constants.number(1, i32)
    properties |= _alignment(f)
    t = POINTER
    if tokens.next == "," and items[tokens.at + 1] == "addrspace":
        tokens.at += 1
        if space := f.types.address_space():
            t = llvm.LLVMPointerType(IntAttr(space))
    return f.add(llvm.AllocaOp.create(operands=[size], result_types=[t], properties=properties))


def _load(f: Function) -> SSAValue:
    tokens = f.tokens
    start = tokens.at
    atomic = tokens.accept("atomic")
    volatile = tokens.accept("volatile")
    t = f.types.type()
    tokens.expect(",")
    pointer = f.typed()
    properties: dict[str, Attribute] = {"ordering": _ordering(f, start) if atomic else _NOT_ATOMIC}
    properties |= _alignment(f)
    op = llvm.LoadOp.create(operands=[pointer], result_types=[t], properties=properties)
    if volatile:
        op.attributes["volatile_"] = _UNIT
    return f.add(op)


def _store(f: Function) -> None:
    tokens = f.tokens
    if tokens.next == "atomic":
        tokens.fail("an atomic store is not supported")
    volatile = tokens.accept("volatile")
    value = f.typed()
    tokens.expect(",")
    pointer = f.typed()
    properties: dict[str, Attribute] = {"ordering": _NOT_ATOMIC} | _alignment(f)
    if volatile:
        properties["volatile_"] = _UNIT
    f.ops.append(llvm.StoreOp.create(operands=[value, pointer], properties=properties))


def _ordering(f: Function, start: int) -> IntegerAttr:
    if f.tokens.next == "syncscope":
        f.tokens.fail("a synchronisation scope is not supported", start)
    ordering = more_llvm.ATOMIC_ORDERING_VALUES.get(f.tokens.next)
    if ordering is None:
        f.tokens.unexpected("an atomic ordering")
    f.tokens.at += 1
    return _i64(ordering)


_ATOMIC = {name.removeprefix("_"): i for i, name in enumerate(more_llvm.ATOMIC_BINARY_OPS)}


def _atomicrmw(f: Function) -> SSAValue:
    tokens = f.tokens
    start = tokens.at
    if tokens.next == "volatile":
        tokens.fail("a volatile atomicrmw is not supported")
    if (kind := _ATOMIC.get(tokens.next)) is None:
        tokens.fail(f"atomicrmw of kind `{tokens.next}` is not supported")
    tokens.at += 1
    pointer = f.typed()
    tokens.expect(",")
    value = f.typed()
    properties: dict[str, Attribute] = {"bin_op": _i64(kind), "ordering": _ordering(f, start)}
    _alignment(f)  # that of the type
    return f.add(
        more_llvm.AtomicRMWOp.create(
            operands=[pointer, value], result_types=[value.type], properties=properties
        )
    )


# Addresses

_INBOUNDS, _NUSW, _NUW = 1, 2, 4
"""Upstream's bits; what is in bounds doesn't wrap, so that `inbounds` sets two."""


@cache
def _wrap_flags(bits: int) -> IntegerAttr:
    return IntegerAttr(bits, i32)


def _getelementptr(f: Function) -> SSAValue:
    tokens = f.tokens
    start = tokens.at
    properties: dict[str, Attribute] = {}
    bits = 0
    while True:
        token = tokens.next
        if token == "inbounds":
            bits |= _INBOUNDS | _NUSW
            properties["inbounds"] = _UNIT
        elif token == "nusw":
            bits |= _NUSW
        elif token == "nuw":
            bits |= _NUW
        elif token == "inrange":
            tokens.at += 1
            tokens.balanced()
            continue
        else:
            break
        tokens.at += 1
    enclosed = tokens.accept("(")
    properties["elem_type"] = f.types.type()
    properties["noWrapFlags"] = _wrap_flags(bits)
    tokens.expect(",")
    base = f.typed()
    operands = [base]
    raw: list[int] = []
    items = tokens.list
    while items[tokens.at] == "," and items[tokens.at + 1][:1] != "!":
        tokens.at += 1
        raw.append(_index(f, operands))
    if enclosed:
        tokens.expect(")")
    if any(isinstance(operand.type, VectorType) for operand in operands):
        tokens.fail("addresses in a vector are not supported", start)
    properties["rawConstantIndices"] = _raw(raw)
    return f.add(llvm.GEPOp.create(operands=operands, result_types=[base.type], properties=properties))


def _index(f: Function, operands: list[SSAValue]) -> int:
    """Take an index: a constant, or the mark of one more operand."""
    t = f.types.type()
    token = f.tokens.next
    if token.removeprefix("-").isdigit() and abs(int(token)) < 2**31:
        f.tokens.at += 1
        return int(token)
    operands.append(f.operand(t))
    return llvm.GEP_USE_SSA_VAL


def _raw(indices: Sequence[int]) -> DenseArrayBase:
    return counts(*indices)


INSTRUCTIONS: dict[str, Handler] = {
    "alloca": _alloca,
    "load": _load,
    "store": _store,
    "getelementptr": _getelementptr,
    "atomicrmw": _atomicrmw,
}

EXPRESSIONS: dict[str, Handler] = {"getelementptr": _getelementptr}
