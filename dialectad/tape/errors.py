"""Errors at the user's line."""

from __future__ import annotations

from dialectad import places
from dialectad.errors import CompileError


def error(message: str, *, hint: str | None = None, kind: type[CompileError] = CompileError) -> CompileError:
    """An error at the line of the user's that is running."""
    return kind(message, places.running(), hint=hint, level="tape")
