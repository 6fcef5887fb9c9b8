"""What a type says about its derivatives: zero, add, scale, and constants of its shape.

Zero is symbolic: a tangent or cotangent that is `None` is zero, and no op is built for it. The factors
`ZERO`, `ONE` and `MINUS_ONE` are symbolic too: nothing adds a zero or multiplies by a one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from xdsl.builder import Builder
from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    MemRefType,
    TensorType,
    i1,
)
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.dialects.ad import CacheType

INDEX = IndexType()


class Symbol(Enum):
    """A factor that costs nothing to apply."""

    ZERO = 0
    ONE = 1
    MINUS_ONE = -1


ZERO, ONE, MINUS_ONE = Symbol.ZERO, Symbol.ONE, Symbol.MINUS_ONE


def is_differentiable(type_: Attribute) -> bool:
    """Whether a value of this type can have a derivative: floats, and what holds floats."""
    match type_:
        case LLVMPointerType():
            return True  # nothing is known of what it points to
        case TensorType() | MemRefType():
            return isinstance(type_.element_type, AnyFloat)
        case CacheType():
            return is_differentiable(type_.element_type)
        case _:
            return isinstance(type_, AnyFloat)


def element_type(type_: Attribute) -> Attribute:
    """The scalar type of a scalar or tensor type."""
    return type_.element_type if isinstance(type_, TensorType) else type_


def truth_type(type_: Attribute) -> Attribute:
    """The type of a comparison of two values of this type."""
    return TensorType(i1, type_.get_shape()) if isinstance(type_, TensorType) else i1


def integer_constant(value: int, type_: IndexType | IntegerType = INDEX) -> arith.ConstantOp:
    return arith.ConstantOp.create(result_types=[type_], properties={"value": IntegerAttr(value, type_)})


def name_after(derivative: SSAValue, primal: SSAValue, prefix: str) -> None:
    """Let `derivative` print as the name of `primal` with a prefix, unless it has a name."""
    if derivative.name_hint is None and primal.name_hint is not None:
        derivative.name_hint = prefix + primal.name_hint


class Emitter:
    """Builds ops at an insertion point and stamps them with the location of what they derive from."""

    def __init__(self, point: InsertPoint, role: str):
        self.builder = Builder(point)
        self.builder.operation_insertion_handler.append(self._stamp)
        self.role = role
        self.location: LocationAttr = locations.UNKNOWN

    @staticmethod
    def before(op: Operation) -> Emitter:
        """An emitter of what takes the place of `op`, and so has its location."""
        emitter = Emitter(InsertPoint.before(op), "")
        emitter.location = op.location
        return emitter

    def _stamp(self, op: Operation) -> None:
        if op.location == locations.UNKNOWN:
            op.location = self.location

    @contextmanager
    def deriving(self, op: Operation) -> Iterator[None]:
        """Stamp what is built meanwhile as derived from `op`."""
        saved = self.location
        self.location = locations.derived(self.role, op.location)
        yield
        self.location = saved

    @contextmanager
    def at(self, point: InsertPoint) -> Iterator[None]:
        """Build at `point` meanwhile."""
        saved = self.builder.insertion_point
        self.builder.insertion_point = point
        yield
        self.builder.insertion_point = saved

    def inside(self, block: Block):
        """Build at the end of `block` meanwhile."""
        return self.at(InsertPoint.at_end(block))

    def emit(self, op: Operation) -> SSAValue:
        """Insert `op` and give its first result."""
        self.builder.insert(op)
        return op.results[0]

    def insert(self, op: Operation) -> None:
        self.builder.insert(op)

    # Integers

    def integer(self, value: int, type_: IndexType | IntegerType = INDEX) -> SSAValue:
        return self.emit(integer_constant(value, type_))

    def sizes_of(self, value: SSAValue) -> list[SSAValue]:
        """The dynamic extents of a tensor that is in scope."""
        if not isinstance(value.type, TensorType):
            return []
        return [
            self.emit(tensor.DimOp(value, self.integer(dim)))
            for dim, extent in enumerate(value.type.get_shape())
            if extent == DYNAMIC_INDEX
        ]

    # Constants

    def scalar(self, value: float, type_: Attribute) -> SSAValue:
        assert isinstance(type_, AnyFloat)
        constant = FloatAttr(value, type_)
        return self.emit(arith.ConstantOp.create(result_types=[type_], properties={"value": constant}))

    def full(self, value: float, type_: Attribute, sizes: Sequence[SSAValue] = ()) -> SSAValue:
        """A fresh value of this type, each element of which is `value`."""
        if not isinstance(type_, TensorType):
            return self.scalar(value, type_)
        return self.emit(tensor.SplatOp(self.scalar(value, type_.element_type), sizes, type_))

    def zero(self, type_: Attribute, sizes: Sequence[SSAValue] = ()) -> SSAValue:
        return self.full(0.0, type_, sizes)

    def constant_like(self, value: float, like: SSAValue) -> SSAValue:
        """An operand of type and shape of `like`, each element of which is `value`."""
        type_ = like.type
        if not isinstance(type_, TensorType):
            return self.scalar(value, type_)
        if (shape := type_.get_shape()) and (DYNAMIC_INDEX in shape or 0 in shape):
            return self.full(value, type_, self.sizes_of(like))
        dense = DenseIntOrFPElementsAttr.from_list(type_, [value])
        return self.emit(arith.ConstantOp.create(result_types=[type_], properties={"value": dense}))

    def empty(self, type_: Attribute, sizes: Sequence[SSAValue] = ()) -> SSAValue:
        return self.emit(tensor.EmptyOp(sizes, type_))

    # Arithmetic

    def add(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.emit(arith.AddfOp(a, b))

    def scale(self, value: SSAValue, factor: Factor) -> SSAValue:
        """`value` times a factor that isn't zero."""
        match factor:
            case Symbol.ONE:
                return value
            case Symbol.MINUS_ONE:
                return self.emit(arith.NegfOp(value))
            case Over():
                quotient = self.emit(arith.DivfOp(value, factor.denominator.value))
                return self.scale(quotient, factor.numerator)
            case Gate():
                holds, fails = (
                    self.constant_like(0.0, value) if f is ZERO else self.scale(value, f)
                    for f in (factor.holds, factor.fails)
                )
                return self.emit(arith.SelectOp(factor.mask, holds, fails))
            case Expr():
                return self.emit(arith.MulfOp(value, factor.value))
            case _:
                raise AssertionError("zero is never applied")


@dataclass(frozen=True)
class Expr:
    """A value that can be computed with, elementwise, together with Python's floats."""

    emitter: Emitter
    value: SSAValue

    def _lift(self, other: Expr | float) -> SSAValue:
        return other.value if isinstance(other, Expr) else self.emitter.constant_like(other, self.value)

    def _binary(self, op: type[Operation], a: SSAValue, b: SSAValue) -> Expr:
        return Expr(self.emitter, self.emitter.emit(op(a, b)))  # pyright: ignore[reportCallIssue]

    def __add__(self, other: Expr | float) -> Expr:
        return self._binary(arith.AddfOp, self.value, self._lift(other))

    def __sub__(self, other: Expr | float) -> Expr:
        return self._binary(arith.SubfOp, self.value, self._lift(other))

    def __rsub__(self, other: float) -> Expr:
        return self._binary(arith.SubfOp, self._lift(other), self.value)

    def __mul__(self, other: Expr | float) -> Expr:
        return self._binary(arith.MulfOp, self.value, self._lift(other))

    def __truediv__(self, other: Expr | float) -> Expr:
        return self._binary(arith.DivfOp, self.value, self._lift(other))

    def __rtruediv__(self, other: float) -> Expr:
        return self._binary(arith.DivfOp, self._lift(other), self.value)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Expr:
        return self.apply(arith.NegfOp)

    def apply(self, op: type[Operation], *others: Expr | float) -> Expr:
        """`op` of this value and others."""
        operands = [self.value, *(self._lift(other) for other in others)]
        return Expr(self.emitter, self.emitter.emit(op(*operands)))  # pyright: ignore[reportCallIssue]

    def sqrt(self) -> Expr:
        return self.apply(math.SqrtOp)

    def compare(self, predicate: str, other: Expr | float) -> SSAValue:
        """`arith.cmpf predicate, self, other`, a mask."""
        op = arith.CmpfOp(self.value, self._lift(other), predicate)
        return self.emitter.emit(op)

    def where(self, mask: SSAValue, other: Expr | float) -> Expr:
        """This value where `mask` holds, `other` elsewhere."""
        return Expr(self.emitter, self.emitter.emit(arith.SelectOp(mask, self.value, self._lift(other))))

    def like(self, value: float) -> Expr:
        """A constant of this value's shape."""
        return Expr(self.emitter, self._lift(value))


@dataclass(frozen=True)
class Over:
    """The factor `numerator / denominator`, applied as a division and then a product."""

    denominator: Expr
    numerator: Symbol | Expr = ONE


@dataclass(frozen=True)
class Gate:
    """The factor `holds` where `mask` is true and `fails` elsewhere.

    It is applied as a `select`, so what isn't chosen can't make a NaN of an infinity times zero.
    """

    mask: SSAValue
    holds: Factor
    fails: Factor


Factor = Symbol | Expr | Over | Gate
