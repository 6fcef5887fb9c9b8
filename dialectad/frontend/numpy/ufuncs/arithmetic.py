"""Sums, products, quotients, signs and absolute values."""

from __future__ import annotations

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from dialectad.frontend import emit
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy.ufuncs.loops import define


def same(x: SSAValue) -> SSAValue:
    return x


def _negate(x: SSAValue) -> SSAValue:
    return emit.op(arith.SubiOp(like(x, 0), x))


def absolute_int(x: SSAValue) -> SSAValue:
    return emit.op(arith.MaxSIOp(x, _negate(x)))


def _sign_float(x: SSAValue) -> SSAValue:
    zero = like(x, 0)
    rest = select(compare("uno", x, x), like(x, float("nan")), zero)
    below = select(compare("olt", x, zero), like(x, -1), rest)
    return select(compare("ogt", x, zero), like(x, 1), below)


def _sign_int(x: SSAValue) -> SSAValue:
    return emit.op(arith.MaxSIOp(emit.op(arith.MinSIOp(x, like(x, 1))), like(x, -1)))


def _is_one(x: SSAValue) -> SSAValue:
    """1/x truncated for unsigned x, 0 for x = 0."""
    return select(compare("eq", x, like(x, 1)), x, like(x, 0))


def _reciprocal_int(x: SSAValue) -> SSAValue:
    """1/x truncated: x itself for 1 and -1, and otherwise 0 (for x = 0 as C converts infinity)."""
    element = emit.element(x)
    width = element.width.data if isinstance(element, IntegerType) else 64
    least = like(x, -(2 ** (width - 1)) if width >= 32 else 0)
    near = compare("ule", emit.op(arith.AddiOp(x, like(x, 1))), like(x, 2))
    return select(compare("eq", x, like(x, 0)), least, select(near, x, like(x, 0)))


define(np.add, arith.AddfOp, arith.AddiOp, arith.OrIOp)
define(np.subtract, arith.SubfOp, arith.SubiOp)
define(np.multiply, arith.MulfOp, arith.MuliOp, arith.AndIOp)
define(np.true_divide, arith.DivfOp)
define(np.negative, arith.NegfOp, _negate)
define(np.positive, same, same)
define(np.absolute, math.AbsFOp, absolute_int, same, u=same)
define(np.fabs, math.AbsFOp)
define(np.sign, _sign_float, _sign_int, u=lambda x: emit.op(arith.MinUIOp(x, like(x, 1))))
define(np.square, lambda x: emit.op(arith.MulfOp(x, x)), lambda x: emit.op(arith.MuliOp(x, x)))
define(np.reciprocal, lambda x: emit.op(arith.DivfOp(like(x, 1), x)), _reciprocal_int, u=_is_one)
define(np.conjugate, same, same)
