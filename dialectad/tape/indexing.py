"""Subscripts: `x[key]` and `x[key] = value`."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from dialectad.tape import memory
from dialectad.tape.values import Snapshot, TapeArray, TapeScalar, TapeValue, TapeView, view

_NUMBERS = frozenset((float, int, bool, *np.sctypeDict.values()))


def get(x: TapeArray, key: Any) -> Any:
    """`x[key]`: a number, a view, or (by arrays) a copy."""
    kind = type(key)
    if kind is not int:
        key = plain_key(key)
    value = x.value[key]
    if type(x) is TapeArray:  # the common cases first
        if kind is int and type(value) in _NUMBERS:
            return memory.read_item(x, key, value)
        if type(value) is np.ndarray and (kind is int or kind is slice):
            return view(x, value, itemgetter(key), key)
    if type(x) is TapeView and x.derive is not None:
        if memory.is_advanced(key) or _is_number(value):
            return get(memory.content(x), key)
        return view(x, value, itemgetter(key), key, lambda parent: get(memory.content(parent), key))
    if type(value) in _NUMBERS or isinstance(value, TapeScalar):
        return memory.read_item(x, key, value)
    if not memory.is_advanced(key):
        if _is_number(value):
            return memory.read_item(x, key, value)
        return view(x, value, itemgetter(key), key)
    if _is_number(value):
        return memory.read_item(x, key, value)
    return memory.read_copy(x, memory.kept(key), value, memory.positions(x.value.shape, key) is None)


def _is_number(value: Any) -> bool:
    return not hasattr(value, "__getitem__") or not hasattr(value, "__len__") or isinstance(value, np.generic)


def set_(x: TapeArray, key: Any, value: Any) -> None:
    """`x[key] = value`"""
    key = plain_key(key)
    if type(value) is TapeView and value.parent is x and value.key is key and key is not None:
        return  # the end of `x[key] += ...`, which has been done in place
    if isinstance(value, list | tuple):
        from dialectad.tape.functions import apply, holds_tape

        value = apply(np.array, (value,), {}) if holds_tape(value) else value
    memory.store(x, key, value)


def plain_key(key: Any) -> Any:
    """A subscript without tape values: integers and bools have no derivative."""
    if type(key) is int or (type(key) is slice and _is_plain_slice(key)):
        return key
    if isinstance(key, tuple):
        return tuple([plain_key(k) for k in key]) if any(not _is_plain(k) for k in key) else key
    if isinstance(key, slice):
        return slice(*(plain_key(k) for k in (key.start, key.stop, key.step)))
    if isinstance(key, list):
        return [plain_key(k) for k in key]
    return _concrete(key)


def _is_plain(key: Any) -> bool:
    return type(key) is int or key is None or key is Ellipsis or (type(key) is slice and _is_plain_slice(key))


_PLAIN_BOUNDS = (int, type(None))


def _is_plain_slice(key: slice) -> bool:
    return type(key.start) in _PLAIN_BOUNDS and type(key.stop) in _PLAIN_BOUNDS


def _concrete(x: Any) -> Any:
    while isinstance(x, TapeValue):
        x = x.value
    return x


__all__ = ["Snapshot", "get", "plain_key", "set_"]
