"""Arithmetic, comparisons, casts, `select`.

    %y = fadd nnan double %x, 1.0              llvm.fadd %x, %c {fastmathFlags = #llvm.fastmath<nnan>}
    %i = or disjoint i64 %a, 1                 llvm.add %a, %c overflow<nsw,nuw>
    %c = icmp ult ptr %p, %q                   llvm.icmp "ult" %i, %j, of `llvm.ptrtoint` of the pointers
    %c = fcmp olt <2 x float> %x, %y           llvm.fcmp of vectors, which xDSL's op doesn't take

Flags that upstream's ops had no place for at first are facts: `samesign`, `nuw` and `nsw` of `trunc` and the
fast-math flags of casts are dropped.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, UnitAttr, VectorType, i1, i32, i64
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import llvm as more_llvm
from dialectad.dialects.llvm_vector import VectorFCmpOp, VectorSelectOp
from dialectad.lift.llvm_reader.instructions.handler import Handler

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function

FAST_MATH = {flag.value: flag for flag in FastMathFlag} | {"fast": None}
NO_FAST_MATH = llvm.FastMathAttr(None)


@cache
def _fast_math_attr(flags: tuple[str, ...]) -> llvm.FastMathAttr:
    if "fast" in flags:
        return llvm.FastMathAttr("fast")
    return llvm.FastMathAttr(tuple(flag for name in flags if (flag := FAST_MATH[name]) is not None))


def fast_math(f: Function) -> llvm.FastMathAttr:
    """Take fast-math flags."""
    tokens, items = f.tokens, f.tokens.list
    start = at = tokens.at
    while items[at] in FAST_MATH:
        at += 1
    if at == start:
        return NO_FAST_MATH
    tokens.at = at
    return _fast_math_attr(tuple(items[start:at]))


def _float(kind: type[Operation]) -> Handler:
    def handler(f: Function) -> SSAValue:
        flags = fast_math(f)
        t = f.types.type()
        a = f.operand(t)
        f.tokens.expect(",")
        b = f.operand(t)
        properties: dict[str, Attribute] = {"fastmathFlags": flags}
        return f.add(kind.create(operands=[a, b], result_types=[t], properties=properties))

    return handler


def _fneg(f: Function) -> SSAValue:
    flags = fast_math(f)
    value = f.typed()
    properties: dict[str, Attribute] = {"fastmathFlags": flags}
    return f.add(llvm.FNegOp.create(operands=[value], result_types=[value.type], properties=properties))


_OVERFLOW = {(nsw, nuw): IntegerAttr(nsw + 2 * nuw, i32) for nsw in (False, True) for nuw in (False, True)}


def _wraps(f: Function) -> tuple[bool, bool]:
    """Take `nuw` and `nsw`; gives whether there is `nsw`, and `nuw`."""
    accept = f.tokens.accept
    nuw = accept("nuw")
    nsw = accept("nsw")
    return nsw, nuw or accept("nuw")


def _operands(f: Function) -> tuple[SSAValue, SSAValue]:
    """Take `type a, b`; or, of a constant expression, `(type a, type b)`."""
    if f.tokens.accept("("):
        a = f.typed()
        f.tokens.expect(",")
        b = f.typed()
        f.tokens.expect(")")
        return a, b
    t = f.types.type()
    a = f.operand(t)
    f.tokens.expect(",")
    return a, f.operand(t)


def _wrapping(kind: type[Operation]) -> Handler:
    def handler(f: Function) -> SSAValue:
        properties: dict[str, Attribute] = {"overflowFlags": _OVERFLOW[_wraps(f)]}
        a, b = _operands(f)
        return f.add(kind.create(operands=[a, b], result_types=[a.type], properties=properties))

    return handler


# Upstream's ops got these flags late; as discardable attributes they say the same to the writer.
_EXACT: dict[str, Attribute] = {"isExact": UnitAttr()}
_NON_NEGATIVE: dict[str, Attribute] = {"nonNeg": UnitAttr()}


def _integer(kind: type[Operation], *, exact: bool = False) -> Handler:
    """An integer operation, which may be `exact`."""

    def handler(f: Function) -> SSAValue:
        attributes = _EXACT if exact and f.tokens.accept("exact") else {}
        a, b = _operands(f)
        return f.add(kind.create(operands=[a, b], result_types=[a.type], attributes=attributes))

    return handler


def _or(f: Function) -> SSAValue:
    """`or disjoint` is an addition without carries: LLVM's name for what adds up addresses and counters."""
    disjoint = f.tokens.accept("disjoint")
    a, b = _operands(f)
    if disjoint:
        properties: dict[str, Attribute] = {"overflowFlags": _OVERFLOW[True, True]}
        return f.add(llvm.AddOp.create(operands=[a, b], result_types=[a.type], properties=properties))
    return f.add(llvm.OrOp.create(operands=[a, b], result_types=[a.type]))


# Comparisons

_ICMP = {flag.value: IntegerAttr(i, i64) for i, flag in enumerate(llvm.ALL_ICMP_FLAGS)}
_FCMP = {flag.value.removeprefix("_"): IntegerAttr(i, i64) for i, flag in enumerate(llvm.ALL_FCMP_FLAGS)}


def _like(t: Attribute) -> Attribute:
    """The type of a comparison's result."""
    return VectorType(i1, t.get_shape()) if isinstance(t, VectorType) else i1


def _icmp(f: Function) -> SSAValue:
    tokens = f.tokens
    tokens.accept("samesign")
    if (predicate := _ICMP.get(tokens.next)) is None:
        tokens.unexpected("a predicate of integers")
    tokens.at += 1
    start = tokens.at
    a, b = _operands(f)
    t = a.type
    if isinstance(t, VectorType) and isinstance(t.element_type, llvm.LLVMPointerType):
        tokens.fail("a comparison of vectors of pointers is not supported", start)
    if isinstance(t, llvm.LLVMPointerType):  # xDSL's icmp takes integers only
        a, b = (_as_integer(f, p) for p in (a, b))
    properties: dict[str, Attribute] = {"predicate": predicate}
    return f.add(llvm.ICmpOp.create(operands=[a, b], result_types=[_like(t)], properties=properties))


def _as_integer(f: Function, pointer: SSAValue) -> SSAValue:
    if isinstance(pointer.owner, llvm.ZeroOp):
        return f.constants.number(0, i64)
    return f.add(llvm.PtrToIntOp.create(operands=[pointer], result_types=[i64]))


def _fcmp(f: Function) -> SSAValue:
    tokens = f.tokens
    flags = fast_math(f)
    if (predicate := _FCMP.get(tokens.next)) is None:
        tokens.unexpected("a predicate of floats")
    tokens.at += 1
    a, b = _operands(f)
    kind = VectorFCmpOp if isinstance(a.type, VectorType) else llvm.FCmpOp
    properties: dict[str, Attribute] = {"predicate": predicate, "fastmathFlags": flags}
    return f.add(kind.create(operands=[a, b], result_types=[_like(a.type)], properties=properties))


def _select(f: Function) -> SSAValue:
    flags = fast_math(f)
    condition = f.typed()
    f.tokens.expect(",")
    a = f.typed()
    f.tokens.expect(",")
    b = f.typed()
    kind = VectorSelectOp if isinstance(condition.type, VectorType) else llvm.SelectOp
    properties: dict[str, Attribute] = {"fastmathFlags": flags}
    return f.add(kind.create(operands=[condition, a, b], result_types=[a.type], properties=properties))


# Casts


def _converted(f: Function) -> tuple[SSAValue, Attribute]:
    """Take `type value to type`; of a constant expression, in parentheses."""
    tokens = f.tokens
    enclosed = tokens.accept("(")
    value = f.typed()
    tokens.expect("to")
    t = f.types.type()
    if enclosed:
        tokens.expect(")")
    return value, t


def _cast(kind: type[Operation]) -> Handler:
    def handler(f: Function) -> SSAValue:
        attributes = _NON_NEGATIVE if f.tokens.accept("nneg") else {}
        value, t = _converted(f)
        return f.add(kind.create(operands=[value], result_types=[t], attributes=attributes))

    return handler


def _trunc(f: Function) -> SSAValue:
    _wraps(f)
    value, t = _converted(f)
    return f.add(llvm.TruncOp.create(operands=[value], result_types=[t]))


def _float_cast(kind: type[Operation]) -> Handler:
    def handler(f: Function) -> SSAValue:
        fast_math(f)
        value, t = _converted(f)
        return f.add(kind.create(operands=[value], result_types=[t]))

    return handler


def _pointer_cast(kind: type[Operation]) -> Handler:
    def handler(f: Function) -> SSAValue:
        start = f.tokens.at
        value, t = _converted(f)
        if isinstance(t, VectorType):
            f.tokens.fail("a cast between vectors of pointers and of integers is not supported", start)
        return f.add(kind.create(operands=[value], result_types=[t]))

    return handler


def _freeze(f: Function) -> SSAValue:
    value = f.typed()
    return f.add(more_llvm.FreezeOp.create(operands=[value], result_types=[value.type]))


INSTRUCTIONS: dict[str, Handler] = {
    "fadd": _float(llvm.FAddOp),
    "fsub": _float(llvm.FSubOp),
    "fmul": _float(llvm.FMulOp),
    "fdiv": _float(llvm.FDivOp),
    "frem": _float(llvm.FRemOp),
    "fneg": _fneg,
    "add": _wrapping(llvm.AddOp),
    "sub": _wrapping(llvm.SubOp),
    "mul": _wrapping(llvm.MulOp),
    "shl": _wrapping(llvm.ShlOp),
    "sdiv": _integer(llvm.SDivOp, exact=True),
    "udiv": _integer(llvm.UDivOp, exact=True),
    "lshr": _integer(llvm.LShrOp, exact=True),
    "ashr": _integer(llvm.AShrOp, exact=True),
    "srem": _integer(llvm.SRemOp),
    "urem": _integer(llvm.URemOp),
    "and": _integer(llvm.AndOp),
    "or": _or,
    "xor": _integer(llvm.XOrOp),
    "icmp": _icmp,
    "fcmp": _fcmp,
    "select": _select,
    "trunc": _trunc,
    "zext": _cast(llvm.ZExtOp),
    "sext": _cast(llvm.SExtOp),
    "sitofp": _cast(llvm.SIToFPOp),
    "uitofp": _cast(more_llvm.UIToFPOp),
    "fptosi": _cast(more_llvm.FPToSIOp),
    "fptoui": _cast(more_llvm.FPToUIOp),
    "fpext": _float_cast(llvm.FPExtOp),
    "fptrunc": _float_cast(llvm.FPTruncOp),
    "bitcast": _cast(llvm.BitcastOp),
    "addrspacecast": _cast(more_llvm.AddrSpaceCastOp),
    "ptrtoint": _pointer_cast(llvm.PtrToIntOp),
    "inttoptr": _pointer_cast(llvm.IntToPtrOp),
    "ptrtoaddr": _pointer_cast(llvm.PtrToIntOp),
    "freeze": _freeze,
}

EXPRESSIONS: dict[str, Handler] = {
    opcode: INSTRUCTIONS[opcode]
    for opcode in "add sub xor trunc bitcast addrspacecast ptrtoint inttoptr ptrtoaddr".split()
}
