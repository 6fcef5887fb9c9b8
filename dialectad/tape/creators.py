"""The NumPy functions that create arrays."""

from __future__ import annotations

import numpy as np

CREATORS = frozenset(
    getattr(np, name)
    for name in (
        "zeros ones empty full eye identity tri arange linspace indices array asarray asanyarray copy"
        " asarray_chkfinite ascontiguousarray asfortranarray zeros_like ones_like empty_like full_like"
    ).split()
)
"""What they give is followed also where no argument is: something may be written into it."""
