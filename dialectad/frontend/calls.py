"""What rewritten code calls for calls, subscripts and attributes."""

from __future__ import annotations

import functools
import inspect
import os
import random
import sysconfig
import time
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend import mutation
from dialectad.frontend.iterators import by_steps, steps
from dialectad.frontend.tracers import CALLS, Tracer, lift
from dialectad.frontend.tracing import active, current, error, foreign_write


def outer(value: Any) -> Any:
    """A read of what isn't a variable of the function.

    An array of floats there is data: it becomes a hidden parameter, so that a call sees what it holds then.
    Numbers, and arrays of integers and bools, are constants. An iterator must not be used up.
    """
    if hasattr(type(value), "__next__") and active():
        return steps(value)
    if type(value) is np.ndarray and value.dtype.kind in "fc" and active():
        return lift(value)
    return value


# --- items and attributes ----------------------------------------------------------------------


def _holds_tracer(key: Any) -> bool:
    if isinstance(key, slice):
        return any(isinstance(k, Tracer) for k in (key.start, key.stop, key.step))
    if isinstance(key, tuple | list):
        return any(_holds_tracer(k) for k in key)
    return isinstance(key, Tracer)


def load_item(container: Any, key: Any) -> Any:
    """`container[key]`"""
    if isinstance(container, np.ndarray) and _holds_tracer(key):
        return lift(container)[key]  # pyright: ignore[reportIndexIssue]
    return outer(container[key])


def store_item(container: Any, key: Any, value: Any) -> None:
    """`container[key] = value`"""
    if isinstance(container, np.ndarray) and active():
        raise foreign_write(current().location())
    if not isinstance(container, Tracer):
        mutation.changes(container, key, value)
    container[key] = value  # pyright: ignore[reportIndexIssue]  (a traced scalar says so itself)


def aug_item(container: Any, key: Any, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`container[key] op= value`"""
    store_item(container, key, operator(load_item(container, key), value))


def changes(holder: Any, name: str, value: Any) -> None:
    """To be called before `holder.name = value`."""
    if isinstance(holder, Tracer):  # `z.real = x` writes into an array
        return
    mutation.changes(holder, name, value, is_attribute=True)


def removes(holder: Any) -> None:
    """To be called before `del holder[key]` and `del holder.name`."""
    mutation.changes(holder, resizes=True)


class _StandsFor(type):
    """Of classes that stand for others in a `case`."""

    cls: type
    is_instance: Callable[[Any, type], bool]

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.is_instance(instance, cls.cls)


def stand_in(cls: type, is_instance: Callable[[Any, type], bool]) -> type:
    """What stands for a class of numbers or arrays in a `case`, with an `isinstance` of its own."""
    if isinstance(cls, type) and issubclass(cls, float | int | complex | np.generic | np.ndarray):
        return _StandsFor(cls.__name__, (), {"cls": cls, "is_instance": staticmethod(is_instance)})
    return cls


@functools.cache
def pattern_class(cls: type) -> type:
    """What stands for a class in a `case`: traced values are instances of what they are when they run."""
    return stand_in(cls, CALLS[isinstance])


# --- calls -------------------------------------------------------------------------------------

_STDLIB = os.path.dirname(os.__file__) + os.sep
_PACKAGES = tuple(sysconfig.get_paths()[k] + os.sep for k in ("purelib", "platlib"))
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_NUMPY = os.path.dirname(np.__file__) + os.sep


@functools.cache
def is_users(code: types.CodeType) -> bool:
    """Whether a function is to be rewritten: it is not part of Python, NumPy or this package."""
    file = code.co_filename
    if file.startswith((_OURS, _NUMPY)) or file.startswith("<frozen"):
        return False
    return file.startswith(_PACKAGES) or not file.startswith(_STDLIB)


def call(function: Any) -> Any:
    """What to call instead of `function`."""
    if not active():
        return function
    try:
        replacement = CALLS.get(function)
    except TypeError:  # not hashable
        replacement = None
    if replacement is not None:
        return replacement
    if isinstance(function, types.FunctionType):
        return _converted(function)
    if isinstance(function, types.MethodType):
        if isinstance(function.__func__, types.FunctionType):
            return types.MethodType(_converted(function.__func__), function.__self__)
        _check_builtin(function)
        return function
    if isinstance(function, np.vectorize):
        from dialectad.frontend.numpy import mapping

        return mapping.vectorized(function)
    if isinstance(function, functools.partial):
        return functools.partial(call(function.func), *function.args, **function.keywords)
    if isinstance(function, types.BuiltinFunctionType):
        _check_builtin(function)
    return by_steps(function) if getattr(function, "__module__", None) == "itertools" else function


_MUTATORS = frozenset(
    "append appendleft extend extendleft insert pop popleft popitem remove discard clear sort reverse rotate"
    " update setdefault add difference_update intersection_update symmetric_difference_update".split()
)
_ARRAY_MUTATORS = frozenset("fill sort partition put resize itemset byteswap setfield".split())
_CLOCKS = frozenset((time.time, time.perf_counter, time.monotonic, time.process_time, time.time_ns))


def _check_builtin(function: types.BuiltinFunctionType | types.MethodType) -> None:
    """Refuse what would happen once, while compiling, instead of in each call."""
    owner, name = function.__self__, function.__name__
    if isinstance(owner, np.ndarray):
        if name in _ARRAY_MUTATORS:
            raise foreign_write(current().location())
    elif isinstance(owner, np.random.RandomState | np.random.Generator | random.Random):
        raise error(
            "random numbers would be drawn only once, while the function is compiled",
            hint="pass the generator (a numpy.random.Generator) as an argument, or make it in the function",
        )
    elif function in _CLOCKS:
        raise error(
            "the time would be read only once, while the function is compiled",
            hint="pass it as an argument, or read it in da.host_callback",
        )
    elif name in _MUTATORS and owner is not None and not isinstance(owner, types.ModuleType):
        mutation.changes(owner, resizes=True)


def _setattr(holder: Any, name: str, value: Any) -> None:
    changes(holder, name, value)
    setattr(holder, name, value)


def _delattr(holder: Any, name: str) -> None:
    removes(holder)
    delattr(holder, name)


CALLS.update({setattr: _setattr, delattr: _delattr})


def _converted(function: types.FunctionType) -> Any:
    """What to call instead of a Python function."""
    new = converted(function)
    if new is function and not is_users(function.__code__):
        return function
    if function.__code__.co_flags & inspect.CO_GENERATOR:
        return by_steps(new)
    from dialectad.frontend import outlining

    return outlining.calling(function, new)


def converted(function: types.FunctionType) -> types.FunctionType:
    """`function` with its control flow rewritten, if it is the user's."""
    if not is_users(function.__code__):
        return function
    from dialectad.frontend import staging
    from dialectad.frontend.rewriting import rewrite

    return rewrite(function, staging)
