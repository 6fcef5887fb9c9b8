"""The functions of `scipy.linalg` on traced values, compiled without SciPy.

SciPy is the user's to install: its functions are found by name once it has been imported. As in SciPy,
matrices have to be finite unless `check_finite=False` is passed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from dialectad.frontend.numpy.support import checked, when_traced
from dialectad.frontend.scipy_linalg import decompositions, exponential, factors, patterns, systems
from dialectad.frontend.tracers import CALLS

LINALG: dict[str, Callable[..., Any]] = {
    "solve": systems.solve, "inv": systems.inv, "det": systems.det,
    "solve_triangular": systems.solve_triangular,
    "cholesky": factors.cholesky, "cho_factor": factors.cho_factor, "cho_solve": factors.cho_solve,
    "lu": factors.lu, "lu_factor": factors.lu_factor, "lu_solve": factors.lu_solve,
    "norm": decompositions.norm, "pinv": decompositions.pinv,
    "qr": decompositions.qr, "svd": decompositions.svd, "svdvals": decompositions.svdvals,
    "eigh": decompositions.eigh, "eigvalsh": decompositions.eigvalsh,
    "eig": decompositions.eig, "eigvals": decompositions.eigvals,
    "expm": exponential.expm,
    "block_diag": patterns.block_diag, "toeplitz": patterns.toeplitz, "hankel": patterns.hankel,
    "circulant": patterns.circulant,
}  # fmt: skip
"""What they compute."""

FOUND: dict[Callable[..., Any], str] = {}
"""The functions of `scipy.linalg` that are in the table, and their names."""


def register() -> None:
    """Enter SciPy's functions into the tables, if it has been imported."""
    module = sys.modules.get("scipy.linalg")
    if module is None or FOUND or not all(hasattr(module, name) for name in LINALG):
        return
    for name, function in LINALG.items():
        original = getattr(module, name)
        FOUND[original] = name
        CALLS[original] = when_traced(original, checked(f"scipy.linalg.{name}", function, out=False))


__all__ = ["FOUND", "LINALG", "register"]
