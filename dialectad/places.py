"""Places in the user's code, as it runs."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from pathlib import Path
from types import CodeType

import numpy as np
import xdsl

from dialectad.errors import Location

_USERS: dict[str, bool] = {}
_LOCATIONS: dict[tuple[CodeType, int], Location] = {}
_FOREIGN = (
    *(str(Path(place).parent) + os.sep for place in (__file__, np.__file__, xdsl.__file__)),
    *(str(Path(module.__file__ or "")) for module in (contextlib, functools)),
    "<frozen",
    "<string>",  # what dataclasses and named tuples generate
)
"""How the file names of code begin that only stands between the user's code and the trace."""


def is_shown(code: CodeType) -> bool:
    """Whether errors are placed in code: not in ours, NumPy's or xDSL's."""
    file = code.co_filename
    if file not in _USERS:
        _USERS[file] = not file.startswith(_FOREIGN)
    return _USERS[file]


def locate(code: CodeType, instruction: int) -> Location:
    """The place in the source of an instruction."""
    key = (code, instruction)
    if key not in _LOCATIONS:
        positions = list(code.co_positions())
        line, _, column, _ = positions[instruction // 2]
        _LOCATIONS[key] = Location(code.co_filename, line or code.co_firstlineno, (column or 0) + 1)
    return _LOCATIONS[key]


def running() -> Location | None:
    """The line and column of the user's code that is running."""
    frame = sys._getframe(1)
    while frame is not None:
        if is_shown(frame.f_code):
            return locate(frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return None
