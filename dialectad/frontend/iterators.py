"""Python's iterators while tracing: each step of one is a change of an object, of which regions are told.

So a loop that goes on with an iterator which is older than it is unrolled, a branch may not do so, and a
function may not use up an iterator of the surrounding program. See `mutation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dialectad.frontend import mutation
from dialectad.frontend.tracing import active, current, error


class Steps:
    """An iterator, or generator, that tells of each of its steps before it takes it."""

    __slots__ = ("_iterator", "is_lost")

    def __init__(self, iterator: Iterator[Any]):
        self._iterator = iterator
        self.is_lost = False
        """A loop over it ended at a place that is known only at run time."""

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        self.tell()
        return next(self._iterator)

    def tell(self) -> None:
        """To be called before each step."""
        if not active():
            return
        if self.is_lost:
            raise error(
                "how far this iterator got depends on a value known only at run time",
                hint="run over a list, by indices",
            )
        for changed in (self, self._iterator):  # whichever a region knows
            mutation.changes(changed, resizes=True)
        for taken in current().taking:
            taken.append(self)

    def __length_hint__(self) -> int:
        return getattr(self._iterator, "__length_hint__", int)()

    def __getattr__(self, name: str) -> Any:
        """`send`, `throw` and `close` of a generator."""
        found = getattr(self._iterator, name)
        return _told(self, found) if name in ("send", "throw", "close") else found


def _told(steps: Steps, method: Callable[..., Any]) -> Callable[..., Any]:
    def step(*args: Any) -> Any:
        steps.tell()
        return method(*args)

    return step


@contextmanager
def taking(taken: list[Steps]) -> Iterator[None]:
    """Note which iterators take steps meanwhile."""
    lists = current().taking
    lists.append(taken)
    try:
        yield
    finally:
        lists.pop()


def steps(items: Any) -> Any:
    """An iterator, so that its steps are told of; anything else as it is."""
    return Steps(items) if isinstance(items, Iterator) and not isinstance(items, Steps) else items


def by_steps(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose results' steps are told of."""
    return lambda *args, **kwargs: steps(function(*args, **kwargs))
