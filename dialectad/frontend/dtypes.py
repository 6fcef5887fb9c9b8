"""NumPy dtypes and the scalar types of the IR.

Note [Signedness]
    MLIR's `arith` has signless integers; whether a number is signed is in the op. While a function is traced,
    the type of a value has to tell, since the op is chosen by it, so `uint8` is `ui8` then. `emit` refuses
    to make an op that reads an unsigned number as a signed one. When the trace is complete, `erase_signs`
    makes all integers signless.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    Signedness,
    TensorType,
    f32,
    f64,
    i1,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute

DType = np.dtype[Any]

BOOL, INT64, UINT64, FLOAT32, FLOAT64 = (
    np.dtype(t) for t in (np.bool_, np.int64, np.uint64, np.float32, np.float64)
)

COMPLEX128 = np.dtype(np.complex128)

INDEX = IndexType()

_TO_IR: dict[DType, Attribute] = {
    BOOL: i1,
    np.dtype(np.int8): i8,
    np.dtype(np.int16): i16,
    np.dtype(np.int32): i32,
    INT64: i64,
    **{np.dtype(f"uint{n}"): IntegerType(n, Signedness.UNSIGNED) for n in (8, 16, 32, 64)},
    FLOAT32: f32,
    FLOAT64: f64,
}
SUPPORTED = tuple(_TO_IR)

_FROM_IR: dict[Attribute, DType] = {ir: dtype for dtype, ir in _TO_IR.items()} | {INDEX: INT64}


NAMES = "float64, float32, an integer type from int8 to uint64, or bool"
"""What messages call the dtypes that are supported."""


def is_supported(dtype: DType) -> bool:
    """Whether arrays of this dtype can be compiled."""
    return dtype in _TO_IR and dtype.isnative


def is_integral(dtype: DType) -> bool:
    """Whether a dtype is one of integers, signed or not."""
    return dtype.kind in "iu"


_REAL: dict[DType, DType] = {np.dtype(np.complex64): FLOAT32, COMPLEX128: FLOAT64}
_COMPLEX = {real: dtype for dtype, real in _REAL.items()}


def is_complex(dtype: DType) -> bool:
    """Whether this is a dtype of complex numbers that can be compiled, as pairs of floats."""
    return dtype in _REAL and dtype.isnative


def real_of(dtype: DType) -> DType:
    """The dtype of the parts of complex numbers; any other dtype as it is."""
    return _REAL.get(dtype, dtype)


def complex_of(dtype: DType) -> DType:
    """The dtype of complex numbers with parts of a dtype."""
    return _COMPLEX.get(dtype, COMPLEX128)


def to_ir(dtype: DType) -> Attribute:
    """The scalar type of a dtype that is supported."""
    return _TO_IR[dtype]


def from_ir(type_: Attribute) -> DType:
    """The dtype of a scalar type, or of the elements of a tensor type."""
    return _FROM_IR[type_.element_type if isinstance(type_, TensorType) else type_]


def is_float(type_: Attribute) -> bool:
    """Whether a scalar type is a floating-point one."""
    return isinstance(type_, Float32Type | Float64Type)


def is_integer(type_: Attribute) -> bool:
    """Whether a scalar type is an integer or index one (bool included)."""
    return isinstance(type_, IntegerType | IndexType)


def is_unsigned(type_: Attribute) -> bool:
    """Whether a scalar type, or that of a tensor's elements, holds numbers without a sign (bools do)."""
    if isinstance(type_, TensorType):
        type_ = type_.element_type
    return type_ == i1 or (isinstance(type_, IntegerType) and type_.signedness.data is Signedness.UNSIGNED)


def memory_type(dtype: DType, shape: Sequence[int]) -> TensorType[Any]:
    """The IR type of an array's memory: complex numbers are pairs along one more axis."""
    pair = (2,) if dtype in _REAL else ()
    return TensorType(to_ir(real_of(dtype)), (*shape, *pair))
