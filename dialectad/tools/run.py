"""Running a function of a compiled module on given or random arguments.

What is passed: a static memref is a pointer, a dynamic one a pointer and its extents; `index` is an `i64`, a
bool a byte. Each result is one more memref at the end, unless an argument with `dialectad.inout` holds it.
"""

from __future__ import annotations

import ast
import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    DictionaryAttr,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute

from dialectad.errors import CompileError
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine

_RANDOM_EXTENT = 4
"""The extent that random arguments have where the type leaves it open."""


@dataclass(frozen=True)
class Signature:
    """How a function is called, taken from the module before it is lowered."""

    name: str
    arguments: tuple[Attribute, ...]
    results: tuple[Attribute, ...]
    inout: dict[int, int]
    """Result position -> position of the argument that holds it in the end."""


def signature(module: ModuleOp, name: str) -> Signature:
    """The signature of `func.func @name`, on the linalg rung or on the loop rung."""
    for op in module.body.ops:
        if isinstance(op, func.FuncOp) and op.sym_name.data == name:
            return _signature(op)
    raise CompileError(f"there is no func.func @{name} to run", pass_name="run")


def _signature(op: func.FuncOp) -> Signature:
    inputs, results = op.function_type.inputs.data, op.function_type.outputs.data
    outs = op.attributes.get("dialectad.outs")
    if isinstance(outs, IntegerAttr) and outs.value.data:
        inputs, results = inputs[: -outs.value.data], inputs[-outs.value.data :]
    inout: dict[int, int] = {}
    for position, attributes in enumerate(op.arg_attrs.data if op.arg_attrs is not None else ()):
        held = attributes.data.get("dialectad.inout")
        if isinstance(held, IntegerAttr):
            inout[held.value.data] = position
    return Signature(op.sym_name.data, inputs, results, inout)


def dtype_of(type_: Attribute) -> np.dtype:
    """The NumPy dtype of a scalar type, or of a tensor's or memref's elements."""
    element = type_.element_type if isinstance(type_, TensorType | MemRefType) else type_
    match element:
        case Float64Type():
            return np.dtype(np.float64)
        case Float32Type():
            return np.dtype(np.float32)
        case IndexType():
            return np.dtype(np.int64)
        case IntegerType(width=width) if width.data == 1:
            return np.dtype(np.bool_)
        case IntegerType(width=width) if width.data in (8, 16, 32, 64):
            return np.dtype(f"int{width.data}")
        case _:
            raise CompileError(f"can't pass a value of type {type_}", pass_name="run")


def _shape(type_: Attribute) -> tuple[int, ...]:
    return type_.get_shape() if isinstance(type_, TensorType | MemRefType) else ()


def parse_argument(text: str, type_: Attribute) -> NDArray:
    """An argument from a Python literal, or from a `.npy` file."""
    try:
        value = np.load(text, allow_pickle=False) if text.endswith(".npy") else np.array(_literal(text))
        array = np.array(value, dtype_of(type_), order="C")
    except (ValueError, SyntaxError, OSError, TypeError) as error:
        raise CompileError(f"can't read the argument {text!r}: {error}", pass_name="run") from error
    shape = _shape(type_)
    if array.ndim != len(shape) or any(
        e not in (DYNAMIC_INDEX, n) for e, n in zip(shape, array.shape, strict=True)
    ):
        raise CompileError(
            f"the argument {text!r} has shape {array.shape}, {type_} expected", pass_name="run"
        )
    return array


def _literal(text: str) -> Any:
    if text.strip("+-") in ("nan", "inf"):
        return float(text)
    return ast.literal_eval(text)


def random_argument(rng: np.random.Generator, type_: Attribute) -> NDArray:
    """Normal floats, integers from 0 to 3, coin flips."""
    shape = tuple(_RANDOM_EXTENT if n == DYNAMIC_INDEX else n for n in _shape(type_))
    dtype = dtype_of(type_)
    if dtype.kind == "f":
        return np.asarray(rng.standard_normal(shape), dtype)
    return np.asarray(rng.integers(0, 2 if dtype.kind == "b" else 4, shape), dtype)


def arguments(sig: Signature, texts: Sequence[str] | None, seed: int) -> list[NDArray]:
    """What to call the function with: the given texts, or random values where there are none."""
    if texts is None:
        rng = np.random.default_rng(seed)
        return [random_argument(rng, type_) for type_ in sig.arguments]
    if len(texts) != len(sig.arguments):
        raise CompileError(
            f"@{sig.name} takes {len(sig.arguments)} arguments, {len(texts)} given", pass_name="run"
        )
    return [parse_argument(text, type_) for text, type_ in zip(texts, sig.arguments, strict=True)]


def call(module: ModuleOp, sig: Signature, args: Sequence[NDArray]) -> list[NDArray]:
    """Compile a module of the `llvm` rung, call its function, give the results in order."""
    library = engine.load(translate(module))
    buffers = [np.array(arg, order="C") for arg in args]  # inout arguments are written into
    results: list[NDArray] = []
    passed: list[ctypes._SimpleCData] = []
    for type_, buffer in zip(sig.arguments, buffers, strict=True):
        passed += _passed(type_, buffer)
    for position, type_ in enumerate(sig.results):
        if position in sig.inout:
            results.append(buffers[sig.inout[position]])
            continue
        if DYNAMIC_INDEX in _shape(type_):
            raise CompileError(f"can't take a result of type {type_}: its extent is open", pass_name="run")
        results.append(np.empty(_shape(type_), dtype_of(type_)))
        passed.append(ctypes.c_void_p(results[-1].ctypes.data))
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, *(type(value) for value in passed))
    status = prototype(library.address(sig.name))(*passed)
    if status != 0:
        raise _failure(module, status)
    return results


_SCALARS = {
    "float64": ctypes.c_double,
    "float32": ctypes.c_float,
    "int64": ctypes.c_int64,
    "int32": ctypes.c_int32,
    "int16": ctypes.c_int16,
    "int8": ctypes.c_int8,
    "bool": ctypes.c_uint8,
}


def _passed(type_: Attribute, value: NDArray) -> list[ctypes._SimpleCData]:
    if not isinstance(type_, TensorType | MemRefType):
        return [_SCALARS[value.dtype.name](value.item())]
    dynamic = [n for n, extent in zip(value.shape, type_.get_shape(), strict=True) if extent == DYNAMIC_INDEX]
    return [ctypes.c_void_p(value.ctypes.data), *map(ctypes.c_int64, dynamic)]


def _failure(module: ModuleOp, status: int) -> CompileError:
    """The error that a status other than 0 means."""
    asserts = module.attributes.get("dialectad.asserts")
    if status < 0 or not isinstance(asserts, ArrayAttr):
        return CompileError("out of memory", pass_name="run")
    entry = asserts.data[status - 1]
    assert isinstance(entry, DictionaryAttr)
    message, location = entry.data["message"], entry.data["location"]
    assert isinstance(message, StringAttr)
    assert isinstance(location, StringAttr)
    place = f" at {location.data}" if location.data else ""
    return CompileError(f"{message.data}{place}", pass_name="run")


def show(sig: Signature, results: Sequence[NDArray]) -> str:
    """The results as text, each after its type."""
    return "".join(f"{type_}: {_text(r)}\n" for type_, r in zip(sig.results, results, strict=True))


def _text(array: NDArray) -> str:
    return np.array2string(array, precision=15, separator=", ", suppress_small=False, floatmode="unique")
