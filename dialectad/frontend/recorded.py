"""What an eager level wraps around values while it records, as compiled functions see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Recorded:
    """A value of which a level that runs functions eagerly keeps track.

    A compiled function that is called with one leaves the call to the value: it runs on what the value
    stands for, and is recorded as one operation.
    """

    __slots__ = ()

    def call_compiled(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call of the compiled `function` gives."""
        raise NotImplementedError

    def observe(self, function: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call `function`, which only looks, with what the values in its arguments stand for."""
        raise NotImplementedError

    def copy(self) -> Any:
        """A new value that holds the same."""
        raise NotImplementedError

    def stopped(self) -> Any:
        """A copy through which no derivative flows."""
        raise NotImplementedError
