"""Python's built-in functions, and NumPy's scalar types used as casts, on tracers."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import branches, dtypes, emit
from dialectad.frontend.calls import call
from dialectad.frontend.complexes import Complex, paired, parts
from dialectad.frontend.dtypes import BOOL, FLOAT64, INT64
from dialectad.frontend.iterators import by_steps
from dialectad.frontend.numpy import complex_ufuncs, intervals, math_module, reductions, selection
from dialectad.frontend.numpy.complex_methods import to_complex
from dialectad.frontend.numpy.math_module import number, weak
from dialectad.frontend.numpy.methods import cast_scalar
from dialectad.frontend.numpy.support import (
    creation_array,
    dtype_of,
    holds_tracer,
    operand,
    result_dtype,
    values,
)
from dialectad.frontend.tracers import CALLS, Array, Scalar, Tracer, lift, supported
from dialectad.frontend.tracing import error


def _cast(dtype: Any) -> Callable[..., Any]:
    """`int(x)` and the like."""

    def function(x: Any = 0, /, *rest: Any) -> Any:
        if rest:
            raise error(
                "a second argument is not supported for values known only at run time", hint="leave it out"
            )
        tracer = lift(number(x))
        if isinstance(tracer, Complex):
            float(tracer)  # which refuses
        assert isinstance(tracer, Scalar)
        return cast_scalar(tracer, dtype, weak=True)

    return function


def _round(x: Any, ndigits: Any = None) -> Any:
    """Half to even, as Python's."""
    if isinstance(x, Array) and x.ndim:
        return selection.round_(x, ndigits or 0)
    x = operand(x)
    if dtype_of(x).kind != "f":
        return x if ndigits is not None else _cast(INT64)(x)
    rounded = lift(selection.round_(x, ndigits or 0))
    assert isinstance(rounded, Scalar)
    if ndigits is None:
        return cast_scalar(rounded, INT64, weak=True)
    return Scalar(rounded.value, weak=isinstance(x, Scalar) and x.weak)


def _items(args: tuple[Any, ...]) -> list[Any]:
    return list(args[0]) if len(args) == 1 else list(args)


def _extreme(predicate: dict[str, str], whole: Callable[..., Any], ufunc: np.ufunc) -> Callable[..., Any]:
    """`min` or `max`: as Python's, an item replaces the one before it only if it is truly better."""

    def function(*args: Any, key: Any = None, default: Any = None) -> Any:
        if key is not None:
            return _by_key(_items(args), call(key), default)
        if len(args) == 1 and isinstance(args[0], Array):
            return whole(args[0])
        items = [operand(x) for x in _items(args)]
        if not items:
            return default
        if any(isinstance(x, Array) for x in items):
            raise error(
                "min and max of arrays have no single truth value",
                hint="use numpy.minimum or numpy.maximum",
                kind=UnsupportedTypeError,
            )
        result = items[0]
        for item in items[1:]:
            result = _better(result, item)
        return result

    def _by_key(items: list[Any], key: Callable[[Any], Any], default: Any) -> Any:
        if not items:
            return default
        best, least = items[0], key(items[0])
        for item in items[1:]:
            new = key(item)
            better = new < least if ufunc is np.minimum else new > least
            if isinstance(better, Tracer):
                best = branches.conditional(_condition(better), lambda i=item: [i], lambda b=best: [b], ())[0]
                least = _better(least, new)
            elif better:
                best, least = item, new
        return best

    def _better(old: Any, new: Any) -> Any:
        if not isinstance(old, Tracer) and not isinstance(new, Tracer):
            return (min if ufunc is np.minimum else max)(old, new)
        dtype = result_dtype(old, new)
        both_weak = intervals.is_python(old) and intervals.is_python(new)
        if dtypes.is_integral(dtype):
            result = ufunc(old, new)
            return Scalar(result.value, weak=both_weak, interval=result.interval)
        a, b = values([old, new], [dtype, dtype])
        better = emit.compare(predicate[dtype.kind], b, a)
        return Scalar(emit.select(better, b, a), weak=both_weak)

    return function


def _sum(iterable: Any, /, start: Any = 0) -> Any:
    if isinstance(iterable, Array):
        total = reductions.sum_(iterable, 0)
        return total if type(start) is int and start == 0 else total + start
    return functools.reduce(_plus, iterable, start)


def _plus(total: Any, item: Any, add: Callable[..., Any] = operator.add) -> Any:
    """`total + item`, where 0 is known to change nothing."""
    if type(total) is int and total == 0 and isinstance(item, Tracer) and item.dtype != BOOL:
        return item
    return add(total, item)


def _fold(ufunc: np.ufunc, decisive: bool, whole: Callable[..., Any]) -> Callable[..., Any]:
    """`any` or `all`, of which every item is looked at."""

    def function(iterable: Any, /) -> Any:
        if isinstance(iterable, Array):
            return weak(whole(iterable))
        traced: list[Scalar] = []
        for item in iterable:
            if isinstance(item, Tracer):
                traced.append(_TRUTH(item))
            elif bool(item) is decisive:
                return decisive
        if not traced:
            return not decisive
        return weak(functools.reduce(ufunc, traced))

    return function


def _len(x: Any, /) -> Any:
    if isinstance(x, Array) and x.ndim and not isinstance(x.extents[0], int):
        return Scalar(x.extents[0], weak=True, interval=(0, 2**63 - 1))
    return len(x)


def _pow(base: Any, exp: Any, mod: Any = None) -> Any:
    return base**exp if mod is None else base**exp % mod


def _complex(re: Any = 0.0, im: Any = 0.0, /) -> Any:
    """`complex(x)` and `complex(x, y)`, which is x + iy"""
    (a, b), (c, d) = (parts(number(x)) for x in (re, im))
    return complex_ufuncs.weakened(paired(*(math_module.as_float(x) for x in (a - d, b + c))))


def _complex_type(type_: Any) -> Callable[..., Any]:
    """`np.complex64(x)`"""

    def function(re: Any = 0, im: Any = 0.0, /) -> Any:
        made: Any = re
        if isinstance(im, Tracer) or im != 0:
            made = re + np.multiply(1j, im)
        if isinstance(made, list | tuple):
            return np.array(made, type_) if not holds_tracer(made) else CALLS[np.array](made, type_)
        return to_complex(made[()] if isinstance(made, Array) else made, type_)

    return _either(type_, function)


def _isinstance(x: Any, classes: Any, /) -> bool:
    """A traced array passes for an ndarray, a traced number for the type that it has when it runs."""
    if not isinstance(x, Tracer):
        return isinstance(x, classes)
    if isinstance(x, classes):
        return True
    if x.is_array:
        stands_for: type = np.ndarray
    else:
        assert isinstance(x, Scalar | Complex)
        stands_for = x.python_type if x.weak else x.dtype.type
    every = classes if isinstance(classes, tuple) else getattr(classes, "__args__", (classes,))
    return any(
        _isinstance(x, c) if isinstance(c, tuple) else isinstance(c, type) and issubclass(stands_for, c)
        for c in every
    )


def _condition(test: Any) -> SSAValue:
    condition = branches.truth(test)
    assert isinstance(condition, SSAValue)
    return condition


_TRUTH = _cast(BOOL)

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    float: _cast(FLOAT64),
    int: _cast(INT64),
    bool: _TRUTH,
    abs: lambda x, /: abs(x),
    min: _extreme({"f": "olt", "b": "ult"}, reductions.min_, np.minimum),
    max: _extreme({"f": "ogt", "b": "ugt"}, reductions.max_, np.maximum),
    sum: _sum,
    any: _fold(np.logical_or, True, reductions.any_),
    all: _fold(np.logical_and, False, reductions.all_),
    complex: _complex,
    round: _round,
    pow: _pow,
    divmod: lambda a, b, /: (a // b, a % b),
}


def _either(function: Callable[..., Any], implementation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function, assigned=("__name__", "__doc__"), updated=())
    def either(*args: Any, **kwargs: Any) -> Any:
        args = tuple(list(a) if hasattr(a, "__next__") else a for a in args)  # generators are looked into
        if holds_tracer(args) or holds_tracer(kwargs.values()):
            return implementation(*args, **kwargs)
        return function(*args, **kwargs)

    return either


for _function, _implementation in FUNCTIONS.items():
    CALLS[_function] = _either(_function, _implementation)
CALLS[len] = _len


def _sorted(items: Any, /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    return sorted(items, key=None if key is None else call(key), reverse=reverse)


CALLS[iter] = by_steps(iter)
CALLS[map] = by_steps(lambda function, /, *columns: map(call(function), *columns))
CALLS[filter] = by_steps(lambda function, /, items: filter(function and call(function), items))
CALLS[functools.reduce] = lambda function, /, *rest: functools.reduce(call(function), *rest)
CALLS[sorted] = _sorted
CALLS[isinstance] = _isinstance


def _numpy_type(type_: Any) -> Callable[..., Any]:
    """`np.float32(x)`"""

    def function(x: Any = 0, /) -> Any:
        dtype = supported(type_)
        if isinstance(x, list | tuple):
            return creation_array(x, dtype)
        if isinstance(x, Complex):
            float(x)  # which refuses
        x = operand(x)
        if isinstance(x, Array):
            return Array.fresh(emit.cast(x.ssa(), dtypes.to_ir(dtype)))
        tracer = lift(x)
        assert isinstance(tracer, Scalar)
        return cast_scalar(tracer, dtype, weak=False)

    return _either(type_, function)


for _type in (np.complex128, np.complex64):
    CALLS[_type] = _complex_type(_type)
for _type in (dtype.type for dtype in dtypes.SUPPORTED):
    CALLS[_type] = _numpy_type(_type)


def _random(name: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        raise error(
            f"numpy.random.{name} would be called once, while the function is compiled, not when it runs",
            hint="draw from a generator, rng = numpy.random.default_rng(seed): make it in the function, or"
            " pass it as an argument",
        )

    return refused


for _name in np.random.__all__:
    _function = getattr(np.random, _name)
    if isinstance(getattr(_function, "__self__", None), np.random.RandomState):
        CALLS[_function] = _random(_name)
