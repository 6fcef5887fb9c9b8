"""Exponentials, logarithms, trigonometry, and what rounds to integers."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.ir import SSAValue

from dialectad.frontend import emit
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy.ufuncs.arithmetic import same
from dialectad.frontend.numpy.ufuncs.loops import Kernel, define

for _ufunc, _operation in {
    np.exp: math.ExpOp,
    np.exp2: math.Exp2Op,
    np.expm1: math.ExpM1Op,
    np.log: math.LogOp,
    np.log2: math.Log2Op,
    np.log10: math.Log10Op,
    np.log1p: math.Log1pOp,
    np.sqrt: math.SqrtOp,
    np.cbrt: math.CbrtOp,
    np.sin: math.SinOp,
    np.cos: math.CosOp,
    np.tan: math.TanOp,
    np.arcsin: math.AsinOp,
    np.arccos: math.AcosOp,
    np.arctan: math.AtanOp,
    np.arctan2: math.Atan2Op,
    np.sinh: math.SinhOp,
    np.cosh: math.CoshOp,
    np.tanh: math.TanhOp,
    np.arcsinh: math.AsinhOp,
    np.arccosh: math.AcoshOp,
    np.arctanh: math.AtanhOp,
    np.copysign: math.CopySignOp,
    np.rint: math.RoundEvenOp,
}.items():
    define(_ufunc, _operation)
for _ufunc, _operation in {np.floor: math.FloorOp, np.ceil: math.CeilOp, np.trunc: math.TruncOp}.items():
    define(_ufunc, _operation, same, same)


def _scaled(factor: float) -> Kernel:
    return lambda x: emit.op(arith.MulfOp(x, like(x, factor)))


define(np.degrees, _scaled(180 / pi))
define(np.rad2deg, _scaled(180 / pi))
define(np.radians, _scaled(pi / 180))
define(np.deg2rad, _scaled(pi / 180))


def _hypot(x: SSAValue, y: SSAValue) -> SSAValue:
    """m sqrt(1 + (n/m)^2) for m >= |n|: no overflow. Where m = |n|, n/m is 1, also for zeros and infinities.

    n keeps its sign, for the second derivative at n = 0.
    """
    a, b = emit.op(math.AbsFOp(x)), emit.op(math.AbsFOp(y))
    high, low = emit.op(arith.MaximumfOp(a, b)), select(compare("oge", a, b), y, x)
    equal, one = compare("oeq", a, b), like(x, 1)
    ratio = select(equal, one, emit.op(arith.DivfOp(low, select(equal, one, high))))
    under = emit.op(arith.AddfOp(emit.op(arith.MulfOp(ratio, ratio)), one))
    return emit.op(arith.MulfOp(high, emit.op(math.SqrtOp(under))))


def _logaddexp(exp: Any, scale: float | None) -> Kernel:
    """max(x, y) + log(1 + exp(-|x - y|)); where x = y, also both infinite, the difference is exactly 0."""

    def kernel(x: SSAValue, y: SSAValue) -> SSAValue:
        high = emit.op(arith.MaximumfOp(x, y))
        difference = select(compare("oeq", x, y), like(x, 0), emit.op(arith.SubfOp(x, y)))
        less = emit.op(arith.NegfOp(emit.op(math.AbsFOp(difference))))
        rest = emit.op(math.Log1pOp(emit.op(exp(less))))
        if scale is not None:
            rest = emit.op(arith.MulfOp(rest, like(x, scale)))
        return emit.op(arith.AddfOp(high, rest))

    return kernel


def _heaviside(x: SSAValue, at_zero: SSAValue) -> SSAValue:
    zero = like(x, 0)
    rest = select(compare("uno", x, x), like(x, float("nan")), at_zero)
    below = select(compare("olt", x, zero), zero, rest)
    return select(compare("ogt", x, zero), like(x, 1), below)


define(np.hypot, _hypot)
define(np.logaddexp, _logaddexp(math.ExpOp, None))
define(np.logaddexp2, _logaddexp(math.Exp2Op, 1 / float(np.log(2))))
define(np.heaviside, _heaviside)
