"""Errors at the user's line."""

from __future__ import annotations

import sys

from dialectad.errors import CompileError, Location
from dialectad.frontend.tracing import is_shown, locate


def location() -> Location | None:
    """The line and column of the user's code that is running."""
    frame = sys._getframe(1)
    while frame is not None:
        if is_shown(frame.f_code):
            return locate(frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return None


def error(message: str, *, hint: str | None = None, kind: type[CompileError] = CompileError) -> CompileError:
    """An error at the line of the user's that is running."""
    return kind(message, location(), hint=hint, level="tape")
