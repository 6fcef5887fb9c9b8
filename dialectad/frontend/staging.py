"""The operators that rewritten code calls: Python's meaning on known values, ops on traced ones.

Note [Loops that must be unrolled]
    Where the body needs its index as a Python integer (`params[i]` on a list), or changes a Python
    container from outside the loop, tracing it says so (`ConcretizationError`, `UnrollRequest`), and the
    loop is run by Python instead, if its iterations are known.
"""

from __future__ import annotations

import functools
import os
import sysconfig
import types
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

from dialectad.errors import CompileError
from dialectad.frontend import branches, emit, loops
from dialectad.frontend.carry import Undefined
from dialectad.frontend.iteration import staged_iterable
from dialectad.frontend.loop_state import LoopState
from dialectad.frontend.rewriting import rewrite
from dialectad.frontend.tracers import CALLS, ConcretizationError, Scalar, Tracer, lift
from dialectad.frontend.tracing import active, current, error, foreign_write

__all__ = [
    "Undefined",
    "and_",
    "assert_",
    "aug_item",
    "call",
    "cond",
    "for_",
    "if_",
    "load",
    "load_item",
    "not_",
    "or_",
    "outer",
    "store_item",
    "while_",
]

Names = tuple[str, ...]
Flags = tuple[bool, ...]
Getter = Callable[[], Sequence[Any]]
Setter = Callable[[Sequence[Any]], None]

_MAX_UNROLLED = 10_000


class UnrollRequest(Exception):
    """The body of a loop does what only Python can do."""


class UnboundError(CompileError, UnboundLocalError):
    """A variable is read that may not have been assigned."""


def load(value: Any) -> Any:
    """A read of a variable that may be unbound."""
    if isinstance(value, Undefined):
        raise error(
            f"variable {value.name!r} may be unbound here: it is assigned only on some ways to this line",
            hint="assign it on every way, or before the branch or loop",
            kind=UnboundError,
        )
    return value


def outer(value: Any) -> Any:
    """A read of what isn't a variable of the function.

    An array of floats there is data: it becomes a hidden parameter, so that a call sees what it holds then.
    Numbers, and arrays of integers and bools, are constants.
    """
    if type(value) is np.ndarray and value.dtype.kind == "f" and active():
        return lift(value)
    return value


# --- branches and boolean operators ------------------------------------------------------------


def if_(
    test: Any,
    then: Callable[[], None],
    otherwise: Callable[[], None],
    names: Names,
    live: Flags,
    get: Getter,
    set_: Setter,
) -> None:
    """`if test: then() else: otherwise()`"""
    condition = branches.truth(test)
    if not isinstance(condition, SSAValue):
        (then if condition else otherwise)()
        return
    before = get()

    def run(function: Callable[[], None]) -> Sequence[Any]:
        set_(before)
        function()
        return get()

    try:
        merged = branches.branch(condition, lambda: run(then), lambda: run(otherwise), names, live)
    except BaseException:
        set_(before)
        raise
    set_(merged)


def cond(test: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then() if test else otherwise()`"""
    condition = branches.truth(test)
    if not isinstance(condition, SSAValue):
        return then() if condition else otherwise()
    return branches.conditional(condition, then, otherwise)


def and_(left: Any, right: Callable[[], Any]) -> Any:
    """`left and right()`"""
    if not isinstance(left, Tracer):
        return left and right()
    return cond(left, right, lambda: left)


def or_(left: Any, right: Callable[[], Any]) -> Any:
    """`left or right()`"""
    if not isinstance(left, Tracer):
        return left or right()
    return cond(left, lambda: left, right)


def not_(value: Any) -> Any:
    """`not value`"""
    condition = branches.truth(value)
    if not isinstance(condition, SSAValue):
        return not condition
    return Scalar(emit.op(arith.XOrIOp(condition, emit.constant(1, i1))), weak=True)


def assert_(test: Any, message: Callable[[], Any]) -> None:
    """`assert test, message()`"""
    condition = branches.truth(test)
    if not isinstance(condition, SSAValue):
        if not condition:
            raise AssertionError(message())
        return
    text = message()
    emit.check(condition, "AssertionError: " + ("" if text is None else str(text)))


# --- loops -------------------------------------------------------------------------------------


_outer_containers: list[set[int]] = []
"""Per staged loop being traced: the containers that its body sees and that are older than it."""


@contextmanager
def _watching(*functions: Callable[..., Any] | None):
    found = {
        id(cell.cell_contents)
        for function in functions
        if function is not None
        for cell in function.__closure__ or ()
        if _is_container(cell)
    }
    _outer_containers.append(found)
    try:
        yield
    finally:
        _outer_containers.pop()


def _is_container(cell: types.CellType) -> bool:
    try:
        return isinstance(cell.cell_contents, list | dict | set)
    except ValueError:  # the cell is empty
        return False


def _refuse_mutation(container: Any) -> None:
    if any(id(container) in found for found in _outer_containers):
        raise UnrollRequest


def for_(
    iterable: Iterable[Any],
    body: Callable[[Any], None],
    names: Names,
    live: Flags,
    carried: Flags,
    get: Getter,
    set_: Setter,
    test: Callable[[], Any] | None,
) -> None:
    """`for item in iterable: body(item)`, as long as `test()` holds before an iteration."""
    items = staged_iterable(iterable)
    if items is None:
        _unrolled(iterable, body, names, get, set_, test, live)
        return
    state = LoopState(body.__code__, names, live, carried, get, set_)
    try:
        with _watching(body, test):
            if test is None:
                loops.for_loop(state, items.bounds(), lambda i: body(items.item(i)), items.at_least_once)
            else:
                _breakable(state, items, body, test)
    except (ConcretizationError, UnrollRequest) as problem:
        state.restore()
        if not isinstance(items.count, int) or items.count > _MAX_UNROLLED:
            if isinstance(problem, UnrollRequest):
                raise error(
                    "this loop changes a Python container, and its number of iterations is not known"
                    " while compiling (or too large to unroll)",
                    hint="write into an array that is created before the loop",
                ) from None
            raise
        _unrolled(items.unrolled(), body, names, get, set_, test, live)


def _breakable(state: LoopState, items: Any, body: Callable[[Any], None], test: Callable[[], Any]) -> None:
    """A loop over known items that may end early: a `while` that also counts."""
    position = Scalar(items.bounds()[0], weak=True)
    _, upper, step = items.bounds()

    def get() -> Sequence[Any]:
        return [*state_get(), position]

    def set_(values: Sequence[Any]) -> None:
        nonlocal position
        *rest, position = values
        state_set(rest)

    def head() -> SSAValue | bool:
        inside = emit.compare("slt", position.index(), upper)
        go_on = branches.truth(test())
        if not isinstance(go_on, SSAValue):
            return inside if go_on else False
        return emit.op(arith.AndIOp(inside, go_on))

    def advance() -> None:
        nonlocal position
        here = position.index()
        body(items.item(here))
        position = Scalar(emit.op(arith.AddiOp(here, step)), weak=True)

    state_get, state_set = state.get, state.set
    counted = LoopState(
        (state.site, "breakable"),
        (*state.names, "<index>"),
        (*state.live, True),
        (*state.carried, True),
        get,
        set_,
    )
    loops.while_loop(counted, head, advance)


def _unrolled(
    iterable: Iterable[Any],
    body: Callable[[Any], None],
    names: Names,
    get: Getter,
    set_: Setter,
    test: Callable[[], Any] | None,
    live: Flags,
) -> None:
    rest = iter(iterable)
    for item in rest:
        go_on = True if test is None else branches.truth(test())
        if not isinstance(go_on, SSAValue):
            if not go_on:
                return
            body(item)
            continue
        keep = (True,) * len(names)  # the next iterations may read what this one assigned
        if_(Scalar(go_on), functools.partial(body, item), lambda: None, names, keep, get, set_)


def while_(
    test: Callable[[], Any],
    body: Callable[[], None],
    names: Names,
    live: Flags,
    carried: Flags,
    get: Getter,
    set_: Setter,
) -> None:
    """`while test(): body()`"""
    state = LoopState(body.__code__, names, live, carried, get, set_)
    try:
        with _watching(body, test):
            if loops.while_loop(state, lambda: branches.truth(test()), body):
                return
    except (ConcretizationError, UnrollRequest):
        state.restore()
        if isinstance(branches.truth(test()), SSAValue):
            raise
    for _ in range(_MAX_UNROLLED):
        condition = branches.truth(test())
        if isinstance(condition, SSAValue):
            if_(Scalar(condition), body, lambda: None, names, (True,) * len(names), get, set_)
            raise error(
                "this loop can neither be compiled nor be unrolled: its condition is known at first, and"
                " later depends on values that are known only at run time"
            )
        if not condition:
            return
        body()
    raise error(f"a loop that must run while compiling doesn't end within {_MAX_UNROLLED} iterations")


# --- items -------------------------------------------------------------------------------------


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
    if isinstance(container, list | dict):
        _refuse_mutation(container)
    container[key] = value


def aug_item(container: Any, key: Any, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`container[key] op= value`"""
    store_item(container, key, operator(load_item(container, key), value))


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
        return converted(function)
    if isinstance(function, types.MethodType):
        if isinstance(function.__func__, types.FunctionType):
            return types.MethodType(converted(function.__func__), function.__self__)
        return function
    if isinstance(function, functools.partial):
        return functools.partial(call(function.func), *function.args, **function.keywords)
    if isinstance(function, types.BuiltinMethodType) and isinstance(function.__self__, list | dict | set):
        if function.__name__ in _MUTATORS:
            _refuse_mutation(function.__self__)
        return function
    return function


_MUTATORS = frozenset(
    "append extend insert pop remove clear sort reverse update setdefault popitem add discard".split()
)


def converted(function: types.FunctionType) -> types.FunctionType:
    """`function` with its control flow rewritten, if it is the user's."""
    import sys

    if not is_users(function.__code__):
        return function
    return rewrite(function, sys.modules[__name__])
