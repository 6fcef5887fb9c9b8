"""What rewritten code calls for `if`, conditional expressions, `and`, `or`, `not` and `assert`.

Note [Ways that raise]
    A way of a branch that ends in a `raise` becomes a check at run time; the program goes on with the
    other way:

        if x < 0:                               assert x >= 0, "ValueError: negative"
            raise ValueError("negative")   =>   y = x
        y = x

    Where its message has values of then, or what comes before the `raise` may have effects, the way stays,
    and raises by a call of Python or a check that fails.
"""

from __future__ import annotations

import builtins
import dis
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from xdsl.dialects import scf
from xdsl.dialects.builtin import i1
from xdsl.ir import Block, Region, SSAValue

from dialectad.errors import CompileError, Location
from dialectad.frontend import branches, emit
from dialectad.frontend.calls import is_users
from dialectad.frontend.host_calls import placed, raise_
from dialectad.frontend.mutation import managing
from dialectad.frontend.tracers import Scalar, Tracer
from dialectad.frontend.tracing import current
from dialectad.places import locate
from dialectad.rewrite.effects import has_no_effects

T = TypeVar("T")
Names = tuple[str, ...]
Flags = tuple[bool, ...]
Getter = Callable[[], Sequence[Any]]
Setter = Callable[[Sequence[Any]], None]


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

    def attempt(more: Sequence[str], get: Getter, set_: Setter) -> None:
        before = get()

        def run(function: Callable[[], None]) -> Sequence[Any]:
            set_(before)
            _way(function)
            return get()

        flags = (*live, *(True for _ in more))
        ways = (lambda: run(then), lambda: run(otherwise))
        set_(branches.branch(condition, *ways, (*names, *more), flags))

    try:
        managing("branch", (then, otherwise), get, set_, attempt)
    except WayRaises as way:
        _go_on(condition, way, then, otherwise)
    except WayIsUnfinished as way:
        _other(way, then, otherwise)()


def cond(test: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then() if test else otherwise()`"""
    condition = branches.truth(test)
    if not isinstance(condition, SSAValue):
        return then() if condition else otherwise()

    def attempt(more: Sequence[str], get: Getter, set_: Setter) -> Any:
        before = get()

        def run(function: Callable[[], Any]) -> Sequence[Any]:
            set_(before)
            return [_way(function), *get()]

        ways = (lambda: run(then), lambda: run(otherwise))
        value, *entries = branches.conditional(condition, *ways, more)
        set_(entries)
        return value

    try:
        return managing("branch", (then, otherwise), list, lambda _: None, attempt)
    except WayRaises as way:
        return _go_on(condition, way, then, otherwise)
    except WayIsUnfinished as way:
        return _other(way, then, otherwise)()


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


_NEUTRAL: dict[Any, Any] = {sum: 0, any: False, all: True}


def ways(test: Any, function: Any) -> list[Any]:
    """For an item that a generator keeps if `test`: nothing, True, or the test if that is traced.

    `function` is what the items go to.
    """
    if isinstance(test, Tracer) and function in _NEUTRAL:
        return [test]
    return [True] if test else []


def kept(test: Any, item: Callable[[], Any], function: Any) -> Any:
    """`item()` if the test holds, otherwise what changes nothing in `function`."""
    return item() if test is True else cond(test, item, lambda: _NEUTRAL[function])


def not_(value: Any) -> Any:
    """`not value`"""
    condition = branches.truth(value)
    if not isinstance(condition, SSAValue):
        return not condition
    return Scalar(emit.not_(condition), weak=True)


def assert_(test: Any, message: Callable[[], Any]) -> None:
    """`assert test, message()`"""
    condition = branches.truth(test)
    if not isinstance(condition, SSAValue):
        if not condition:
            raise AssertionError(message())
        return
    block = Block()
    with current().open(block, "branch"):
        text = message()
        raised = AssertionError(*([] if text is None else [text]))
        raises = raise_(raised, current().location())
    if raises:
        _under(emit.not_(condition), block)
    else:
        emit.check(condition, _message(raised))


# --- ways that raise ---------------------------------------------------------------------------


class WayRaises(Exception):
    """A way of a branch ends in a `raise`."""

    def __init__(
        self, function: Callable[[], Any], raised: Exception, location: Location, block: Block | None
    ):
        self.function = function
        self.raised = raised
        self.location = location
        self.block = block
        """The way, if it raises when it runs; else it is to be checked that it isn't taken."""


class Unfinished(BaseException):
    """A function is called whose result isn't known yet, for it is being traced: see `outlining.py`.

    No `except` of the user's shall catch it. A branch takes the other way; a loop does not begin.
    """


class WayIsUnfinished(Exception):
    """A way of a branch calls such a function."""

    def __init__(self, function: Callable[[], Any]):
        self.function = function


def _way(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Unfinished:
        raise WayIsUnfinished(function) from None
    except Exception as raised:
        if (location := _raised_at(raised)) is None:
            raise
        raise WayRaises(function, raised, location, _raising(raised, location)) from None


_RAISE = dis.opmap["RAISE_VARARGS"]


def _raised_at(raised: Exception) -> Location | None:
    """Where a statement of the user's raises `raised`; None if something else does."""
    if isinstance(raised, CompileError):
        return None
    last = before = raised.__traceback__
    while last is not None and last.tb_next is not None:
        last, before = last.tb_next, last
    assert last is not None
    assert before is not None
    code = last.tb_frame.f_code
    if code is assert_.__code__:
        last, code = before, before.tb_frame.f_code
    elif code.co_code[last.tb_lasti] != _RAISE:
        return None
    return locate(code, last.tb_lasti) if is_users(code) else None


def _raising(raised: Exception, location: Location) -> Block | None:
    """The block being filled, with an end that raises when it runs; None if a check can do that for it."""
    block = current().here.block
    if not raise_(raised, location):
        if all(map(has_no_effects, block.ops)):
            return None
        emit.check(emit.constant(0, i1), _message(raised), location)
    return block


def _under(condition: SSAValue, block: Block, otherwise: Block | None = None) -> None:
    """Run a block, which gives nothing, if the condition holds, and else perhaps another."""
    regions = []
    for way in (block, otherwise or Block()):
        way.add_op(scf.YieldOp())
        regions.append(Region(way))
    current().insert(scf.IfOp(condition, [], *regions))


def _go_on(condition: SSAValue, way: WayRaises, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """Check that the way that raises isn't taken, and take the other one."""
    other = _other(way, then, otherwise)
    if way.block is None:
        passes = condition if other is then else emit.not_(condition)
        emit.check(passes, _message(way.raised), way.location)
    elif other is then:
        _under(condition, Block(), way.block)
    else:
        _under(condition, way.block)
    return other()


def _other(
    way: WayRaises | WayIsUnfinished, then: Callable[[], T], otherwise: Callable[[], T]
) -> Callable[[], T]:
    """The way of a branch that is left."""
    return then if way.function is otherwise else otherwise


def _message(raised: Exception) -> str:
    """The message of a check that raises this exception, by which the compiled program finds it."""
    kind, table = type(raised), current().raised
    own = getattr(builtins, kind.__name__, None) is not kind
    text = f"{kind.__module__}.{kind.__qualname__}" if own else kind.__name__
    text = f"{text}: {raised}"
    kept = placed(kind, raised.args, raised.__dict__, "")  # without its traceback
    number = 1
    message = text
    while (other := table.get(message)) is not None and not _alike(other, kept):
        number += 1
        message = f"{text} ({number})"
    table[message] = kept
    return message


def _alike(a: Exception, b: Exception) -> bool:
    """Whether they hold the same, as far as it shows (arrays among it have no single truth value)."""
    return type(a) is type(b) and repr((a.args, a.__dict__)) == repr((b.args, b.__dict__))
