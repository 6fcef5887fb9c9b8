"""Pieces of Python source that stand for values of the IR."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, IntegerType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue


class Unprintable(Exception):
    """The IR has no short form as NumPy calls: its native code is called instead."""

    @classmethod
    def op(cls, op: Operation) -> Unprintable:
        return cls(f"{op.name} has no short form as NumPy calls")


class Form(Enum):
    """How an expression gives the elements of a value."""

    WHOLE = "an array of the value's shape (or the number that the value is)"
    SPREAD = "an array that broadcasts to the value's shape"
    NUMBER = "the number that all elements are"


@dataclass(frozen=True)
class Text:
    """The source of an expression: atomic, or in parentheses."""

    source: str
    form: Form = Form.WHOLE
    fresh: bool = True
    """Whether the array that it gives shares memory with nothing else."""


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a value, which must be static."""
    if not isinstance(value.type, TensorType):
        return ()
    shape = value.type.get_shape()
    if DYNAMIC_INDEX in shape:
        raise Unprintable("a shape is known only at run time")
    return tuple(shape)


def element_of(value: SSAValue) -> Attribute:
    return value.type.element_type if isinstance(value.type, TensorType) else value.type


def dtype_name(type_: Attribute) -> str:
    """The name of the NumPy dtype of an element type, as generated code calls it."""
    if isinstance(type_, IndexType):
        return "int64"
    if isinstance(type_, IntegerType):
        return "bool_" if type_.width.data == 1 else f"int{type_.width.data}"
    width: Any = type_
    return f"float{width.bitwidth}"
