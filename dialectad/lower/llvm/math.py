"""`math` to `llvm`: intrinsics where the machine has an instruction, otherwise calls to libm.

The calls are by libm's names (`sin`, `sinf`); who translates to LLVM IR says which vector functions stand in
for them.
"""

from __future__ import annotations

from xdsl.dialects import arith, llvm, math
from xdsl.dialects.builtin import Float32Type, FloatAttr, IntegerAttr, i1
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lower.llvm.arith import CONTRACT
from dialectad.lower.llvm.function import NO_FAST_MATH, PASS_NAME, FunctionLowering, Handler

_MAX_EXPONENT = 16
"""Powers up to this one are multiplications: at most 2 log2(n) of them, and as many roundings."""


def _native(target: type[Operation]) -> Handler:
    properties: dict[str, Attribute] = {"fastmathFlags": NO_FAST_MATH}

    def handler(f: FunctionLowering, op: Operation) -> None:
        operands = [f.get(operand) for operand in op.operands]
        lowered = target.create(operands=operands, result_types=[op.results[0].type], properties=properties)
        f.set(op.results[0], f.emit(lowered))

    return handler


def _intrinsic(name: str) -> Handler:
    def handler(f: FunctionLowering, op: Operation) -> None:
        operands = [f.get(operand) for operand in op.operands]
        f.set(op.results[0], f.intrinsic(name, operands, operands[0].type))

    return handler


def _with_flag(name: str) -> Handler:
    """`ctlz`, `cttz` and `abs` take a flag that makes their corner case poison: it stays off."""

    def handler(f: FunctionLowering, op: Operation) -> None:
        operand = f.get(op.operands[0])
        f.set(op.results[0], f.intrinsic(name, [operand, f.int_constant(0, i1)], operand.type))

    return handler


def libm_call(f: FunctionLowering, name: str, operands: list[SSAValue]) -> SSAValue:
    """`name` of C's math library at the operands' type."""
    t = operands[0].type
    result = f.call(name + "f" if isinstance(t, Float32Type) else name, operands, t)
    assert result is not None
    return result


def _libm(name: str) -> Handler:
    def handler(f: FunctionLowering, op: Operation) -> None:
        f.set(op.results[0], libm_call(f, name, [f.get(operand) for operand in op.operands]))

    return handler


def _fdiv(f: FunctionLowering, a: SSAValue, b: SSAValue) -> SSAValue:
    return f.emit(
        llvm.FDivOp.create(operands=[a, b], result_types=[a.type], properties={"fastmathFlags": CONTRACT})
    )


def _power(f: FunctionLowering, base: SSAValue, exponent: int) -> SSAValue:
    """base ** exponent by squaring, for exponent >= 1."""
    result: SSAValue | None = None
    while True:
        if exponent & 1:
            result = base if result is None else _fmul(f, result, base)
        exponent >>= 1
        if not exponent:
            assert result is not None
            return result
        base = _fmul(f, base, base)


def _fmul(f: FunctionLowering, a: SSAValue, b: SSAValue) -> SSAValue:
    properties: dict[str, Attribute] = {"fastmathFlags": CONTRACT}
    return f.emit(llvm.FMulOp.create(operands=[a, b], result_types=[a.type], properties=properties))


def _small_power(f: FunctionLowering, base: SSAValue, exponent: float) -> SSAValue | None:
    """Multiplications for a small integer exponent, and a root for 0.5: NumPy does so too.

    The root differs from a power at -0.0 and -inf, which are -0.0 and NaN in `array ** 0.5`.
    """
    if exponent == 0.5:
        return _sqrt(f, base)
    if not abs(exponent) <= _MAX_EXPONENT or exponent != int(exponent):
        return None
    if exponent == 0:
        return f.float_constant(1.0, base.type)
    power = _power(f, base, abs(int(exponent)))
    return power if exponent > 0 else _fdiv(f, f.float_constant(1.0, base.type), power)


def _sqrt(f: FunctionLowering, a: SSAValue) -> SSAValue:
    properties: dict[str, Attribute] = {"fastmathFlags": NO_FAST_MATH}
    return f.emit(llvm.FSqrtOp.create(operands=[a], result_types=[a.type], properties=properties))


def _powf(f: FunctionLowering, op: math.PowFOp) -> None:
    base, owner = f.get(op.lhs), op.rhs.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, FloatAttr):
        exponent = owner.value.value.data
        if (power := _small_power(f, base, exponent)) is not None:
            f.set(op.result, power)
            return
    f.set(op.result, libm_call(f, "pow", [base, f.get(op.rhs)]))


def _fpowi(f: FunctionLowering, op: math.FPowIOp) -> None:
    base = f.get(op.lhs)
    if (known := f.known.get(op.rhs)) is not None and (
        power := _small_power(f, base, float(known))
    ) is not None:
        f.set(op.result, power)
        return
    exponent = f.emit(llvm.SIToFPOp.create(operands=[f.get(op.rhs)], result_types=[base.type]))
    f.set(op.result, libm_call(f, "pow", [base, exponent]))


def _ipowi(f: FunctionLowering, op: math.IPowIOp) -> None:
    owner = op.rhs.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        exponent = owner.value.value.data
        if exponent == 0:
            f.set(op.result, f.int_constant(1, op.result.type))
            return
        if 0 < exponent < 64:
            f.set(op.result, _integer_power(f, f.get(op.lhs), exponent))
            return
    raise CompileError(
        "an integer raised to an exponent that isn't a small constant",
        locations.of(op),
        hint="raise a float instead, or multiply in a loop",
        pass_name=PASS_NAME,
    )


def _integer_power(f: FunctionLowering, base: SSAValue, exponent: int) -> SSAValue:
    result: SSAValue | None = None
    while exponent:
        if exponent & 1:
            result = base if result is None else f.integer(llvm.MulOp, result, base)
        exponent >>= 1
        if exponent:
            base = f.integer(llvm.MulOp, base, base)
    assert result is not None
    return result


def _rsqrt(f: FunctionLowering, op: math.RsqrtOp) -> None:
    operand = f.get(op.operand)
    properties: dict[str, Attribute] = {"fastmathFlags": NO_FAST_MATH}
    root = f.emit(llvm.FSqrtOp.create(operands=[operand], result_types=[operand.type], properties=properties))
    f.set(op.result, _fdiv(f, f.float_constant(1.0, operand.type), root))


HANDLERS: dict[type[Operation], Handler] = {
    math.AbsFOp: _native(llvm.FAbsOp),
    math.CeilOp: _native(llvm.FCeilOp),
    math.FloorOp: _native(llvm.FFloorOp),
    math.SqrtOp: _native(llvm.FSqrtOp),
    math.CopySignOp: _native(llvm.FCopySignOp),
    math.FmaOp: _native(llvm.FMAOp),
    math.TruncOp: _intrinsic("llvm.trunc"),
    math.RoundOp: _intrinsic("llvm.round"),
    math.RoundEvenOp: _intrinsic("llvm.roundeven"),
    math.CtPopOp: _intrinsic("llvm.ctpop"),
    math.CountLeadingZerosOp: _with_flag("llvm.ctlz"),
    math.CountTrailingZerosOp: _with_flag("llvm.cttz"),
    math.AbsIOp: _with_flag("llvm.abs"),
    math.RsqrtOp: _rsqrt,
    math.PowFOp: _powf,
    math.FPowIOp: _fpowi,
    math.IPowIOp: _ipowi,
    math.AcosOp: _libm("acos"),
    math.AcoshOp: _libm("acosh"),
    math.AsinOp: _libm("asin"),
    math.AsinhOp: _libm("asinh"),
    math.AtanOp: _libm("atan"),
    math.AtanhOp: _libm("atanh"),
    math.Atan2Op: _libm("atan2"),
    math.CbrtOp: _libm("cbrt"),
    math.CosOp: _libm("cos"),
    math.CoshOp: _libm("cosh"),
    math.ErfOp: _libm("erf"),
    math.ExpOp: _libm("exp"),
    math.Exp2Op: _libm("exp2"),
    math.ExpM1Op: _libm("expm1"),
    math.LogOp: _libm("log"),
    math.Log10Op: _libm("log10"),
    math.Log1pOp: _libm("log1p"),
    math.Log2Op: _libm("log2"),
    math.SinOp: _libm("sin"),
    math.SinhOp: _libm("sinh"),
    math.TanOp: _libm("tan"),
    math.TanhOp: _libm("tanh"),
}
