"""Derivatives of `math`, on scalars and, element by element, on tensors (x, y: operands, r: result).

| op | derivative |
|---|---|
| `absf` | sign(x), and 0 at 0 |
| `sqrt` | 1/(2r), infinite at 0 |
| `rsqrt` | -r/(2x) |
| `cbrt` | 1/(3 r^2), infinite at 0 |
| `exp` `exp2` `expm1` | r, r ln 2, r + 1 |
| `log` `log2` `log10` `log1p` | 1/x, 1/(x ln 2), 1/(x ln 10), 1/(1+x) |
| `powf` x, y | y x^(y-1), and 0 where y = 0; r log x, and 0 where x = 0 |
| `fpowi` x, n | n x^(n-1), and 0 where n = 0 |
| `sin` `cos` `tan` | cos x, -sin x, 1 + r^2 |
| `sinh` `cosh` `tanh` | cosh x, sinh x, 1 - r^2 |
| `asin` `acos` `atan` | 1/sqrt(1-x^2), -1/sqrt(1-x^2), 1/(1+x^2) |
| `asinh` `acosh` `atanh` | 1/sqrt(x^2+1), 1/sqrt((x-1)(x+1)), 1/(1-x^2) |
| `atan2` y, x | x/(x^2+y^2), -y/(x^2+y^2) |
| `erf` | 2/sqrt(pi) exp(-x^2) |
| `copysign` x, y | sign(x) sign(y), and 0 for y |
| `fma` a, b, c | b, a, 1 |
| `floor` `ceil` `round` `roundeven` `trunc` | 0 |
"""

from __future__ import annotations

from math import log, pi, sqrt

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr, IntegerType, TensorType
from xdsl.ir import SSAValue

from dialectad.ad.algebra import MINUS_ONE, ONE, ZERO, Expr, Factor, Gate, Over, element_type
from dialectad.ad.rule import Partials, Point, inactive, register

register(math.AbsFOp, Partials(lambda at: _sign(at.x)))
register(math.SqrtOp, Partials(lambda at: Over(at.r, at.r.like(0.5))))
register(math.RsqrtOp, Partials(lambda at: Over(at.x, at.r * -0.5)))
register(math.CbrtOp, Partials(lambda at: Over(at.r * at.r, at.r.like(1 / 3))))
register(math.ExpOp, Partials(lambda at: at.r))
register(math.Exp2Op, Partials(lambda at: at.r * log(2)))
register(math.ExpM1Op, Partials(lambda at: at.r + 1.0))
register(math.LogOp, Partials(lambda at: Over(at.x)))
register(math.Log2Op, Partials(lambda at: Over(at.x * log(2))))
register(math.Log10Op, Partials(lambda at: Over(at.x * log(10))))
register(math.Log1pOp, Partials(lambda at: Over(at.x + 1.0)))
register(math.SinOp, Partials(lambda at: at.x.apply(math.CosOp)))
register(math.CosOp, Partials(lambda at: -at.x.apply(math.SinOp)))
register(math.TanOp, Partials(lambda at: at.r * at.r + 1.0))
register(math.SinhOp, Partials(lambda at: at.x.apply(math.CoshOp)))
register(math.CoshOp, Partials(lambda at: at.x.apply(math.SinhOp)))
register(math.TanhOp, Partials(lambda at: 1.0 - at.r * at.r))
register(math.AsinOp, Partials(lambda at: Over((1.0 - at.x * at.x).sqrt())))
register(math.AcosOp, Partials(lambda at: Over((1.0 - at.x * at.x).sqrt(), MINUS_ONE)))
register(math.AtanOp, Partials(lambda at: Over(at.x * at.x + 1.0)))
register(math.AsinhOp, Partials(lambda at: Over((at.x * at.x + 1.0).sqrt())))
register(math.AcoshOp, Partials(lambda at: Over(((at.x - 1.0) * (at.x + 1.0)).sqrt())))
register(math.AtanhOp, Partials(lambda at: Over(1.0 - at.x * at.x)))
register(math.ErfOp, Partials(lambda at: (-(at.x * at.x)).apply(math.ExpOp) * (2 / sqrt(pi))))
register(math.FmaOp, Partials(lambda at: at.y, lambda at: at.x, ONE))
register(
    math.Atan2Op,
    Partials(
        lambda at: Over(at.x * at.x + at.y * at.y, at.y), lambda at: Over(at.x * at.x + at.y * at.y, -at.x)
    ),
)
inactive(math.AbsIOp, math.CountLeadingZerosOp, math.CountTrailingZerosOp, math.CtPopOp, math.IPowIOp)
inactive(math.FloorOp, math.CeilOp, math.RoundOp, math.RoundEvenOp, math.TruncOp)


def _sign(x: Expr) -> Factor:
    return Gate(x.compare("ogt", 0.0), ONE, Gate(x.compare("olt", 0.0), MINUS_ONE, ZERO))


def _copysign(at: Point) -> Factor:
    """The sign bits of both, those of zeros included."""
    one = at.x.like(1.0)
    return one.apply(math.CopySignOp, at.x) * one.apply(math.CopySignOp, at.y)


register(math.CopySignOp, Partials(_copysign, ZERO))


def _known(value: SSAValue) -> float | None:
    """The number that `value` is everywhere, if it is a constant."""
    if not isinstance(op := value.owner, arith.ConstantOp):
        return None
    match op.value:
        case FloatAttr() | IntegerAttr():
            return float(op.value.value.data)
        case DenseIntOrFPElementsAttr() if op.value.is_splat():
            return float(op.value.get_values()[0])  # pyright: ignore[reportArgumentType]
        case _:
            return None


def _power_of(x: Expr, exponent: float) -> Factor:
    """x ** exponent without `powf` where the exponent is a small one."""
    if exponent == 0:
        return ONE
    if exponent == 1:
        return x
    if exponent == 2:
        return x * x
    if exponent == 0.5:
        return x.sqrt()
    if exponent == -0.5:
        return Over(x.sqrt())
    return x.apply(math.PowFOp, exponent)


def _power_base(at: Point) -> Factor:
    if (known := _known(at.op.operands[1])) is not None:
        if known == 0:
            return at.x.like(0.0)
        match _power_of(at.x, known - 1):
            case Expr() as power:
                return power * known
            case Over() as over:
                return Over(over.denominator, at.x.like(known))
            case _:
                return at.x.like(known)
    return Gate(at.y.compare("oeq", 0.0), ZERO, at.y * at.x.apply(math.PowFOp, at.y - 1.0))


def _power_exponent(at: Point) -> Factor:
    return Gate(at.x.compare("oeq", 0.0), ZERO, at.r * at.x.apply(math.LogOp))


register(math.PowFOp, Partials(_power_base, _power_exponent))


def _integer_power(at: Point) -> Factor:
    if _known(at.op.operands[1]) is not None:
        return _power_base(at)
    n = at.y
    integer = element_type(n.value.type)
    assert isinstance(integer, IntegerType)
    one = n.emitter.integer(1, integer)
    if isinstance(n.value.type, TensorType):
        from xdsl.dialects import tensor

        one = n.emitter.emit(tensor.SplatOp(one, n.emitter.sizes_of(n.value), n.value.type))
    less = n.emitter.emit(arith.SubiOp(n.value, one))
    power = Expr(n.emitter, n.emitter.emit(math.FPowIOp(at.x.value, less)))
    times = Expr(n.emitter, n.emitter.emit(arith.SIToFPOp(n.value, at.x.value.type)))  # pyright: ignore[reportArgumentType]
    return Gate(times.compare("oeq", 0.0), ZERO, times * power)


register(math.FPowIOp, Partials(_integer_power, ZERO))
