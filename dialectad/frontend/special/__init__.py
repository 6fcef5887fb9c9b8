"""The functions of `scipy.special` on traced values, compiled without SciPy.

SciPy is the user's to install: its functions are found by name once it has been imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend.dtypes import FLOAT64
from dialectad.frontend.numpy.support import checked, operand, ufunc_called, values, when_traced, wrapped
from dialectad.frontend.numpy.ufuncs.loops import loop_dtypes
from dialectad.frontend.special import bessel, errors, gamma, logistic, series
from dialectad.frontend.tracers import CALLS, UFUNCS, Tracer, lift
from dialectad.frontend.tracing import error

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "erf": series.erf, "erfc": errors.erfc, "erfinv": errors.erfinv, "erfcinv": errors.erfcinv,
    "ndtr": errors.ndtr, "log_ndtr": errors.log_ndtr, "ndtri": errors.ndtri,
    "gamma": gamma.gamma, "gammaln": gamma.gammaln, "loggamma": gamma.gammaln, "psi": gamma.digamma,
    "beta": gamma.beta, "betaln": gamma.betaln,
    "expit": logistic.expit, "log_expit": logistic.log_expit, "logit": logistic.logit,
    "xlogy": logistic.xlogy, "xlog1py": logistic.xlog1py, "exprel": logistic.exprel,
    "entr": logistic.entr, "rel_entr": logistic.rel_entr, "kl_div": logistic.kl_div,
    "j0": bessel.j0, "j1": bessel.j1, "y0": bessel.y0,
    "i0": bessel.i0, "i0e": bessel.i0e, "i1": bessel.i1, "i1e": bessel.i1e,
    "log1p": np.log1p, "expm1": np.expm1, "exp2": np.exp2, "cbrt": np.cbrt,
}  # fmt: skip
"""The ufuncs of `scipy.special` -> what they compute, in double precision."""


def _polygamma(n: Any, x: Any) -> Any:
    """scipy.special.polygamma"""
    if isinstance(n, Tracer) or np.ndim(n):
        raise error(
            "the order of polygamma must be a number known while the function is compiled",
            hint="choose by `if` between some orders",
        )
    return _in_double(lambda v: gamma.polygamma(int(n), v), [operand(x)], FLOAT64)


WHOLE: dict[str, Callable[..., Any]] = {
    "logsumexp": logistic.logsumexp,
    "softmax": logistic.softmax,
    "log_softmax": logistic.log_softmax,
    "polygamma": _polygamma,
}
"""The other functions."""


def _in_double(function: Callable[..., Any], operands: list[Any], dtype: np.dtype[Any]) -> Any:
    """What a function gives, computed in double precision, in `dtype`."""
    doubles = map(wrapped, values(operands, [FLOAT64] * len(operands)))
    return lift(function(*doubles)).astype(dtype)


def _by_ufunc(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    def implementation(*inputs: Any) -> Any:
        operands = [operand(x) for x in inputs]
        types, _ = loop_dtypes(ufunc, operands)
        return _in_double(function, operands, types[-1])

    return implementation


FOUND: dict[Callable[..., Any], str] = {}
"""The functions of `scipy.special` that are in the tables, and their names."""


def register() -> None:
    """Enter SciPy's functions into the tables, if it has been imported."""
    module = sys.modules.get("scipy.special")
    if module is None or FOUND or not hasattr(module, "softmax"):
        return
    for name, function in ELEMENTWISE.items():
        ufunc = getattr(module, name)
        FOUND[ufunc] = name
        if ufunc not in UFUNCS:
            UFUNCS[ufunc] = _by_ufunc(ufunc, function)
            CALLS[ufunc] = ufunc_called(ufunc)
    for name, function in WHOLE.items():
        original = getattr(module, name)
        FOUND[original] = name
        CALLS[original] = when_traced(original, checked(f"scipy.special.{name}", function, out=False))


__all__ = ["ELEMENTWISE", "FOUND", "WHOLE", "register"]
