"""Counted loops that the frontend itself needs: gathers, scans, batched products."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import scf
from xdsl.ir import Block, Region, SSAValue

from dialectad.frontend import emit
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracing import current


def counted_loop(count: Extent, init: SSAValue, body: Callable[[SSAValue, SSAValue], SSAValue]) -> SSAValue:
    """`for i in range(count): value = body(i, value)`, starting from `init`."""
    trace = current()
    block = Block(arg_types=[INDEX, init.type])
    with trace.open(block, "branch"):  # nothing in the body touches a storage that it writes
        trace.insert(scf.YieldOp(body(block.args[0], block.args[1])))
    bounds = [emit.constant(0, INDEX), emit.index(count), emit.constant(1, INDEX)]
    return emit.op(scf.ForOp(*bounds, [init], Region(block)))
