"""`arith` to `llvm`."""

from __future__ import annotations

from xdsl.dialects import arith, llvm
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    i1,
    i32,
)
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad import locations
from dialectad.dialects import llvm as more_llvm
from dialectad.dialects.arith import RemfOp
from dialectad.errors import CompileError
from dialectad.lower.llvm.function import (
    MAY_WRAP,
    NO_FAST_MATH,
    PASS_NAME,
    FunctionLowering,
    Handler,
    integer_attr,
    scalar_type,
)

# Note [Fast math]
# Sums may be reassociated (NumPy's own are pairwise, so no order is promised) and a * b + c contracted.
# Products may not: several partial products could overflow and underflow where the whole doesn't.
# Nothing may assume that NaN, infinity or a negative zero don't occur, and a division stays a division.
REASSOCIATE = llvm.FastMathAttr((FastMathFlag.REASSOC, FastMathFlag.ALLOW_CONTRACT))
CONTRACT = llvm.FastMathAttr((FastMathFlag.ALLOW_CONTRACT,))


def _constant(f: FunctionLowering, op: arith.ConstantOp) -> None:
    value, t = op.value, op.result.type
    if isinstance(value, IntegerAttr):
        f.known[op.result] = value.value.data  # materialised when it is used
    elif isinstance(value, FloatAttr):
        f.set(op.result, f.constant(value, t))
    else:
        kind = "dense " if isinstance(value, DenseIntOrFPElementsAttr) else ""
        raise CompileError(
            f"a {kind}constant of type {t} has no scalar form", locations.of(op), pass_name=PASS_NAME
        )


def _float_binary(target: type[Operation], flags: llvm.FastMathAttr) -> Handler:
    properties: dict[str, Attribute] = {"fastmathFlags": flags}

    def handler(f: FunctionLowering, op: Operation) -> None:
        a, b = op.operands
        lowered = target.create(
            operands=[f.get(a), f.get(b)], result_types=[op.results[0].type], properties=properties
        )
        f.set(op.results[0], f.emit(lowered))

    return handler


def _wrapping(target: type[Operation]) -> Handler:
    def handler(f: FunctionLowering, op: arith.AddiOp) -> None:
        flags = op.overflow_flags.data
        nsw, nuw = arith.IntegerOverflowFlag.NSW in flags, arith.IntegerOverflowFlag.NUW in flags
        a, b = op.operands
        f.set(op.results[0], f.integer(target, f.get(a), f.get(b), integer_attr(nsw + 2 * nuw, i32)))

    return handler


def _integer_binary(target: type[Operation]) -> Handler:
    overflow = target is llvm.ShlOp

    def handler(f: FunctionLowering, op: Operation) -> None:
        a, b = (f.get(operand) for operand in op.operands)
        if overflow:
            f.set(op.results[0], f.integer(target, a, b, MAY_WRAP))
        else:
            f.set(op.results[0], f.emit(target.create(operands=[a, b], result_types=[a.type])))

    return handler


def _intrinsic_binary(name: str) -> Handler:
    def handler(f: FunctionLowering, op: Operation) -> None:
        a, b = (f.get(operand) for operand in op.operands)
        f.set(op.results[0], f.intrinsic(name, [a, b], a.type))

    return handler


def _rounded_division(toward_floor: bool) -> Handler:
    """sdiv truncates, which is one off when it is inexact and the quotient has the other sign."""

    def handler(f: FunctionLowering, op: arith.FloorDivSIOp) -> None:
        a, b = f.get(op.lhs), f.get(op.rhs)
        t = a.type
        zero = f.int_constant(0, t)
        quotient = f.emit(llvm.SDivOp.create(operands=[a, b], result_types=[t]))
        product = f.integer(llvm.MulOp, quotient, b)
        inexact = f.compare(_NE, product, a)
        signs = f.emit(llvm.XOrOp.create(operands=[a, b], result_types=[t]))
        off = f.compare(_SLT if toward_floor else _SGE, signs, zero)
        both = f.emit(llvm.AndOp.create(operands=[inexact, off], result_types=[i1]))
        amount = f.emit(llvm.ZExtOp.create(operands=[both], result_types=[t]))
        f.set(op.result, f.integer(llvm.SubOp if toward_floor else llvm.AddOp, quotient, amount))

    return handler


def _ceil_unsigned(f: FunctionLowering, op: arith.CeilDivUIOp) -> None:
    a, b = f.get(op.lhs), f.get(op.rhs)
    quotient = f.emit(llvm.UDivOp.create(operands=[a, b], result_types=[a.type]))
    inexact = f.compare(_NE, f.integer(llvm.MulOp, quotient, b), a)
    amount = f.emit(llvm.ZExtOp.create(operands=[inexact], result_types=[a.type]))
    f.set(op.result, f.integer(llvm.AddOp, quotient, amount))


_NE, _SLT, _SGE = (IntegerAttr(code, 64) for code in (1, 2, 5))


def _cmpi(f: FunctionLowering, op: arith.CmpiOp) -> None:
    a, b = op.operands
    f.set(op.results[0], f.compare(op.predicate, f.get(a), f.get(b)))


def _cmpf(f: FunctionLowering, op: arith.CmpfOp) -> None:
    predicate = op.predicate.value.data
    if predicate in (0, 15):  # "false" and "true"
        f.known[op.result] = predicate and 1
        return
    properties: dict[str, Attribute] = {"predicate": op.predicate, "fastmathFlags": NO_FAST_MATH}
    lowered = llvm.FCmpOp.create(
        operands=[f.get(op.lhs), f.get(op.rhs)], result_types=[i1], properties=properties
    )
    f.set(op.result, f.emit(lowered))


def _select(f: FunctionLowering, op: arith.SelectOp) -> None:
    condition = f.get(op.cond)
    chosen = [f.choose(condition, a, b) for a, b in zip(f.flatten(op.lhs), f.flatten(op.rhs), strict=True)]
    f.set(op.result, f.unflatten(op.result.type, chosen))


def _negf(f: FunctionLowering, op: arith.NegfOp) -> None:
    properties: dict[str, Attribute] = {"fastmathFlags": NO_FAST_MATH}
    lowered = llvm.FNegOp.create(
        operands=[f.get(op.operand)], result_types=[op.result.type], properties=properties
    )
    f.set(op.result, f.emit(lowered))


def _cast(target: type[Operation]) -> Handler:
    def handler(f: FunctionLowering, op: Operation) -> None:
        source, t = f.get(op.operands[0]), scalar_type(op.results[0].type)
        f.set(op.results[0], f.emit(target.create(operands=[source], result_types=[t])))

    return handler


def _index_cast(f: FunctionLowering, op: arith.IndexCastOp) -> None:
    """`index` is i64; a cast between widths keeps the sign."""
    if (constant := f.known.get(op.input)) is not None and (
        isinstance(op.result.type, IndexType) or op.result.type == IntegerType(64)
    ):
        f.known[op.result] = constant if op.input.type != i1 else -(constant & 1)
        return
    source, t = f.get(op.input), scalar_type(op.result.type)
    assert isinstance(source.type, IntegerType)
    assert isinstance(t, IntegerType)
    f.set(op.result, resize(f, source, t))


def resize(f: FunctionLowering, value: SSAValue, t: IntegerType) -> SSAValue:
    """Extend with the sign or truncate to the width of `t`."""
    assert isinstance(value.type, IntegerType)
    have, want = value.type.width.data, t.width.data
    if have == want:
        return value
    target = llvm.SExtOp if have < want else llvm.TruncOp
    return f.emit(target.create(operands=[value], result_types=[t]))


def _float_to_int(target: type[Operation]) -> Handler:
    """A value out of range gives some integer, not poison: it may be used as a bound that is then checked.

    Narrow integers are cut from 32 bits, as C compilers, and so NumPy, do it.
    """

    def handler(f: FunctionLowering, op: arith.FPToSIOp) -> None:
        t = op.result.type
        assert isinstance(t, IntegerType)
        wide = t if t.width.data >= 32 else i32
        converted = f.emit(target.create(operands=[f.get(op.input)], result_types=[wide]))
        frozen = f.emit(more_llvm.FreezeOp.create(operands=[converted], result_types=[wide]))
        f.set(op.result, resize(f, frozen, t))

    return handler


def _bitcast(f: FunctionLowering, op: arith.BitcastOp) -> None:
    t = scalar_type(op.result.type)
    f.set(op.result, f.emit(llvm.BitcastOp.create(operands=[f.get(op.input)], result_types=[t])))


HANDLERS: dict[type[Operation], Handler] = {
    arith.ConstantOp: _constant,
    arith.AddfOp: _float_binary(llvm.FAddOp, REASSOCIATE),
    arith.SubfOp: _float_binary(llvm.FSubOp, REASSOCIATE),
    arith.MulfOp: _float_binary(llvm.FMulOp, CONTRACT),
    arith.DivfOp: _float_binary(llvm.FDivOp, CONTRACT),
    RemfOp: _float_binary(llvm.FRemOp, NO_FAST_MATH),
    arith.NegfOp: _negf,
    arith.MaximumfOp: _intrinsic_binary("llvm.maximum"),
    arith.MinimumfOp: _intrinsic_binary("llvm.minimum"),
    arith.MaxnumfOp: _float_binary(llvm.VectorFMaxOp, NO_FAST_MATH),
    arith.MinnumfOp: _float_binary(llvm.VectorFMinOp, NO_FAST_MATH),
    arith.AddiOp: _wrapping(llvm.AddOp),
    arith.SubiOp: _wrapping(llvm.SubOp),
    arith.MuliOp: _wrapping(llvm.MulOp),
    arith.DivSIOp: _integer_binary(llvm.SDivOp),
    arith.DivUIOp: _integer_binary(llvm.UDivOp),
    arith.RemSIOp: _integer_binary(llvm.SRemOp),
    arith.RemUIOp: _integer_binary(llvm.URemOp),
    arith.FloorDivSIOp: _rounded_division(toward_floor=True),
    arith.CeilDivSIOp: _rounded_division(toward_floor=False),
    arith.CeilDivUIOp: _ceil_unsigned,
    arith.MaxSIOp: _intrinsic_binary("llvm.smax"),
    arith.MinSIOp: _intrinsic_binary("llvm.smin"),
    arith.MaxUIOp: _intrinsic_binary("llvm.umax"),
    arith.MinUIOp: _intrinsic_binary("llvm.umin"),
    arith.AndIOp: _integer_binary(llvm.AndOp),
    arith.OrIOp: _integer_binary(llvm.OrOp),
    arith.XOrIOp: _integer_binary(llvm.XOrOp),
    arith.ShLIOp: _integer_binary(llvm.ShlOp),
    arith.ShRSIOp: _integer_binary(llvm.AShrOp),
    arith.ShRUIOp: _integer_binary(llvm.LShrOp),
    arith.CmpiOp: _cmpi,
    arith.CmpfOp: _cmpf,
    arith.SelectOp: _select,
    arith.IndexCastOp: _index_cast,
    arith.ExtFOp: _cast(llvm.FPExtOp),
    arith.TruncFOp: _cast(llvm.FPTruncOp),
    arith.ExtSIOp: _cast(llvm.SExtOp),
    arith.ExtUIOp: _cast(llvm.ZExtOp),
    arith.TruncIOp: _cast(llvm.TruncOp),
    arith.SIToFPOp: _cast(llvm.SIToFPOp),
    arith.UIToFPOp: _cast(more_llvm.UIToFPOp),
    arith.FPToSIOp: _float_to_int(more_llvm.FPToSIOp),
    arith.FPToUIOp: _float_to_int(more_llvm.FPToUIOp),
    arith.BitcastOp: _bitcast,
}
