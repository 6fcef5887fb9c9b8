"""NumPy's functions on tracers, as tables.

`tracers.FUNCTIONS` and `tracers.UFUNCS` say what NumPy's functions and ufuncs do when NumPy finds a tracer
among their arguments. `tracers.CALLS` says what is called instead when rewritten code calls something while
it is traced: NumPy's creators of arrays (which then give traced arrays), and Python's own functions and
`math`, which know nothing of tracers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend.numpy import (
    builtins_,
    counting,
    creation,
    decompositions,
    fourier,
    joining,
    least_squares,
    linear,
    math_module,
    methods,
    norms,
    products,
    quantiles,
    reductions,
    scans,
    searching,
    selection,
    shaping,
    sorting,
    types,
    ufunc_methods,
    ufuncs,
)
from dialectad.frontend.numpy.support import when_traced
from dialectad.frontend.tracers import CALLS, FUNCTIONS, UFUNCS, Scalar, apply_ufunc


def _ufunc_call(ufunc: np.ufunc) -> Callable[..., Any]:
    """A ufunc called by name, rather than by an operator: it gives NumPy numbers, never Python numbers."""

    def call(*inputs: Any, **kwargs: Any) -> Any:
        result = apply_ufunc(ufunc, "__call__", inputs, kwargs)
        if isinstance(result, Scalar) and result.weak:
            return Scalar(result.value, interval=result.interval, offset=result.offset)
        return result

    return when_traced(ufunc, call)


for _function, _implementation in FUNCTIONS.items():
    CALLS.setdefault(_function, when_traced(_function, _implementation))
for _ufunc in UFUNCS:
    CALLS.setdefault(_ufunc, _ufunc_call(_ufunc))

__all__ = [
    "builtins_",
    "counting",
    "creation",
    "decompositions",
    "fourier",
    "joining",
    "least_squares",
    "linear",
    "math_module",
    "methods",
    "norms",
    "products",
    "quantiles",
    "reductions",
    "scans",
    "searching",
    "selection",
    "shaping",
    "sorting",
    "types",
    "ufunc_methods",
    "ufuncs",
]
