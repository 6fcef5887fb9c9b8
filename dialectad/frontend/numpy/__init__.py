"""NumPy's functions on tracers, as tables.

`tracers.FUNCTIONS` and `tracers.UFUNCS` say what NumPy's functions and ufuncs do when NumPy finds a tracer
among their arguments. `tracers.CALLS` says what is called instead when rewritten code calls something while
it is traced: NumPy's creators of arrays (which then give traced arrays), and Python's own functions and
`math`, which know nothing of tracers.
"""

from __future__ import annotations

from dialectad.frontend.numpy import (
    builtins_,
    counting,
    creation,
    decompositions,
    editing,
    eigenvalues,
    folds,
    fourier,
    joining,
    least_squares,
    linear,
    mapping,
    math_module,
    methods,
    missing_values,
    norms,
    places,
    polynomials,
    products,
    quantiles,
    reductions,
    scans,
    searching,
    selection,
    sets,
    shaping,
    sorting,
    statistics,
    types,
    ufunc_methods,
    ufuncs,
    waves,
)
from dialectad.frontend.numpy.support import ufunc_called, when_traced
from dialectad.frontend.tracers import CALLS, FUNCTIONS, UFUNCS

for _function, _implementation in FUNCTIONS.items():
    CALLS.setdefault(_function, when_traced(_function, _implementation))
for _ufunc in UFUNCS:
    CALLS.setdefault(_ufunc, ufunc_called(_ufunc))

__all__ = [
    "builtins_",
    "counting",
    "creation",
    "decompositions",
    "editing",
    "eigenvalues",
    "folds",
    "fourier",
    "joining",
    "least_squares",
    "linear",
    "mapping",
    "math_module",
    "methods",
    "missing_values",
    "norms",
    "places",
    "polynomials",
    "products",
    "quantiles",
    "reductions",
    "scans",
    "searching",
    "selection",
    "sets",
    "shaping",
    "sorting",
    "statistics",
    "types",
    "ufunc_methods",
    "ufuncs",
    "waves",
]
