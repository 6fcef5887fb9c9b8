"""Pairs: a value of this run, and the traced value that stands for it in all runs.

An operation on pairs does both: NumPy computes on this run's values, the frontend emits ops. Where Python
needs the value itself, to decide or to count, it gets this run's, and the trace gets a *guard*: a condition
under which other runs take the same way.

    bool(x), `if x`, `while x`, `x and y`     the truth of x
    int(x), range(x), a_list[x], hash(x)      the value of x
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from dialectad.errors import CompileError, UnsupportedTypeError
from dialectad.frontend import staging
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.tracers import Tracer
from dialectad.frontend.transforms import stop_gradient
from dialectad.tape.errors import error
from dialectad.tape.guarded import record


class Pair(Recorded):
    """An array or number of this run, and the traced one."""

    __slots__ = ("concrete", "traced")
    __array_priority__ = 3000

    concrete: Any
    traced: Tracer

    def __init__(self, concrete: Any, traced: Tracer):
        self.concrete = concrete
        self.traced = traced

    # --- decisions ---

    def __bool__(self) -> bool:
        value = bool(self.concrete)
        number = self.number()
        truth = number if number.dtype.kind == "b" else np.not_equal(number, 0)
        record.guard(truth if value else np.logical_not(truth))
        return value

    def __int__(self) -> int:
        value = int(self.concrete)
        number = self.number()
        record.guard(np.equal(np.trunc(number) if number.dtype.kind == "f" else number, value))
        return value

    __trunc__ = __int__

    def __index__(self) -> int:
        value = operator.index(self.concrete)
        record.guard(np.equal(self.number(), value))
        return value

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        record.guard(np.equal(self.number(), self.concrete))
        return hash(self.concrete)

    def __float__(self) -> float:
        return self.lost("a Python float")

    def __complex__(self) -> complex:
        return self.lost("a Python complex")

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.lost("a plain array")

    def lost(self, what: str) -> NoReturn:
        raise error(
            f"{what} is needed here, which would lose how this value depends on the arguments",
            hint="use functions of numpy",
        )

    def number(self) -> Any:
        """The traced value as one number."""
        return self.traced.item() if self.traced.is_array else self.traced

    # --- operations ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return both(getattr(ufunc, method) if method != "__call__" else ufunc, inputs, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return both(function, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return paired(concrete(self)[concrete(key)], self.traced[traced(key)])  # pyright: ignore

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, Pair) and value.concrete is self.concrete:
            return
        self.concrete[concrete(key)] = concrete(value)
        self.traced[traced(key)] = traced(value)  # pyright: ignore[reportIndexIssue]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self.concrete)

    def __getattr__(self, name: str) -> Any:
        """Attributes and methods of arrays and numbers."""
        if name.startswith("__"):
            raise AttributeError(name)
        mine = getattr(self.concrete, name)
        if name in _KNOWN:
            return mine
        if not hasattr(self.traced, name):
            raise error(f"`.{name}` of a traced value is not supported")
        if callable(mine):
            return _method(self, name)
        return paired(mine, getattr(self.traced, name))

    def copy(self) -> Pair:
        return Pair(self.concrete.copy(), self.traced.copy())  # pyright: ignore

    def call_compiled(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with record.outside():
            mine = function(*concrete(args), **concrete(kwargs))
        return paired(mine, function(*traced(args), **traced(kwargs)), args)

    def observe(self, function: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        function(*traced(args), **traced(kwargs))  # refused later

    def stopped(self) -> Any:
        return Pair(stop_gradient(self.concrete), stop_gradient(self.traced))

    def __copy__(self) -> Pair:
        return self.copy() if self.traced.is_array else self

    def __deepcopy__(self, memo: Any) -> Pair:
        return self.__copy__()

    def __repr__(self) -> str:
        return repr(self.traced)  # the value isn't the same in all runs

    def __format__(self, spec: str) -> str:
        return repr(self)


_KNOWN = frozenset("shape ndim size dtype itemsize nbytes".split())
"""Attributes that are the same in all runs."""


def _method(pair: Pair, name: str) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        mine = getattr(pair.concrete, name)(*concrete(args), **concrete(kwargs))
        return paired(mine, getattr(pair.traced, name)(*traced(args), **traced(kwargs)), (pair,))

    return method


def holds_pair(x: Any) -> bool:
    """Whether a pair is `x`, or within it."""
    if isinstance(x, Pair):
        return True
    if isinstance(x, list | tuple):
        return any(map(holds_pair, x))
    return isinstance(x, dict) and any(map(holds_pair, x.values()))


def concrete(x: Any) -> Any:
    """`x` with the values of this run."""
    return _mapped(x, lambda pair: pair.concrete)


def traced(x: Any) -> Any:
    """`x` with the traced values."""
    return _mapped(x, lambda pair: pair.traced)


def _mapped(x: Any, part: Callable[[Pair], Any]) -> Any:
    if isinstance(x, Pair):
        return part(x)
    if not holds_pair(x) and not isinstance(x, slice):
        return x
    if isinstance(x, slice):
        return slice(*(_mapped(k, part) for k in (x.start, x.stop, x.step)))
    if isinstance(x, dict):
        return {k: _mapped(v, part) for k, v in x.items()}
    items = [_mapped(item, part) for item in x]
    return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)


def paired(mine: Any, theirs: Any, operands: Any = ()) -> Any:
    """What an operation gave in this run, with what it gave in the trace."""
    if isinstance(theirs, Tracer):
        for x in operands:
            if isinstance(x, Pair) and x.concrete is mine and x.traced is theirs:
                return x
        return Pair(mine, theirs)
    if isinstance(theirs, list | tuple):
        items = [paired(a, b, operands) for a, b in zip(mine, theirs, strict=True)]
        return type(theirs)(*items) if hasattr(theirs, "_fields") else type(theirs)(items)
    if not isinstance(theirs, _CONSTANTS):
        raise error(
            f"a result of type {type(theirs).__name__!r} can't be followed", kind=UnsupportedTypeError
        )
    return mine


_CONSTANTS = (bool, int, float, complex, str, type(None), np.generic, np.ndarray, np.dtype, type)


def both(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """`function(*args, **kwargs)` in this run, and in the trace."""
    mine = function(*concrete(args), **concrete(kwargs))
    theirs = staging.call(function)(*traced(args), **traced(kwargs))
    outs = kwargs.get("out", ())
    return paired(mine, theirs, (*args, *(outs if isinstance(outs, tuple) else (outs,))))


def _operator(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(*operands: Any) -> Any:
        return paired(function(*concrete(operands)), function(*traced(operands)), operands)

    return method


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    forward = _operator(function)
    return lambda self, other: forward(other, self)


_BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul".split()
for _name in _BINARY:
    _function = getattr(operator, f"__{_name}__")
    setattr(Pair, f"__{_name}__", _operator(_function))
    setattr(Pair, f"__r{_name}__", _reflected(_function))
    setattr(Pair, f"__i{_name}__", _operator(getattr(operator, f"__i{_name}__")))
for _name in "lt le gt ge eq ne neg pos abs invert".split():
    setattr(Pair, f"__{_name}__", _operator(getattr(operator, f"__{_name}__")))
for _name, _builtin in {"round": round, "divmod": divmod}.items():
    setattr(Pair, f"__{_name}__", lambda self, *args, _b=_builtin: both(_b, (self, *args), {}))


def unsupported(problem: CompileError) -> CompileError:
    """The error of what can't be traced, with the way out."""
    hint = 'use level="tape" without compile_trace' + (f"; or: {problem.hint}" if problem.hint else "")
    return type(problem)(
        problem.message, problem.location, hint=hint, level="tape", pass_name=problem.pass_name
    )
