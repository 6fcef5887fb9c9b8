"""Levels at which functions aren't compiled: Python runs them, and what they did is differentiated.

The transformations ask here first. The package of such a level registers itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dialectad.levels import Level


class Engine(Protocol):
    """The transformations of one level."""

    def grad(self, function: Callable[..., Any], argnums: Any, has_aux: bool, level: Level) -> Any: ...

    def value_and_grad(
        self, function: Callable[..., Any], argnums: Any, has_aux: bool, level: Level
    ) -> Any: ...

    def vjp(self, function: Callable[..., Any], primals: Sequence[Any], level: Level) -> tuple[Any, Any]: ...

    def jvp(
        self, function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], level: Level
    ) -> tuple[Any, Any]: ...

    def jacobian(
        self, function: Callable[..., Any], argnums: Any, holomorphic: bool, forward: bool, level: Level
    ) -> Any: ...

    def jit(self, function: Callable[..., Any], level: Level) -> Any: ...


ENGINES: dict[str, Engine] = {}
"""By the name of the level."""


def engine(level: Level) -> Engine | None:
    """What runs functions at a level; None if they are compiled."""
    return ENGINES.get(level.name)
