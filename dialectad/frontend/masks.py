"""Where a boolean array holds: as arrays of indices, whose length is known only at run time."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, scf
from xdsl.ir import Block, Region, SSAValue

from dialectad.frontend import emit
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracing import current


def places(mask: SSAValue) -> tuple[SSAValue, list[SSAValue]]:
    """How many elements of a boolean tensor hold, and per axis a tensor of `index`: where those are.

    One loop over all elements writes each position at the place of the next one that holds, and moves on
    only where the element holds: no branch is taken.
    """
    shape = emit.shape(mask)
    flat = emit.collapse(mask)
    total = emit.shape(flat)[0]
    zero, one = emit.constant(0, INDEX), emit.constant(1, INDEX)
    block = Block(arg_types=[INDEX, INDEX, emit.tensor_type([total], INDEX)])
    i, count, found = block.args
    with current().open(block, "branch"):
        holds = emit.cast(emit.extract(flat, [i]), INDEX)
        found = emit.insert(i, found, [count])
        current().insert(scf.YieldOp(emit.op(arith.AddiOp(count, holds)), found))
    loop = scf.ForOp(zero, emit.index(total), one, [zero, emit.empty([total], INDEX)], Region(block))
    count, found = current().insert(loop).results
    return count, _unravelled(emit.extract_slice(found, [0], [count], [1]), shape)


def _unravelled(flat: SSAValue, shape: Sequence[Extent]) -> list[SSAValue]:
    """Positions in an array of this shape, in row-major order, as one index per axis."""
    indices: list[SSAValue] = []
    for n in reversed(shape[1:]):
        size = emit.splat(emit.index(n), emit.shape(flat))
        indices.append(emit.op(arith.RemUIOp(flat, size)))
        flat = emit.op(arith.DivUIOp(flat, size))
    return [flat, *reversed(indices)]
