"""Common divisors and multiples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from dialectad.frontend import dtypes, emit
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy.ufuncs.arithmetic import absolute_int
from dialectad.frontend.numpy.ufuncs.division import nonzero
from dialectad.frontend.numpy.ufuncs.loops import define


def _size(x: SSAValue) -> SSAValue:
    return x if dtypes.is_unsigned(x.type) else absolute_int(x)


def _gcd(a: SSAValue, b: SSAValue) -> SSAValue:
    """By Euclid's algorithm, in as many steps as numbers of that width may take."""
    from dialectad.frontend.numpy.support import loop

    element = emit.element(a)
    width = element.width.data if isinstance(element, IntegerType) else 64

    def body(_: SSAValue, x: SSAValue, y: SSAValue) -> Sequence[SSAValue]:
        done = compare("eq", y, like(y, 0))
        rest = emit.op(arith.RemUIOp(x, select(done, like(y, 1), y)))
        return select(done, x, y), select(done, y, rest)

    return loop(3 * width // 2, [_size(a), _size(b)], body)[0]


def _lcm(a: SSAValue, b: SSAValue) -> SSAValue:
    common, _ = nonzero(_gcd(a, b))
    return emit.op(arith.MuliOp(emit.op(arith.DivUIOp(_size(a), common)), _size(b)))


define(np.gcd, None, _gcd)
define(np.lcm, None, _lcm)
