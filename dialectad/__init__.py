"""Compile NumPy functions through MLIR dialects to native code, and differentiate them at any rung."""

from dialectad.errors import CompileError
from dialectad.frontend.function import Function, jit
from dialectad.frontend.iteration import unroll
from dialectad.frontend.transforms import grad, hvp, jvp, value_and_grad, vjp
from dialectad.levels import Level, levels

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "Function",
    "Level",
    "grad",
    "hvp",
    "jit",
    "jvp",
    "levels",
    "unroll",
    "value_and_grad",
    "vjp",
]
