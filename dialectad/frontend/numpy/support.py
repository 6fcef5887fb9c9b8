"""What the tables of NumPy functions have in common: registration, operands, axes, shapes."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Region, SSAValue

from dialectad.errors import CompileError, ShapeError, UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, emit
from dialectad.frontend.dtypes import FLOAT64, INDEX, INT64, DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import (
    CALLS,
    FUNCTIONS,
    Array,
    ConcretizationError,
    IntegerRangeError,
    Scalar,
    Tracer,
    apply_ufunc,
    broadcast_extents,
    converted,
    is_number,
    lift,
    supported,
    write_out,
)
from dialectad.frontend.tracing import current, error

Implementation = Callable[..., Any]
Operand = Tracer | bool | int | float | np.generic
"""A tracer, or a number that becomes a constant once its type is known."""


class AxisError(ShapeError, np.exceptions.AxisError):
    """An axis that an array doesn't have, where NumPy would raise an AxisError."""

    def __init__(self, *args: Any, **kwargs: Any):
        CompileError.__init__(self, *args, **kwargs)

    __str__ = CompileError.__str__


# --- registration ------------------------------------------------------------------------------


def checked(name: str, implementation: Implementation, *, out: bool = True) -> Implementation:
    """`implementation` with its arguments checked, and `out=` served from the result."""
    signature = inspect.signature(implementation)
    own_out = "out" in signature.parameters
    named = name if name.startswith("scipy.") else f"numpy.{name}"

    @functools.wraps(implementation)
    def function(*args: Any, **kwargs: Any) -> Any:
        target = None if own_out or not out else kwargs.pop("out", None)
        kwargs.pop("like", None)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as problem:
            raise error(
                f"{named}: {problem}",
                hint="this argument is not supported here",
            ) from None
        result = implementation(*args, **kwargs)
        return result if target is None else write_out(target, result)

    return function


def _for_complex(function: Callable[..., Any], implementation: Implementation) -> Implementation:
    """`implementation`, or what `function` does with complex numbers where there are any."""
    names = list(inspect.signature(implementation).parameters)
    position = names.index("dtype") if "dtype" in names else len(names)

    @functools.wraps(implementation)
    def either(*args: Any, **kwargs: Any) -> Any:
        dtype = args[position] if len(args) > position and position < len(names) else kwargs.get("dtype")
        if complexes.is_complex_dtype(dtype) or complexes.holds_complex((*args, *kwargs.values())):
            from dialectad.frontend.numpy.complex_functions import call

            return call(function, implementation, args, kwargs)
        return implementation(*args, **kwargs)

    return either


def implements(*functions: Callable[..., Any]) -> Callable[[Implementation], Implementation]:
    """Register what NumPy functions do on tracers."""

    def register(implementation: Implementation) -> Implementation:
        for function in functions:
            FUNCTIONS[function] = _for_complex(function, checked(function.__name__, implementation))
        return implementation

    return register


def intercepts(*functions: Callable[..., Any]) -> Callable[[Implementation], Implementation]:
    """Register what NumPy functions do while tracing, whatever their arguments."""

    def register(implementation: Implementation) -> Implementation:
        for function in functions:
            CALLS[function] = _for_complex(function, checked(function.__name__, implementation))
            FUNCTIONS[function] = CALLS[function]
        return implementation

    return register


def holds_tracer(values: Iterable[Any]) -> bool:
    """Whether a tracer is among the values, or in lists and tuples among them."""
    return any(
        isinstance(v, Tracer) or (isinstance(v, list | tuple) and v and holds_tracer(v)) for v in values
    )


def when_traced(function: Callable[..., Any], implementation: Implementation) -> Implementation:
    """`implementation` for arguments that hold a tracer, otherwise `function`."""

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if holds_tracer(args) or (kwargs and holds_tracer(kwargs.values())):
            return implementation(*args, **kwargs)
        return function(*args, **kwargs)

    return either


def ufunc_called(ufunc: np.ufunc) -> Callable[..., Any]:
    """A ufunc called by name, rather than by an operator: it gives NumPy numbers, never Python numbers."""

    def call(*inputs: Any, **kwargs: Any) -> Any:
        result = apply_ufunc(ufunc, "__call__", inputs, kwargs)
        if isinstance(result, Scalar) and result.weak:
            return Scalar(result.value, interval=result.interval, offset=result.offset)
        return result

    return when_traced(ufunc, call)


# --- operands ----------------------------------------------------------------------------------


def operand(x: Any) -> Operand:
    """`x` as an operand: arrays of rank 0 become scalars, plain numbers stay what they are."""
    if is_number(x):
        if isinstance(x, np.generic):
            supported(x.dtype)
        return x
    tracer = lift(x)
    if isinstance(tracer, Array) and not tracer.extents:
        return Scalar(emit.extract(tracer.ssa(), []))
    return tracer


def is_weak(x: Operand) -> bool:
    """Whether `x` is, or stands for, a Python number."""
    return x.weak if isinstance(x, Scalar) else type(x) in (bool, int, float)


def dtype_of(x: Operand) -> DType:
    """The dtype that `x` has by itself."""
    if isinstance(x, Tracer | np.generic):
        return x.dtype
    return np.dtype(type(x))


def result_dtype(*operands: Operand) -> DType:
    """The dtype that NumPy gives the operands together."""
    kinds = [python_number(x) if is_weak(x) else dtype_of(x) for x in operands]
    return checked_dtype(np.result_type(*kinds))


def joined_dtype(*elements: Operand) -> DType:
    """The dtype of an array of these: unlike in an operation, Python's numbers count as 64 bits wide."""
    return checked_dtype(np.result_type(*map(dtype_of, elements)))


def python_number(x: Operand) -> Any:
    """A Python number of the type that a weak operand has."""
    return x.python_type(1) if isinstance(x, Scalar) else x


def checked_dtype(dtype: DType) -> DType:
    """`dtype`, which an operation gives, if it can be compiled."""
    if dtype == np.float16:
        raise error(
            "NumPy computes this in float16, which is not supported",
            hint="cast the operands with .astype(numpy.float32) first",
            kind=UnsupportedTypeError,
        )
    return supported(dtype)


def known_int(x: Any) -> int | None:
    """The value of an integer operand that is known while tracing."""
    if isinstance(x, Scalar):
        return x.interval[0] if x.interval and x.interval[0] == x.interval[1] else None
    if isinstance(x, bool | np.bool_):
        return None
    return int(x) if isinstance(x, int | np.integer) else None


def constant(x: Any, dtype: DType, type_: Attribute) -> SSAValue:
    """The number `x` as a constant of `dtype`, whose IR type is `type_`."""
    if not dtypes.is_integral(dtype):
        return emit.constant(dtype.type(x).item(), type_)
    if isinstance(x, int) and not isinstance(x, bool):
        info = np.iinfo(dtype)
        if not info.min <= x <= info.max:
            raise IntegerRangeError.of(x, dtype)
    return emit.constant(dtype.type(x) if isinstance(x, np.generic) else x, type_)


def scalar_value(x: Operand, dtype: DType) -> SSAValue:
    """The value of a scalar operand in `dtype`."""
    if isinstance(x, Tracer):
        return converted(x, dtype)
    return constant(x, dtype, dtypes.to_ir(dtype))


def extents_of(x: Operand) -> tuple[Extent, ...]:
    return x.extents if isinstance(x, Array) else ()


def values(
    operands: Sequence[Operand], input_dtypes: Sequence[DType], shape: Sequence[Extent] | None = None
) -> list[SSAValue]:
    """The operands' values cast to their dtypes, and broadcast together if one is an array."""
    if shape is None:
        if not any(isinstance(x, Array) for x in operands):
            return _scalar_values(operands, input_dtypes)
        shape = broadcast_extents(*(extents_of(x) for x in operands))
    return [
        emit.broadcast(scalar_value(x, dtype), shape) for x, dtype in zip(operands, input_dtypes, strict=True)
    ]


def _scalar_values(operands: Sequence[Operand], input_dtypes: Sequence[DType]) -> list[SSAValue]:
    """Integers stay of type `index` if all are."""
    pairs = list(zip(operands, input_dtypes, strict=True))
    integer = [x for x, dtype in pairs if dtype == INT64]
    as_index = any(isinstance(x, Scalar) and x.value.type == INDEX for x in integer) and all(
        isinstance(x, int) or (isinstance(x, Scalar) and x.value.type == INDEX) for x in integer
    )
    found = []
    for x, dtype in pairs:
        type_ = INDEX if as_index and dtype == INT64 else dtypes.to_ir(dtype)
        if not isinstance(x, Tracer):
            found.append(constant(x, dtype, type_))
        else:
            found.append(emit.cast(x.ssa(), INDEX) if type_ == INDEX else converted(x, dtype))
    return found


def wrapped(value: SSAValue, *, weak: bool = False) -> Any:
    """The tracer of a new value, a scalar if it has no axes."""
    if isinstance(value.type, TensorType):
        if value.type.get_shape():
            return Array.fresh(value)
        value = emit.extract(value, [])
    return Scalar(value, weak=weak)


def array(x: Any) -> Any:
    """`x` as an `Array`, of rank 0 if it is a number.

    (`Any`, because its operators and methods come from tables that type checkers don't see.)
    """
    tracer = lift(x)
    if isinstance(tracer, Array):
        return tracer
    value = tracer.ssa()
    if value.type == INDEX:
        value = emit.cast(value, dtypes.to_ir(INT64))
    return Array.fresh(emit.splat(value, ()))


def tensor(x: Any, dtype: DType | None = None) -> SSAValue:
    """The value of `x` as a tensor, of rank 0 if it is a number."""
    value = array(x).ssa()
    return value if dtype is None else emit.cast(value, dtypes.to_ir(dtype))


def floating(dtype: DType) -> DType:
    """The dtype in which NumPy computes means and the like."""
    return dtype if dtype.kind == "f" else FLOAT64


# --- axes and shapes ---------------------------------------------------------------------------


def concrete_int(x: Any, what: str) -> int:
    """`x` as a Python integer that is known while tracing."""
    if (known := known_int(x)) is not None:
        return known
    if isinstance(x, Tracer):
        raise error(
            f"{what} must be known while the function is compiled",
            hint="write the number itself, or take it from a shape",
            kind=ConcretizationError,
        )
    try:
        return operator.index(x)
    except TypeError:
        raise error(f"{what} must be an integer, not {type(x).__name__}", kind=UnsupportedTypeError) from None


def normalize_axis(axis: Any, ndim: int) -> int:
    """An axis counted from the front."""
    axis = concrete_int(axis, "an axis")
    if not -ndim <= axis < ndim:
        raise error(f"axis {axis} is out of bounds for array of dimension {ndim}", kind=AxisError)
    return axis % ndim


def normalize_axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """`axis=` of a function that takes None (all axes), an integer or several, as axes from the front."""
    if axes is None:
        return tuple(range(ndim))
    if not isinstance(axes, tuple | list):
        return (normalize_axis(axes, ndim),)
    found = tuple(normalize_axis(a, ndim) for a in axes)
    if len(set(found)) != len(found):
        raise error("duplicate value in 'axis'", kind=ShapeError)
    return found


def extent(x: Any) -> Extent:
    """A size given by the user: an integer, or a value of type `index` that is checked."""
    if (known := known_int(x)) is None and isinstance(x, Tracer):
        x = operand(x)
        if not isinstance(x, Scalar) or not dtypes.is_integral(x.dtype):
            raise error("sizes must be integers", kind=UnsupportedTypeError)
        size = x.index()
        if x.interval is None or x.interval[0] < 0:
            positive = emit.compare("sge", size, emit.constant(0, INDEX))
            emit.check(positive, "ValueError: negative dimensions are not allowed")
        return size
    size = concrete_int(x, "a size") if known is None else known
    if size < 0:
        raise error("negative dimensions are not allowed", kind=ShapeError)
    return size


def shape_argument(shape: Any) -> tuple[Extent, ...]:
    """A shape given by the user: a size, or several."""
    if isinstance(shape, tuple | list):
        return tuple(map(extent, shape))
    if isinstance(shape, np.ndarray) and shape.ndim:
        return tuple(map(extent, shape.tolist()))
    return (extent(shape),)


def dtype_argument(dtype: Any, default: DType) -> DType:
    return default if dtype is None else supported(dtype)


def total(extents: Iterable[Extent]) -> Extent:
    """The product of extents."""
    return functools.reduce(emit.mul_index, extents, 1)


def require_same(a: Extent, b: Extent, message: str) -> None:
    """Raise unless two extents agree: now if they are known, otherwise at run time."""
    if isinstance(a, int) and isinstance(b, int):
        if a != b:
            raise error(message, kind=ShapeError)
    elif not emit.same_extent(a, b):
        emit.check(emit.compare("eq", emit.index(a), emit.index(b)), f"ValueError: {message}")


def signed_order(value: SSAValue) -> SSAValue:
    """Numbers with a sign that have the order of these: the ops of `order` take no others."""
    dtype = dtypes.from_ir(value.type)
    if dtype.kind != "u":
        return value
    bits = 8 * dtype.itemsize
    lowest = emit.like(value, 1 << (bits - 1))
    return emit.cast(emit.op(arith.XOrIOp(value, lowest)), dtypes.to_ir(np.dtype(f"int{bits}")))


# --- structured ops ----------------------------------------------------------------------------


def position(axis: int) -> SSAValue:
    """Within the body of a generic: where along an axis the current element is."""
    return emit.op(linalg.IndexOp(axis))


def loop(
    count: Extent,
    inits: Sequence[SSAValue],
    body: Callable[..., Sequence[SSAValue]],
) -> list[SSAValue]:
    """`for i in range(count): values = body(i, *values)`, starting from `inits`."""
    trace = current()
    block = Block(arg_types=[INDEX, *(v.type for v in inits)])
    with trace.open(block, "branch"):
        trace.insert(scf.YieldOp(*body(*block.args)))
    lower, upper, step = emit.constant(0, INDEX), emit.index(count), emit.constant(1, INDEX)
    return list(trace.insert(scf.ForOp(lower, upper, step, list(inits), Region(block))).results)


def creation_array(x: Any, dtype: DType) -> Array:
    """A new array from nested lists."""
    from dialectad.frontend.numpy.creation import from_nested

    return from_nested(x, dtype)
