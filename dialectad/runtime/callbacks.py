"""Python functions that compiled code calls: the other end of `host.call`.

Compiled code passes the number of a callback and the places of its operands. ctypes takes the interpreter
lock for the call, whether the caller has given it up or not. What the function raises is kept for this thread
until the compiled function has ended, and raised then.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

SYMBOL = "dialectad.host"
"""What compiled code calls."""

FAILED = -2
"""The status of a function that a callback's exception has ended."""


@dataclass(frozen=True)
class Kind:
    """What an operand is: an array, a NumPy number (shape None), or (if `weak`) a Python one."""

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    """Of extents that are None, the places follow that of the array."""
    weak: bool = False

    def read(self, places: Iterator[int]) -> Any:
        """A copy of the operand."""
        address = next(places)
        if self.shape is None:
            value = _memory(address, self.dtype, ())[()]
            return value.item() if self.weak else value
        shape = tuple(n if n is not None else int(_memory(next(places), _EXTENT, ())[()]) for n in self.shape)
        if 0 in shape:
            return np.empty(shape, self.dtype)
        return _memory(address, self.dtype, shape).copy()

    def write(self, places: Iterator[int], value: Any) -> None:
        """Give the operand, of a known shape, a value."""
        address, shape = next(places), value.shape if isinstance(value, np.ndarray) else ()
        if 0 not in shape:
            _memory(address, self.dtype, shape)[...] = value


_EXTENT = np.dtype(np.int64)


def _memory(address: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    size = prod(shape) * dtype.itemsize
    buffer = (ctypes.c_char * size).from_address(address)
    return np.ndarray(shape, dtype, memoryview(buffer))


@dataclass(eq=False)
class Callback:
    """A Python function as compiled code calls it."""

    function: Callable[[list[Any]], Sequence[Any]]
    """Takes the operands, and gives the results, of the right shapes."""
    reads: Sequence[Kind]
    writes: Sequence[Kind]
    number: int = field(init=False)

    def __post_init__(self) -> None:
        self.number = next(_NUMBERS)
        _CALLBACKS[self.number] = self

    def run(self, places: Any) -> None:
        addresses = (places[i] for i in itertools.count())
        results = self.function([kind.read(addresses) for kind in self.reads])
        for kind, result in zip(self.writes, results, strict=True):
            kind.write(addresses, result)


_NUMBERS = itertools.count()
_CALLBACKS: weakref.WeakValueDictionary[int, Callback] = weakref.WeakValueDictionary()
"""Those that a program which is still there may call."""


class _Raised(threading.local):
    exception: BaseException | None = None


_raised = _Raised()


def _call(number: int, places: Any) -> int:
    try:
        _CALLBACKS[number].run(places)
    except BaseException as exception:
        _raised.exception = exception
        return FAILED
    return 0


_POINTER = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p))(_call)


def symbols(object_code: bytes) -> dict[str, int]:
    """The address of what calls Python, if machine code needs it."""
    if SYMBOL.encode() not in object_code:
        return {}
    address = ctypes.cast(_POINTER, ctypes.c_void_p).value
    assert address is not None
    return {SYMBOL: address}


def exception() -> BaseException:
    """What a callback has raised in this thread; it is forgotten here."""
    found, _raised.exception = _raised.exception, None
    assert found is not None
    return found
