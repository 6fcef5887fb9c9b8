"""What functions that are being recorded call: see `frontend/rewriting/calls_only.py`.

Most calls need nothing, as tape values take part in NumPy's protocols. Intercepted are

- the creators of arrays, which don't look at tapes: their arrays may be written into;
- Python's `math`, `float` and `isinstance`, which know nothing of tape values;
- ufuncs, only because that is faster than NumPy's protocol;
- the user's own functions, which are rewritten in turn.
"""

from __future__ import annotations

import functools
import itertools
import math
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend import scipy_linalg, special, staging
from dialectad.frontend.calls import stand_in
from dialectad.frontend.rewriting import is_rewritten, rewrite, rewrite_calls
from dialectad.frontend.tracers import CALLS, FUNCTIONS, UFUNCS, Tracer
from dialectad.tape import operators, tape
from dialectad.tape.creators import CREATORS
from dialectad.tape.elementwise import math_operation, ufunc_operation
from dialectad.tape.functions import apply, holds_tape
from dialectad.tape.kinds import PLAIN
from dialectad.tape.protocol import call_function
from dialectad.tape.tape import current
from dialectad.tape.values import TapeArray, TapeScalar, TapeValue

TABLE: dict[Any, Callable[..., Any]] = {}
"""What is called -> what is called instead while recording."""

_NUMERIC = "fiubc"


def call(function: Any) -> Any:
    """What to call instead of `function`."""
    try:
        found = TABLE.get(function)
    except TypeError:  # not hashable
        found = None
    if found is not None:
        return found
    kind = type(function)
    if kind is types.FunctionType:
        return converted(function)
    if kind is types.MethodType:
        if type(function.__func__) is types.FunctionType:
            return types.MethodType(converted(function.__func__), function.__self__)
        return function
    if kind is types.BuiltinFunctionType:
        return _builtin(function)
    if kind is functools.partial:
        return functools.partial(call(function.func), *function.args, **function.keywords)
    method = vars(kind).get("__call__")
    if type(method) is types.FunctionType and staging.is_users(method.__code__):
        return types.MethodType(converted(method), function)
    return function


def _builtin(function: Any) -> Any:
    owner = function.__self__
    if isinstance(owner, np.random.Generator | np.random.RandomState):
        return _fresh(function)
    if type(owner) is np.ndarray and function.__name__ in ("copy", "astype"):
        return _fresh(function)
    return function


_CONVERTED: dict[int, tuple[Any, Any, Any]] = {}
"""By identity: a reference to the function, its code, and what it became."""


def converted(function: types.FunctionType) -> Any:
    """`function` with its calls rewritten, if it is the user's."""
    key = id(function)
    known = _CONVERTED.get(key)
    if known is not None:
        reference, code, new = known
        if (
            reference() is function
            and function.__code__ is code
            and new.__defaults__ is function.__defaults__
        ):
            return new
    if not staging.is_users(function.__code__):
        inner = operators.undecorated(function)
        return function if inner is function else call(inner)
    new = rewrite(function, operators) if is_rewritten(function) else rewrite_calls(function, call)
    reference = weakref.ref(function, lambda _: _CONVERTED.pop(key, None))
    if new is not function:
        _CONVERTED[key] = reference, function.__code__, new
    return new


def outer(value: Any) -> Any:
    """A read of what isn't a variable of the function: arrays are followed, see `external`."""
    return external(value) if type(value) is np.ndarray else value


def pattern_class(cls: type) -> type:
    """What stands for a class in a `case`: values of a tape are instances of what they stand for."""
    return stand_in(cls, call(isinstance))


call.outer = outer  # pyright: ignore[reportFunctionMemberAccess]
call.pattern_class = pattern_class  # pyright: ignore[reportFunctionMemberAccess]


def external(array: np.ndarray[Any, Any]) -> Any:
    """An array from outside, as the innermost tape follows it."""
    recording = current()
    if recording is None or array.dtype.kind not in _NUMERIC:
        return array
    return wrapped_external(recording, array)


def wrapped_external(recording: tape.Tape, array: Any) -> TapeArray:
    """The wrapper of an array that the function reads from outside, always the same one on a tape."""
    found = recording.constants.get(id(array))
    if found is None:
        inner = array
        if recording.outer is not None and isinstance(array, np.ndarray):
            inner = wrapped_external(recording.outer, array)
        found = recording.constants[id(array)] = followed(recording, inner)
        recording.kept.append(array)
    return found


def followed(recording: tape.Tape, array: Any) -> TapeArray:
    """An array from outside that isn't active (yet)."""
    made = recording.wrap(array)
    recording.externals[id(made)] = made
    return made


# --- what is intercepted -----------------------------------------------------------------------


def _is_fresh(value: Any) -> bool:
    return type(value) is np.ndarray and value.base is None and value.dtype.kind in _NUMERIC


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose new arrays are followed."""

    def fresh(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        recording = current()
        return recording.fresh(result) if recording is not None and _is_fresh(result) else result

    return fresh


_FRESH_FROM = (int, float, complex, np.generic, list, tuple, str, type(None))
"""What arrays are made of that share no memory with it."""


def _creator(function: Callable[..., Any]) -> Callable[..., Any]:
    plain = _fresh(function)

    def create(*args: Any, **kwargs: Any) -> Any:
        if holds_tape(args) or (kwargs and holds_tape(kwargs)):
            return apply(function, args, kwargs)
        if not args or isinstance(args[0], _FRESH_FROM):
            return plain(*args, **kwargs)
        if type(args[0]) is np.ndarray:
            return _aliasing(function, args, kwargs)
        return function(*args, **kwargs)  # it may give the memory of anything

    return create


def _aliasing(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A function that may give the very array that it is given."""
    result = function(*args, **kwargs)
    recording = current()
    if recording is None or not _is_fresh(result) or any(result is a for a in args):
        return result
    return recording.fresh(result)


def _function(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function, which doesn't look for tape values in all places."""

    def either(*args: Any, **kwargs: Any) -> Any:
        if (args and isinstance(args[0], TapeValue)) or holds_tape(args) or (kwargs and holds_tape(kwargs)):
            return call_function(function, args, kwargs)
        return _aliasing(function, args, kwargs)

    return either


def _ufunc(ufunc: np.ufunc) -> Callable[..., Any]:
    operation = ufunc_operation(ufunc)
    if operation is None:
        return _aliasing_ufunc(ufunc)
    plans, plain, general = operation.plans, PLAIN, _aliasing_ufunc(ufunc)
    if ufunc.nin == 1:

        def unary(x: Any, /, *args: Any, **kwargs: Any) -> Any:
            kind = type(x)
            if (kind is TapeArray or kind is TapeScalar) and not args and not kwargs:
                forward = plans.get((x.kind,))
                return forward(x) if forward is not None else operation(x)
            return general(x, *args, **kwargs)

        return unary

    def binary(x: Any, y: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs:
            kind, other = type(x), type(y)
            first = x.kind if kind is TapeArray or kind is TapeScalar else plain.get(kind)
            second = y.kind if other is TapeArray or other is TapeScalar else plain.get(other)
            forward = plans.get((first, second))
            if forward is not None:
                return forward(x, y)
        return general(x, y, *args, **kwargs)

    return binary if ufunc.nin == 2 else general


def _aliasing_ufunc(ufunc: np.ufunc) -> Callable[..., Any]:
    def general(*args: Any, **kwargs: Any) -> Any:
        result = ufunc(*args, **kwargs)
        recording = current()
        if (
            recording is None
            or not _is_fresh(result)
            or kwargs.get("out") is not None
            or len(args) > ufunc.nin
        ):
            return result
        return recording.fresh(result)

    return general


def _math(function: Callable[..., Any]) -> Callable[..., Any]:
    operations = [math_operation(function, n) for n in range(4)]

    def either(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and type(x := args[0]) is TapeScalar and not kwargs:
            operation = operations[1]
            forward = operation.plans.get((x.kind,))
            return forward(x) if forward is not None else operation(x)
        if not holds_tape(args) and not (kwargs and holds_tape(kwargs)):
            return function(*args, **kwargs)
        args = tuple([a.item() if isinstance(a, TapeArray) and a.size == 1 else a for a in args])
        if kwargs or len(args) >= len(operations) or any(not _is_number(a) for a in args):
            args = tuple([_listed(a) for a in args])
            return apply(function, args, kwargs)
        return operations[len(args)](*args) if holds_tape(args) else function(*args)

    return either


def _is_number(x: Any) -> bool:
    return isinstance(x, TapeScalar | int | float | np.generic | Tracer)


def _listed(x: Any) -> Any:
    if isinstance(x, TapeArray):
        return x.tolist()
    return list(x) if hasattr(x, "__next__") else x


def _type(type_: Any) -> Callable[..., Any]:
    """`float(x)` and the like."""

    def convert(*args: Any) -> Any:
        if len(args) == 2 and holds_tape(args):  # complex(x, y)
            return apply(type_, args, {})
        if len(args) == 1 and isinstance(x := args[0], TapeValue) and (x.is_active or x.tape.flavour.nested):
            return apply(type_, args, {})
        if len(args) == 1 and holds_tape(args[0]):
            return apply(np.array, args, {"dtype": type_})
        return type_(*args) if type_ in (float, complex) else _fresh(type_)(*args)

    return convert


def _isinstance(x: Any, classes: Any, /) -> bool:
    """A tape value passes for what it wraps."""
    if isinstance(x, classes):
        return True
    while isinstance(x, TapeValue):
        x = x.value
    return CALLS[isinstance](x, classes) if isinstance(x, Tracer) else isinstance(x, classes)


def _with_functions(function: Any) -> Callable[..., Any]:
    """What calls a function that it is given."""

    def either(first: Any, *rest: Any, **kwargs: Any) -> Any:
        return function(call(first) if callable(first) else first, *rest, **kwargs)

    return either


def _with_key(function: Any) -> Callable[..., Any]:
    def either(*args: Any, **kwargs: Any) -> Any:
        if callable(key := kwargs.get("key")):
            kwargs["key"] = call(key)
        return function(*args, **kwargs)

    return either


def register_scipy() -> None:
    """Enter SciPy's functions, if it has been imported."""
    special.register()
    scipy_linalg.register()
    for function in (*special.FOUND, *scipy_linalg.FOUND):
        if function not in TABLE:
            TABLE[function] = _ufunc(function) if isinstance(function, np.ufunc) else _function(function)


def _fill_table() -> None:
    for function in CREATORS:
        TABLE[function] = _creator(function)
    for function in FUNCTIONS:
        TABLE.setdefault(function, _function(function))
    for ufunc in UFUNCS:
        TABLE[ufunc] = _ufunc(ufunc)
    for name in dir(math):
        function = getattr(math, name)
        if callable(function) and not name.startswith("_"):
            TABLE[function] = _math(function)
    for type_ in (float, complex, np.float64, np.float32, np.complex128, np.complex64):
        TABLE[type_] = _type(type_)
    TABLE[isinstance] = _isinstance
    for function in (map, filter, functools.reduce, itertools.starmap):
        TABLE[function] = _with_functions(function)
    for function in (sorted, min, max):
        TABLE[function] = _with_key(function)
    for name in np.random.__all__:
        function = getattr(np.random, name)
        if isinstance(getattr(function, "__self__", None), np.random.RandomState):
            TABLE[function] = _fresh(function)


_fill_table()


# --- from within -------------------------------------------------------------------------------


def outward(function: Callable[..., Any], depth: int) -> Callable[..., Any]:
    """`function` as what is around the tape of a depth calls it."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with tape.around(depth) as left:
            if left.outer is None:
                return staging.call(function)(*args, **kwargs)
            return call(function)(*args, **kwargs)

    return run


def in_place_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as whatever is recording or compiling by then calls it."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            return call(function)(*args, **kwargs)
        return staging.call(function)(*args, **kwargs)

    return run
