"""The ufuncs that are refused, each with an error of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.tracers import UFUNCS
from dialectad.frontend.tracing import error

REFUSED: set[np.ufunc] = set()
"""Ufuncs with an error of their own."""


def _refused(ufunc: np.ufunc, hint: str) -> None:
    def implementation(*_: Any, **__: Any) -> Any:
        raise error(f"numpy ufunc {ufunc.__name__!r} is not supported", hint=hint)

    UFUNCS[ufunc] = implementation
    REFUSED.add(ufunc)


_refused(
    np.isnat, "dates have no dtype in compiled code; pass numbers: dates.astype('datetime64[D]').astype(int)"
)
