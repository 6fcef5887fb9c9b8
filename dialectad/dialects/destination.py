"""Ops of numerical libraries in destination-passing form: what `blas`, `lapack` and `order` have in
common.

Each op that gives an array takes its destination last. On tensors it gives the new value; on memrefs it has
no result and writes the destination. An op without a destination gives a number of what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import DYNAMIC_INDEX, AnyFloat, MemRefType, TensorType, UnitAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, base, opt_result_def, traits_def
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind
from xdsl.utils.exceptions import VerifyException

SHAPED = base(TensorType) | base(MemRefType)


class WritesMemref(MemoryEffect):
    """Pure on tensors, reads and writes memory on memrefs."""

    @classmethod
    def get_effects(cls, op):
        if any(isinstance(operand.type, MemRefType) for operand in op.operands):
            return {
                EffectInstance(MemoryEffectKind.READ),
                EffectInstance(MemoryEffectKind.WRITE),
            }
        return set()


class ReadsMemref(MemoryEffect):
    """Pure on tensors, reads memory on memrefs."""

    @classmethod
    def get_effects(cls, op):
        if any(isinstance(operand.type, MemRefType) for operand in op.operands):
            return {EffectInstance(MemoryEffectKind.READ)}
        return set()


class DestinationOp(IRDLOperation):
    """What writes its result over its last operand."""

    result = opt_result_def(base(TensorType))
    traits = traits_def(WritesMemref())

    def __init__(self, operands: Sequence[SSAValue], properties: Mapping[str, Attribute] | None = None):
        dest = operands[-1]
        super().__init__(
            operands=operands,
            result_types=[[dest.type] if isinstance(dest.type, TensorType) else []],
            properties=properties or {},
        )

    @property
    def destination(self) -> SSAValue:
        return self.operands[-1]

    def reads_destination(self) -> bool:
        """Whether the result depends on what the destination held before."""
        return True

    def verify_(self) -> None:
        if len({element(operand) for operand in self.operands}) != 1:
            raise VerifyException(f"{self.name}: operands differ in element type")
        self.verify_destination()

    def verify_destination(self) -> None:
        if isinstance(self.destination.type, TensorType) != (self.result is not None):
            raise VerifyException(f"{self.name}: a result on tensors, and none on memrefs, expected")
        if self.result is not None and self.result.type != self.destination.type:
            raise VerifyException(f"{self.name}: the result's type is not the destination's")


def flags(**on: bool) -> dict[str, Attribute]:
    """The flags that are on, as properties."""
    return {name: UnitAttr() for name, is_on in on.items() if is_on}


def shape(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType | MemRefType)
    return value.type.get_shape()


def element(value: SSAValue) -> Attribute:
    assert isinstance(value.type, TensorType | MemRefType)
    return value.type.element_type


def same_shape(name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if len(got) != len(expected) or any(
        g != e and DYNAMIC_INDEX not in (g, e) for g, e in zip(got, expected, strict=True)
    ):
        raise VerifyException(f"{name}: shape {expected} expected, got {got}")


def has_routines(element_type: Attribute) -> bool:
    """Whether the libraries have routines for this element type."""
    return isinstance(element_type, AnyFloat) and element_type.bitwidth in (32, 64)
