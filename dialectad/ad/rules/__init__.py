"""The rules, one module per dialect. Importing a module registers its rules."""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    "arith",
    "math",
    "tensor",
    "linalg",
    "generic",
    "memref",
    "llvm",
    "blas_calls",
    "blas",
    "lapack",
    "decompositions",
    "order",
    "scf",
    "func",
    "host",
    "ad",
)

EXEMPT: dict[str, str] = {
    "builtin.module": "holds the functions",
    "func.func": "what is differentiated",
    "linalg.yield": "the terminator of a body, part of the rule of its op",
    "ad.vjp": "a call by the time that the function around it is differentiated",
    "ad.jvp": "a call by the time that the function around it is differentiated",
    "ad.augmented": "made behind the last derivatives of the rung, replaced before those of the next",
    "ad.pullback": "made behind the last derivatives of the rung, replaced before those of the next",
    "blas.syrk": "made where nothing is left to be differentiated",
}
"""The ops of the linalg rung without a rule, and why."""


def load() -> None:
    """Register the rules of all dialects."""
    for name in _MODULES:
        import_module(f"{__name__}.{name}")
