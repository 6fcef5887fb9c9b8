"""Compile NumPy functions through MLIR dialects to native code, and differentiate them at any rung."""

from dialectad.comparison.compare import compare
from dialectad.errors import CompileError
from dialectad.frontend.checkpoint import checkpoint
from dialectad.frontend.custom import custom_jvp, custom_vjp
from dialectad.frontend.function import Function, jit
from dialectad.frontend.host import host_callback
from dialectad.frontend.host import print_ as print
from dialectad.frontend.iteration import unroll
from dialectad.frontend.jacobians import hessian, hvp, jacfwd, jacrev
from dialectad.frontend.products import jvp, vjp
from dialectad.frontend.regions import at_level
from dialectad.frontend.transforms import grad, stop_gradient, value_and_grad
from dialectad.frontend.vmap import vmap
from dialectad.levels import Level, levels
from dialectad.tape import engine as _  # noqa: F401  (registers the level)

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "Function",
    "Level",
    "at_level",
    "checkpoint",
    "compare",
    "custom_jvp",
    "custom_vjp",
    "grad",
    "hessian",
    "host_callback",
    "hvp",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "levels",
    "print",
    "stop_gradient",
    "unroll",
    "value_and_grad",
    "vjp",
    "vmap",
]
