"""`canonicalize` on `arith` and `math`.

Floats are folded only where the result is the very same float: NaN, infinities and signed zeros count, so
x * 0, x - x and x + 0.0 stay as they are. What holds of a scalar holds of a tensor whose elements are all
that scalar.
"""

from __future__ import annotations

import math as pymath
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
)
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.rewrite import constants, extents, ranges
from dialectad.rewrite.constants import Scalar
from dialectad.rewrite.rewriter import Rewriter

Rule = Callable[..., SSAValue | None]


def _truncated_division(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_INTEGER: dict[type[Operation], Callable[[int, int], int]] = {
    arith.AddiOp: operator.add,
    arith.SubiOp: operator.sub,
    arith.MuliOp: operator.mul,
    arith.AndIOp: operator.and_,
    arith.OrIOp: operator.or_,
    arith.XOrIOp: operator.xor,
    arith.MaxSIOp: max,
    arith.MinSIOp: min,
}
_DIVISION: dict[type[Operation], Callable[[int, int], int]] = {
    arith.DivSIOp: _truncated_division,
    arith.FloorDivSIOp: operator.floordiv,
    arith.CeilDivSIOp: lambda a, b: -(-a // b),
    arith.RemSIOp: lambda a, b: a - b * _truncated_division(a, b),
}
_FLOAT: dict[type[Operation], Callable[..., Any]] = {
    arith.AddfOp: operator.add,
    arith.SubfOp: operator.sub,
    arith.MulfOp: operator.mul,
    arith.DivfOp: operator.truediv,
    arith.NegfOp: operator.neg,
    math.AbsFOp: np.abs,
    math.CeilOp: np.ceil,
    math.CopySignOp: np.copysign,
    math.FloorOp: np.floor,
    math.RoundEvenOp: np.rint,
    math.SqrtOp: np.sqrt,
    math.TruncOp: np.trunc,
}
"""What IEEE 754 defines to the last bit."""


def width(type_: Attribute) -> int:
    """The bits of an integer type."""
    return type_.width.data if isinstance(type_, IntegerType) else 64


def wrapped(number: int, type_: Attribute) -> IntegerAttr:
    """An integer modulo the range of its type."""
    bits = width(type_)
    number &= (1 << bits) - 1
    if number >> (bits - 1):
        number -= 1 << bits
    return IntegerAttr(number, type_)  # pyright: ignore[reportArgumentType, reportCallIssue]


def _numpy(attr: FloatAttr) -> np.floating:
    return (np.float32 if isinstance(attr.type, Float32Type) else np.float64)(attr.value.data)


def _numbers(op: Operation) -> list[Scalar] | None:
    found: list[Scalar] = []
    for operand in op.operands:
        number = constants.scalar(operand)
        if number is None:
            return None
        found.append(number)
    return found


def evaluate(op: Operation) -> Scalar | None:
    """The constant that an op on constant scalars gives."""
    kind = type(op)
    numbers = _numbers(op)
    if numbers is None:
        return None
    type_ = op.results[0].type
    if kind in _FLOAT:
        if not isinstance(type_, Float32Type | Float64Type):
            return None
        with np.errstate(all="ignore"):
            result = _FLOAT[kind](*[_numpy(n) for n in numbers if isinstance(n, FloatAttr)])
        return None if np.isnan(result) else FloatAttr(float(result), type_)
    values = [n.value.data for n in numbers]
    if kind in _INTEGER:
        return wrapped(_INTEGER[kind](*values), type_)  # pyright: ignore[reportArgumentType]
    if kind in _DIVISION:
        a, b = values
        overflows = b == -1 and a == -(1 << (width(type_) - 1))
        return None if b == 0 or overflows else wrapped(_DIVISION[kind](a, b), type_)  # pyright: ignore
    if kind is arith.CmpfOp:
        return _compare_floats(op, *values)
    return _convert(kind, values[0], numbers[0].type, type_)


def _convert(kind: type[Operation], value: int | float, source: Attribute, type_: Attribute) -> Scalar | None:
    if isinstance(value, int):
        if kind is arith.IndexCastOp or kind is arith.ExtSIOp or kind is arith.TruncIOp:
            return wrapped(value, type_)
        unsigned = value & ((1 << width(source)) - 1)
        if kind is arith.ExtUIOp:
            return wrapped(unsigned, type_)
        if kind is arith.SIToFPOp or kind is arith.UIToFPOp:
            exact = value if kind is arith.SIToFPOp else unsigned
            rounded = np.float32(exact) if isinstance(type_, Float32Type) else float(exact)
            return FloatAttr(float(rounded), type_)  # pyright: ignore[reportArgumentType, reportCallIssue]
    elif kind is arith.ExtFOp or kind is arith.TruncFOp:
        with np.errstate(all="ignore"):
            rounded = np.float32(value) if isinstance(type_, Float32Type) else value
        return None if np.isnan(value) else FloatAttr(float(rounded), type_)  # pyright: ignore
    elif kind is arith.FPToSIOp and pymath.isfinite(value):
        limit = 1 << (width(type_) - 1)
        return wrapped(int(value), type_) if -limit <= int(value) < limit else None
    return None


def _truth(value: bool) -> IntegerAttr:
    return IntegerAttr(-1 if value else 0, IntegerType(1))


def _compare_floats(op: Operation, a: float, b: float) -> IntegerAttr:
    predicate = op.predicate.value.data  # pyright: ignore[reportAttributeAccessIssue]
    unordered = a != a or b != b
    if predicate in (0, 15):
        return _truth(predicate == 15)
    if predicate in (7, 14):
        return _truth(unordered == (predicate == 14))
    relation = predicate if predicate < 7 else predicate - 7
    holds = {1: a == b, 2: a > b, 3: a >= b, 4: a < b, 5: a <= b, 6: a != b and not unordered}[relation]
    return _truth(holds or (unordered and predicate > 7))


def _is(value: SSAValue, number: float) -> bool:
    """Whether all of `value` is this float, bit by bit."""
    found = constants.uniform_float(value)
    return found == number and found is not None and pymath.copysign(1, found) == pymath.copysign(1, number)


def _is_integer(value: SSAValue, number: int) -> bool:
    return constants.uniform_integer(value) == number


def _like(rw: Rewriter, op: Operation, number: float) -> SSAValue:
    """A value of the type of `op`, all of it `number`."""
    return uniform(rw, op, FloatAttr(number, constants.element_type(op.results[0].type)))  # pyright: ignore


def uniform(rw: Rewriter, op: Operation, attr: Scalar) -> SSAValue:
    """A value of the type of the result of `op`, all of it `attr`."""
    scalar = rw.constant(op, attr)
    type_ = op.results[0].type
    if not isinstance(type_, TensorType):
        return scalar
    sizes = extents.dynamic_sizes(op.results[0], op)
    return rw.insert(op, tensor.SplatOp(scalar, sizes, type_))


def _negated(value: SSAValue) -> SSAValue | None:
    owner = value.owner
    return owner.operand if isinstance(owner, arith.NegfOp) else None


def _new(rw: Rewriter, op: Operation, kind: type[Operation], *operands: SSAValue) -> SSAValue:
    properties = {"fastmath": op.properties["fastmath"]} if "fastmath" in op.properties else {}
    return rw.insert(
        op, kind.create(operands=operands, result_types=[operands[-1].type], properties=properties)
    )


def _addf(op: arith.AddfOp, rw: Rewriter) -> SSAValue | None:
    """x + -0.0 -> x;  x + -y -> x - y"""
    for x, y in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if _is(y, -0.0):
            return x
        if (negated := _negated(y)) is not None:
            return _new(rw, op, arith.SubfOp, x, negated)
    return None


def _subf(op: arith.SubfOp, rw: Rewriter) -> SSAValue | None:
    """x - 0.0 -> x;  -0.0 - x -> -x;  x - -y -> x + y"""
    if _is(op.rhs, 0.0):
        return op.lhs
    if _is(op.lhs, -0.0):
        return _new(rw, op, arith.NegfOp, op.rhs)
    if (negated := _negated(op.rhs)) is not None:
        return _new(rw, op, arith.AddfOp, op.lhs, negated)
    return None


def _mulf(op: arith.MulfOp, rw: Rewriter) -> SSAValue | None:
    """x * 1.0 -> x;  x * -1.0 -> -x;  -x * -y -> x * y"""
    for x, y in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if _is(y, 1.0):
            return x
        if _is(y, -1.0):
            return _new(rw, op, arith.NegfOp, x)
    a, b = _negated(op.lhs), _negated(op.rhs)
    return _new(rw, op, arith.MulfOp, a, b) if a is not None and b is not None else None


def _divf(op: arith.DivfOp, rw: Rewriter) -> SSAValue | None:
    """x / 1.0 -> x;  x / -1.0 -> -x;  x / 4.0 -> x * 0.25 (for a power of two);  -x / -y -> x / y"""
    divisor = constants.uniform_float(op.rhs)
    if divisor is None:
        a, b = _negated(op.lhs), _negated(op.rhs)
        return _new(rw, op, arith.DivfOp, a, b) if a is not None and b is not None else None
    if divisor == 1.0:
        return op.lhs
    if divisor == -1.0:
        return _new(rw, op, arith.NegfOp, op.lhs)
    mantissa, exponent = pymath.frexp(divisor)
    if abs(mantissa) == 0.5 and abs(exponent) < 100:  # far from where single precision is denormal
        return _new(rw, op, arith.MulfOp, op.lhs, _like(rw, op, 1.0 / divisor))
    return None


def _negf(op: arith.NegfOp, rw: Rewriter) -> SSAValue | None:
    """-(-x) -> x"""
    return _negated(op.operand)


def _absf(op: math.AbsFOp, rw: Rewriter) -> SSAValue | None:
    """|-x| -> |x|;  ||x|| -> |x|"""
    if (negated := _negated(op.operand)) is not None:
        return _new(rw, op, math.AbsFOp, negated)
    return op.operand if isinstance(op.operand.owner, math.AbsFOp) else None


def _powf(op: math.PowFOp, rw: Rewriter) -> SSAValue | None:
    """x ** n for a small constant n:  1 -> x;  0 -> 1;  2 -> x * x;  3 -> x * x * x;  -1 -> 1 / x

    These agree with `pow` at zeros, infinities and NaN; all but the cube are at least as exact.
    """
    x = op.lhs
    match constants.uniform_float(op.rhs):
        case 1.0:
            return x
        case 0.0:
            return _like(rw, op, 1.0)
        case 2.0:
            return _new(rw, op, arith.MulfOp, x, x)
        case 3.0:
            return _new(rw, op, arith.MulfOp, _new(rw, op, arith.MulfOp, x, x), x)
        case -1.0:
            return _new(rw, op, arith.DivfOp, _like(rw, op, 1.0), x)
        case _:
            return None


def _same_float(op: Operation, rw: Rewriter) -> SSAValue | None:
    """max(x, x) -> x, and min"""
    return op.operands[0] if op.operands[0] is op.operands[1] else None


def _addi(op: arith.AddiOp, rw: Rewriter) -> SSAValue | None:
    """x + 0 -> x;  (x + 1) + 2 -> x + 3;  (7 - x) + 2 -> 9 - x;  (x - y) + y -> x"""
    for x, y in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        number = constants.uniform_integer(y)
        if number == 0:
            return x
        owner = x.owner
        if isinstance(owner, arith.SubiOp) and owner.rhs is y:
            return owner.lhs
        if number is None or not isinstance(owner, arith.AddiOp | arith.SubiOp):
            continue
        summand = constants.integer(owner.rhs if isinstance(owner, arith.AddiOp) else owner.lhs)
        if summand is not None and constants.integer(y) is not None:
            total = rw.constant(op, wrapped(summand + number, x.type))
            if isinstance(owner, arith.AddiOp):
                return rw.insert(op, arith.AddiOp(owner.lhs, total))
            return rw.insert(op, arith.SubiOp(total, owner.rhs))
    return None


def _subi(op: arith.SubiOp, rw: Rewriter) -> SSAValue | None:
    """x - 0 -> x;  x - x -> 0;  (x + y) - y -> x;  x - 1 -> x + -1"""
    if _is_integer(op.rhs, 0):
        return op.lhs
    if op.lhs is op.rhs:
        return uniform(rw, op, wrapped(0, constants.element_type(op.result.type)))
    if isinstance(total := op.lhs.owner, arith.AddiOp) and op.rhs in total.operands:
        return total.lhs if total.rhs is op.rhs else total.rhs
    number = constants.integer(op.rhs)
    if number is not None:
        return rw.insert(op, arith.AddiOp(op.lhs, rw.constant(op, wrapped(-number, op.lhs.type))))
    return None


def _muli(op: arith.MuliOp, rw: Rewriter) -> SSAValue | None:
    """x * 1 -> x;  x * 0 -> 0"""
    for x, y in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        number = constants.uniform_integer(y)
        if number == 1 and width(constants.element_type(y.type)) > 1:
            return x
        if number == 0:
            return y
    return None


def _divi(op: Operation, rw: Rewriter) -> SSAValue | None:
    """x // 1 -> x"""
    return op.operands[0] if _is_integer(op.operands[1], 1) else None


def _remsi(op: arith.RemSIOp, rw: Rewriter) -> SSAValue | None:
    """x % 1 -> 0;  x % n -> x where 0 <= x < n"""
    if _is_integer(op.rhs, 1):
        return uniform(rw, op, wrapped(0, constants.element_type(op.result.type)))
    divisor = constants.integer(op.rhs)
    if divisor is not None and divisor > 0:
        found = ranges.bounds(op.lhs)
        if found is not None and found[0] >= 0 and found[1] < divisor:
            return op.lhs
    return None


def _andi(op: arith.AndIOp, rw: Rewriter) -> SSAValue | None:
    """x & x -> x;  x & 0 -> 0;  x & -1 -> x"""
    return _bitwise(op, absorbing=0, neutral=-1)


def _ori(op: arith.OrIOp, rw: Rewriter) -> SSAValue | None:
    """x | x -> x;  x | 0 -> x;  x | -1 -> -1"""
    return _bitwise(op, absorbing=-1, neutral=0)


def _bitwise(op: arith.AndIOp | arith.OrIOp, absorbing: int, neutral: int) -> SSAValue | None:
    if op.lhs is op.rhs:
        return op.lhs
    for x, y in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if _is_integer(y, neutral):
            return x
        if _is_integer(y, absorbing):
            return y
    return None


def _xori(op: arith.XOrIOp, rw: Rewriter) -> SSAValue | None:
    """x ^ 0 -> x;  x ^ x -> 0;  (x ^ y) ^ y -> x;  not (a < b) -> a >= b"""
    if op.lhs is op.rhs:
        return uniform(rw, op, wrapped(0, constants.element_type(op.result.type)))
    for x, y in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if _is_integer(y, 0):
            return x
        number = constants.uniform_integer(y)
        owner = x.owner
        if isinstance(owner, arith.XOrIOp) and number is not None:
            if constants.uniform_integer(owner.rhs) == number:
                return owner.lhs
        elif number == -1 and isinstance(owner, arith.CmpiOp):
            opposite = _OPPOSITE[owner.predicate.value.data]
            return rw.insert(op, arith.CmpiOp(owner.lhs, owner.rhs, opposite))
    return None


_OPPOSITE = (1, 0, 5, 4, 3, 2, 9, 8, 7, 6)
"""Of the predicates of cmpi: eq ne slt sle sgt sge ult ule ugt uge."""


def _cmpi(op: arith.CmpiOp, rw: Rewriter) -> SSAValue | None:
    """i < 10 -> true where i runs from 0 to 10;  x == x -> true"""
    decided = ranges.compare(op.predicate.value.data, op.lhs, op.rhs)
    return None if decided is None else rw.constant(op, _truth(decided))


def _cmpf(op: arith.CmpfOp, rw: Rewriter) -> SSAValue | None:
    """The predicates `false` and `true` are constants."""
    predicate = op.predicate.value.data
    return uniform(rw, op, _truth(predicate == 15)) if predicate in (0, 15) else None


def _select(op: arith.SelectOp, rw: Rewriter) -> SSAValue | None:
    """select true, a, b -> a;  select c, a, a -> a;  select c, true, false -> c;  select not c, a, b"""
    if op.lhs is op.rhs:
        return op.lhs
    chosen = constants.uniform_integer(op.cond)
    if chosen is not None:
        return op.lhs if chosen != 0 else op.rhs
    if op.lhs.type == op.cond.type and _is_integer(op.lhs, -1) and _is_integer(op.rhs, 0):
        return op.cond
    owner = op.cond.owner
    if isinstance(owner, arith.XOrIOp) and _is_integer(owner.rhs, -1):
        return rw.insert(op, arith.SelectOp(owner.lhs, op.rhs, op.lhs))
    return None


def _index_cast(op: arith.IndexCastOp, rw: Rewriter) -> SSAValue | None:
    """index -> i64 -> index and i32 -> index -> i32 change nothing"""
    owner = op.input.owner
    if not isinstance(owner, arith.IndexCastOp) or owner.input.type != op.result.type:
        return None
    middle = constants.element_type(op.input.type)
    return owner.input if isinstance(middle, IndexType) or width(middle) >= 64 else None


def _narrowed(op: Operation, rw: Rewriter) -> SSAValue | None:
    """trunc(ext x) -> x"""
    owner = op.operands[0].owner
    if isinstance(owner, arith.ExtFOp | arith.ExtSIOp | arith.ExtUIOp):
        source = owner.operands[0]
        return source if source.type == op.results[0].type else None
    return None


_RULES: dict[type[Operation], Rule] = {
    arith.AddfOp: _addf,
    arith.SubfOp: _subf,
    arith.MulfOp: _mulf,
    arith.DivfOp: _divf,
    arith.NegfOp: _negf,
    arith.MaximumfOp: _same_float,
    arith.MinimumfOp: _same_float,
    math.AbsFOp: _absf,
    math.PowFOp: _powf,
    arith.AddiOp: _addi,
    arith.SubiOp: _subi,
    arith.MuliOp: _muli,
    arith.DivSIOp: _divi,
    arith.FloorDivSIOp: _divi,
    arith.CeilDivSIOp: _divi,
    arith.RemSIOp: _remsi,
    arith.AndIOp: _andi,
    arith.OrIOp: _ori,
    arith.XOrIOp: _xori,
    arith.CmpiOp: _cmpi,
    arith.CmpfOp: _cmpf,
    arith.SelectOp: _select,
    arith.IndexCastOp: _index_cast,
    arith.TruncFOp: _narrowed,
    arith.TruncIOp: _narrowed,
}


def fold(op: Operation, rw: Rewriter) -> SSAValue | None:
    """What `op`, of `arith` or `math`, can be replaced by."""
    if not isinstance(op.results[0].type, TensorType):
        constant = evaluate(op)
        if constant is not None:
            return rw.constant(op, constant)
    elif (lifted := _on_uniform(op, rw)) is not None:
        return lifted
    rule = _RULES.get(type(op))
    return rule(op, rw) if rule is not None else None


def _on_uniform(op: Operation, rw: Rewriter) -> SSAValue | None:
    """What is done to a tensor of equal elements is done once.

    %s = tensor.splat %x;  %r = math.exp %s   ~>   %e = math.exp %x;  %r = tensor.splat %e
    """
    scalars: list[SSAValue | Scalar] = []
    sizes: Sequence[SSAValue] = ()
    for operand in op.operands:
        if not isinstance(operand.type, TensorType):
            scalars.append(operand)
        elif isinstance(splat := operand.owner, tensor.SplatOp):
            scalars.append(splat.input)
            sizes = splat.dynamicSizes
        elif (number := constants.uniform(operand)) is not None and not constants.uniform_source(operand):
            scalars.append(number)
        else:
            return None
    type_ = op.results[0].type
    assert isinstance(type_, TensorType)
    operands = [s if isinstance(s, SSAValue) else rw.constant(op, s) for s in scalars]
    scalar = type(op).create(
        operands=operands,
        result_types=[type_.element_type],
        properties=op.properties,
        attributes=op.attributes,
    )
    return rw.insert(op, tensor.SplatOp(rw.insert(op, scalar), sizes, type_))
