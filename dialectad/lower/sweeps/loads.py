"""Reading an element once.

    %a = memref.load %m[%i];  ...;  %b = memref.load %m[%i]      =>      %a for %b

Where nothing in the loop writes the buffer.
"""

from __future__ import annotations

from xdsl.dialects import llvm, memref, scf
from xdsl.ir import Operation, SSAValue

from dialectad.ad.memory import buffer_of
from dialectad.lower.sweeps.touches import touches
from dialectad.rewrite import cse, structure


def share_loads(loop: scf.ForOp) -> None:
    """Load each element once in an iteration of `loop`, branches and inner loops aside."""
    cse.eliminate(loop)  # so that equal addresses are the same values
    its = touches(loop.body.block.ops)
    assert its is not None
    written = {touch.buffer for touch in its if touch.writes}
    known: dict[tuple[SSAValue, ...], Operation] = {}
    for op in loop.body.block.ops:
        if isinstance(op, memref.LoadOp | llvm.LoadOp) and buffer_of(op.operands[0]) not in written:
            first = known.setdefault(tuple(op.operands), op)
            if first is not op and first.result_types == op.result_types:
                structure.replace(op, first.results)
