"""The rules, one module per dialect. Importing a module registers its rules."""

from __future__ import annotations

from importlib import import_module

_MODULES = ("arith", "math", "tensor", "linalg", "generic", "blas", "scf", "func", "ad")


def load() -> None:
    """Register the rules of all dialects."""
    for name in _MODULES:
        import_module(f"{__name__}.{name}")
