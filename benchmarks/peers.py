"""How each library is set up for a fair race on one thread."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def jax() -> ModuleType:
    """JAX on the CPU, in double precision where asked for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def torch() -> ModuleType:
    """PyTorch on one thread."""
    import torch

    torch.set_num_threads(1)
    return torch


def numba() -> ModuleType:
    """Numba, which uses one thread unless asked for more."""
    import numba

    return numba


def dialectad() -> ModuleType:
    """This project."""
    import dialectad

    return dialectad


def compile_ahead(function: Any, *args: Any) -> None:
    """Compile a function of this project for these arguments without running it."""
    signature, _ = function._signature(args, {})
    function._specialize(signature)
