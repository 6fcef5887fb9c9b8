"""The operators of `frontend/rewriting` with Python's own meaning.

For functions within a compiled one, whose control flow is rewritten already, that are called on a tape.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from dialectad.frontend import checkpoint, regions
from dialectad.frontend.carry import Undefined
from dialectad.frontend.staging import load
from dialectad.frontend.texts import formatted

Thunk = Callable[[], Any]


_DECORATORS = (regions.__file__, checkpoint.__file__)


def undecorated(function: Any) -> Any:
    """The function that `da.at_level` or `da.checkpoint` decorates.

    A tape has one level only, and keeps what its records need in any case.
    """
    while isinstance(function, FunctionType) and function.__code__.co_filename in _DECORATORS:
        if (inner := getattr(function, "__wrapped__", None)) is None:
            break
        function = inner
    return function


def call(function: Any) -> Any:
    """What to call instead of `function`."""
    from dialectad.tape import calls

    return calls.call(function)


def outer(value: Any) -> Any:
    """A read of what isn't a variable of the function."""
    from dialectad.tape import calls

    return calls.outer(value)


def if_(test: Any, then: Thunk, otherwise: Thunk, *_: Any) -> None:
    """`if test: then() else: otherwise()`"""
    (then if test else otherwise)()


def while_(test: Thunk, body: Thunk, *_: Any) -> None:
    """`while test(): body()`"""
    while test():
        body()


def for_(iterable: Any, body: Callable[[Any], Any], *rest: Any) -> None:
    """`for item in iterable: body(item)`, as long as the last argument holds, if there is one."""
    test = rest[-1]
    iterator = iter(iterable)
    while test is None or test():
        try:
            item = next(iterator)
        except StopIteration:
            break
        body(item)


def and_(a: Any, b: Thunk) -> Any:
    """`a and b()`"""
    return a and b()


def or_(a: Any, b: Thunk) -> Any:
    """`a or b()`"""
    return a or b()


def not_(a: Any) -> bool:
    """`not a`"""
    return not a


def cond(test: Any, then: Thunk, otherwise: Thunk) -> Any:
    """`then() if test else otherwise()`"""
    return then() if test else otherwise()


def ways(test: Any, function: Any) -> list[bool]:
    """For an item that a generator keeps if `test`: True, or nothing. `function` is what the items go to."""
    return [True] if test else []


def kept(test: Any, item: Thunk, function: Any) -> Any:
    """The item that `ways` has kept."""
    return item()


def steps(items: Any) -> Any:
    """An iterator, with the steps of Python's own."""
    return items


def pattern_class(cls: type) -> type:
    """What stands for a class in a `case`."""
    from dialectad.tape import calls

    return calls.pattern_class(cls)


def assert_(test: Any, message: Thunk) -> None:
    """`assert test, message()`"""
    if not test:
        text = message()
        raise AssertionError(*([] if text is None else [text]))


def text(*parts: Any) -> str:
    """An f-string: of text, and of values with their conversion and format."""
    return "".join(part if isinstance(part, str) else formatted(*part) for part in parts)


def load_item(container: Any, key: Any) -> Any:
    """`container[key]`"""
    return outer(container[key])


def store_item(container: Any, key: Any, value: Any) -> None:
    """`container[key] = value`"""
    container[key] = value


def aug_item(container: Any, key: Any, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`container[key] op= value`"""
    container[key] = operator(container[key], value)


def changes(holder: Any, name: str, value: Any) -> None:
    """Before `holder.name = value`."""


def removes(holder: Any) -> None:
    """Before `del holder[key]`."""


__all__ = [
    "Undefined",
    "and_",
    "assert_",
    "aug_item",
    "call",
    "changes",
    "cond",
    "for_",
    "if_",
    "kept",
    "load",
    "load_item",
    "not_",
    "or_",
    "outer",
    "pattern_class",
    "removes",
    "steps",
    "store_item",
    "text",
    "ways",
    "while_",
]
