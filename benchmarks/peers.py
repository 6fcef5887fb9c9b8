"""How each library is set up for a fair race on one thread."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType
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


def numba_compiled(function: Any) -> Callable[..., Any]:
    """A function compiled by Numba, and with it those of its module that it calls."""
    import numba

    names = {**function.__globals__}
    for name in function.__code__.co_names:
        if isinstance(called := names.get(name), FunctionType):
            names[name] = numba_compiled(called)
    return numba.njit(FunctionType(function.__code__, names))


def dialectad() -> ModuleType:
    """This project."""
    import dialectad

    return dialectad


def compile_ahead(function: Any, *args: Any) -> None:
    """Compile a function of this project for these arguments without running it."""
    signature, leaves = function._signature(args, {})
    function._specialize(signature, leaves)
