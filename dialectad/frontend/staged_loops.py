"""What rewritten code calls for `for` and `while`.

Note [Loops that must be unrolled]
    Where the body needs its index as a Python integer (`params[i]` on a list), or adds entries to a Python
    container from outside the loop, tracing it says so (`ConcretizationError`, `UnrollRequest`), and the
    loop is run by Python instead, if its iterations are known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.frontend import branches, emit, loops
from dialectad.frontend.iteration import staged_iterable
from dialectad.frontend.iterators import Steps, taking
from dialectad.frontend.loop_state import LoopState
from dialectad.frontend.mutation import UnrollRequest, managing
from dialectad.frontend.staged_branches import Flags, Getter, Names, Setter, Unfinished, if_
from dialectad.frontend.tracers import ConcretizationError, Scalar
from dialectad.frontend.tracing import current, error

_MAX_UNROLLED = 10_000


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

    def attempt(more: Sequence[str], get: Getter, set_: Setter) -> None:
        state = _state(body, names, live, carried, more, get, set_)
        if test is None:
            loops.for_loop(state, items.bounds(), lambda i: body(items.item(i)), items.at_least_once)
        else:
            _breakable(state, items, body, test)

    try:
        managing("loop", (body, test), get, set_, attempt)
    except Unfinished:
        return
    except (ConcretizationError, UnrollRequest) as problem:
        if not isinstance(items.count, int) or items.count > _MAX_UNROLLED:
            raise _given_up(problem) from None
        _unrolled(items.unrolled(), body, names, get, set_, test, live)


def _given_up(problem: Exception) -> Exception:
    """What to raise for a loop that can't be unrolled; a loop around it might be, and then this one too."""
    if isinstance(problem, UnrollRequest) and not any(w.kind == "loop" for w in current().watches):
        return error(
            "this loop changes which entries a Python container has, and its number of iterations is not"
            " known while compiling (or too large to unroll)",
            hint="write into an array that is created before the loop",
        )
    return problem


def _state(
    body: Callable[..., None],
    names: Names,
    live: Flags,
    carried: Flags,
    more: Sequence[str],
    get: Getter,
    set_: Setter,
) -> LoopState:
    """The state of a loop, with the names of the entries that it changes too."""
    yes = tuple(True for _ in more)
    return LoopState(body.__code__, (*names, *more), (*live, *yes), (*carried, *yes), get, set_)


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
    uncertain: list[Steps] = []
    while True:
        go_on = True if test is None else branches.truth(test())
        if not go_on:
            break
        try:
            with taking(uncertain if isinstance(go_on, SSAValue) else []):
                item = next(rest)
        except StopIteration:
            break
        if not isinstance(go_on, SSAValue):
            body(item)
            continue
        keep = (True,) * len(names)  # the next iterations may read what this one assigned
        if_(Scalar(go_on), functools.partial(body, item), lambda: None, names, keep, get, set_)
    for iterator in uncertain:
        iterator.is_lost = True


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

    def attempt(more: Sequence[str], get: Getter, set_: Setter) -> bool:
        state = _state(body, names, live, carried, more, get, set_)
        return loops.while_loop(state, lambda: branches.truth(test()), body)

    try:
        if managing("loop", (body, test), get, set_, attempt):
            return
    except Unfinished:
        return
    except (ConcretizationError, UnrollRequest) as problem:
        if isinstance(branches.truth(test()), SSAValue):
            raise _given_up(problem) from None
    for _ in range(_MAX_UNROLLED):
        condition = branches.truth(test())
        if isinstance(condition, SSAValue):
            try:  # from here on
                managing("loop", (body, test), get, set_, attempt)
            except (ConcretizationError, UnrollRequest) as problem:
                raise _given_up(problem) from None
            return
        if not condition:
            return
        body()
    raise error(
        f"a loop that must run while compiling doesn't end within {_MAX_UNROLLED} iterations",
        hint="end it, or let it compute with arrays and numbers only: then it stays a loop",
    )
