"""Ufuncs on the bits of integers and bools."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.tensor import SplatOp
from xdsl.ir import SSAValue

from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import INT64
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy.ufuncs.arithmetic import absolute_int
from dialectad.frontend.numpy.ufuncs.loops import Kernel, define


def inverted(x: SSAValue) -> SSAValue:
    return emit.op(arith.XOrIOp(x, like(x, 1)))


def _bitwise_count(x: SSAValue) -> SSAValue:
    """How many bits of the absolute value are set."""
    x = emit.cast(x, dtypes.to_ir(INT64)) if x.type == dtypes.INDEX else x
    magnitude = x if dtypes.is_unsigned(x.type) else absolute_int(x)
    return emit.cast(emit.op(math.CtPopOp(magnitude)), dtypes.to_ir(np.dtype(np.uint8)))


define(np.bitwise_and, None, arith.AndIOp, arith.AndIOp)
define(np.bitwise_or, None, arith.OrIOp, arith.OrIOp)
define(np.bitwise_xor, None, arith.XOrIOp, arith.XOrIOp)
define(np.bitwise_count, None, _bitwise_count)
define(np.invert, None, lambda x: emit.op(arith.XOrIOp(x, like(x, -1))), inverted)


def _shift(operation: Any, *, keeps_sign: bool) -> Kernel:
    """A shift by the width or more (or less than 0) gives what shifting bit by bit would."""

    def kernel(x: SSAValue, n: SSAValue) -> SSAValue:
        element = emit.element(x)
        width = element.width.data if isinstance(element, IntegerType) else 64
        owner = n.owner
        scalar = emit.static(owner.operands[0] if isinstance(owner, SplatOp) else n)
        if scalar is not None and 0 <= scalar < width:
            return emit.op(operation(x, n))
        inside = compare("ult", n, like(n, width))
        if keeps_sign:
            return emit.op(operation(x, select(inside, n, like(n, width - 1))))
        zero = like(x, 0)
        return select(inside, emit.op(operation(x, select(inside, n, zero))), zero)

    return kernel


define(np.left_shift, None, _shift(arith.ShLIOp, keeps_sign=False))
define(
    np.right_shift,
    None,
    _shift(arith.ShRSIOp, keeps_sign=True),
    u=_shift(arith.ShRUIOp, keeps_sign=False),
)
