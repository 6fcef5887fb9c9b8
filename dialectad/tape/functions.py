"""NumPy functions on any arguments: which of them are operands, and what is part of the operation.

    np.sum(x, axis=0)                 sum(x0, axis=static0)
    np.concatenate([x, y], axis=1)    concatenate([x0, x1], axis=static0)
    np.clip(x, 0.0, 1.0)              clip(x0, x1, x2)          floats may differ from call to call

Arrays and floats are operands; integers, dtypes, strings and the like belong to the operation. A function
that can't be traced so (the order of a norm must be known) is tried again with floats and index arrays known.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from dialectad.errors import CompileError, UnsupportedTypeError
from dialectad.frontend import staging
from dialectad.frontend.tracers import Tracer
from dialectad.tape.errors import error
from dialectad.tape.memory import deepest, settle
from dialectad.tape.plans import Forward, Operation, kind_in, planned
from dialectad.tape.values import TapeArray, TapeScalar, TapeValue

_PLANS: dict[tuple[Any, ...], Forward] = {}

_SIMPLE: dict[tuple[Any, ...], Forward] = {}
"""The plans of calls with nothing but tape values, by the function and their kinds."""

_MOST = 8192
"""How many plans are kept."""

_KNOWN: set[Any] = set()
"""The functions whose floats and index arrays must be known."""


class _Operand:
    """Stands for an operand in a template."""

    def __repr__(self) -> str:
        return "operand"


_OPERAND = _Operand()


def holds_tape(x: Any) -> bool:
    """Whether a tape value is `x`, or within it."""
    if isinstance(x, TapeValue):
        return True
    if isinstance(x, list | tuple):
        return any(map(holds_tape, x))
    return isinstance(x, dict) and any(map(holds_tape, x.values()))


def apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`function(*args, **kwargs)`, recorded; at least one tape value is among the arguments."""
    if not kwargs:
        kinds = [x.kind if type(x) is TapeArray or type(x) is TapeScalar else None for x in args]
        if (forward := _SIMPLE.get((function, *kinds))) is not None:
            return forward(*args)
    found: list[Any] = []
    known = function in _KNOWN
    if known:
        args, kwargs = _with_known(args), _with_known(kwargs)
    template = _template(args, kwargs, found, known)
    tape = deepest(found)
    assert tape is not None
    operands = [settle(x, tape) for x in found]
    keys = tuple([kind_in(x, tape) for x in operands])
    key = (function, template, keys)
    forward = _PLANS.get(key)
    if forward is None:
        if len(_PLANS) >= _MOST:
            _PLANS.clear()
            _SIMPLE.clear()
        try:
            forward = planned(_operation(function, args, kwargs, known), operands, keys)
        except CompileError:
            if known or not _can_be_known(found):
                raise
            _KNOWN.add(function)
            try:
                return apply(function, args, kwargs)
            except CompileError:
                _KNOWN.discard(function)
            raise
        _PLANS[key] = forward
    if not kwargs and all(type(x) in (TapeArray, TapeScalar) for x in args):
        _SIMPLE[(function, *[x.kind for x in args])] = forward
    return forward(*operands)


def _template(args: Any, kwargs: dict[str, Any], found: list[Any], known: bool) -> Hashable:
    positional = tuple([_scan(a, found, known) for a in args])
    if not kwargs:
        return positional
    return positional, tuple([(name, _scan(value, found, known)) for name, value in kwargs.items()])


def _scan(x: Any, found: list[Any], known: bool) -> Hashable:
    """What of an argument belongs to the operation; its operands are appended to `found`."""
    if _is_operand(x, known):
        found.append(x)
        return _OPERAND
    if isinstance(x, list | tuple):
        return (type(x), *[_scan(item, found, known) for item in x])
    if isinstance(x, dict):
        return (dict, *[(k, _scan(item, found, known)) for k, item in x.items()])
    if isinstance(x, slice):
        return (slice, x.start, x.stop, x.step)
    if isinstance(x, np.ndarray):
        return (np.ndarray, x.dtype, x.shape, x.tobytes())
    if isinstance(x, bool | int | float):
        return type(x), repr(x)  # 1 == 1.0 == True, but they mean different things
    if not isinstance(x, Hashable):
        raise error(f"an argument of type {type(x).__name__!r} is not supported", kind=UnsupportedTypeError)
    return x


def _is_operand(x: Any, known: bool) -> bool:
    if isinstance(x, TapeValue | Tracer):
        return True
    if isinstance(x, np.ndarray):
        return not known or x.dtype.kind in "fc"
    return isinstance(x, float | complex | np.inexact) and not known


def _can_be_known(found: list[Any]) -> bool:
    return any(not _is_operand(_with_known(x), True) for x in found)


def _with_known(x: Any) -> Any:
    """`x` with index arrays that nothing but a tape follows as plain ones."""
    if isinstance(x, TapeValue):
        plain = x
        while isinstance(plain, TapeValue) and plain.dtype.kind not in "fc":
            plain = plain.value
        return plain if isinstance(plain, np.ndarray) else x
    if isinstance(x, list | tuple) and holds_tape(x):
        return type(x)([_with_known(item) for item in x])
    return {k: _with_known(item) for k, item in x.items()} if isinstance(x, dict) else x


def _operation(function: Any, args: Any, kwargs: dict[str, Any], known: bool) -> Operation:
    writer = _Writer(known)
    arguments = [writer.source(a) for a in args]
    arguments += [f"{name}={writer.source(value)}" for name, value in kwargs.items()]
    call = f"({', '.join(arguments)})"
    names = writer.names | {"function": function}
    parameters = ", ".join(f"x{i}" for i in range(writer.operands))
    space: dict[str, Any] = {**names, "called": staging.call}
    exec(f"def primitive({parameters}): return called(function){call}", space)

    def repeated(*operands: Any) -> Any:
        rest = iter(operands)
        positional = tuple(_filled(a, rest, known) for a in args)
        return apply(function, positional, {k: _filled(v, rest, known) for k, v in kwargs.items()})

    name = getattr(function, "__name__", str(function))
    return Operation(f"numpy.{name}", f"function{call}", names, space["primitive"], repeated)


def _filled(x: Any, operands: Any, known: bool) -> Any:
    """`x` with its operands replaced."""
    if _is_operand(x, known):
        return next(operands)
    if isinstance(x, list | tuple):
        filled = [_filled(item, operands, known) for item in x]
        return filled if isinstance(x, list) else tuple(filled)
    if isinstance(x, dict):
        return {k: _filled(item, operands, known) for k, item in x.items()}
    return x


class _Writer:
    """Writes the source of a call."""

    def __init__(self, known: bool):
        self.known = known
        self.operands = 0
        self.names: dict[str, Any] = {}

    def source(self, x: Any) -> str:
        if _is_operand(x, self.known):
            self.operands += 1
            return f"x{self.operands - 1}"
        if isinstance(x, list):
            return f"[{', '.join(map(self.source, x))}]"
        if isinstance(x, tuple):
            return f"({', '.join(map(self.source, x))}{',' if len(x) == 1 else ''})"
        if isinstance(x, dict):
            return f"{{{', '.join(f'{k!r}: {self.source(v)}' for k, v in x.items())}}}"
        name = f"static{len(self.names)}"
        self.names[name] = x.copy() if isinstance(x, np.ndarray) else x
        return name
