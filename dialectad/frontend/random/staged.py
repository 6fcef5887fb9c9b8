"""Algorithms with loops and branches, written as Python that becomes part of what is traced."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its control flow rewritten, as the user's functions have it."""
    assert isinstance(function, FunctionType)

    @functools.cache
    def rewritten() -> Callable[..., Any]:
        from dialectad.frontend import staging
        from dialectad.frontend.rewriting import rewrite

        return rewrite(function, staging)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return rewritten()(*args, **kwargs)

    return call


@staged
def filled(out: Any, draw: Callable[[], Any]) -> Any:
    """A vector of which the elements are drawn, one after the other."""
    for i in range(out.shape[0]):
        out[i] = draw()
    return out


@staged
def accepted(attempt: Callable[[], tuple[Any, Any]], first: Any) -> Any:
    """What is attempted until it is accepted; `first` has the type of it."""
    found, done = first, False
    while not done:
        found, done = attempt()
    return found
