"""The operators that rewritten code calls: Python's meaning on known values, ops on traced ones."""

from __future__ import annotations

from typing import Any

from dialectad.errors import CompileError
from dialectad.frontend.calls import (
    aug_item,
    call,
    changes,
    converted,
    is_users,
    load_item,
    outer,
    pattern_class,
    removes,
    steps,
    store_item,
)
from dialectad.frontend.carry import Undefined
from dialectad.frontend.staged_branches import and_, assert_, cond, if_, kept, not_, or_, ways
from dialectad.frontend.staged_loops import for_, while_
from dialectad.frontend.texts import text
from dialectad.frontend.tracing import error

__all__ = [
    "Undefined",
    "and_",
    "assert_",
    "aug_item",
    "call",
    "changes",
    "cond",
    "converted",
    "for_",
    "if_",
    "is_users",
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
