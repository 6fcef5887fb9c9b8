"""What ops do besides giving results, as sets of op types.

`has_trait` costs half a microsecond and xDSL's `linalg` ops have no effects trait, hence these tables.
"""

from __future__ import annotations

from xdsl.dialects import func, math, memref, scf, tensor
from xdsl.dialects.arith import (
    CeilDivSIOp,
    CeilDivUIOp,
    DivSIOp,
    DivUIOp,
    FloorDivSIOp,
    RemSIOp,
    RemUIOp,
)
from xdsl.dialects.builtin import MemRefType, UnrealizedConversionCastOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation

from dialectad.dialects import ad, blas, lapack, order
from dialectad.dialects.arith import Arith
from dialectad.dialects.linalg import Linalg

SCALAR = frozenset((*Arith.operations, *math.Math.operations))
"""`arith` and `math`: pure on scalars and, elementwise, on tensors."""

_VIEWS = frozenset(
    (
        memref.CastOp,
        memref.CollapseShapeOp,
        memref.DimOp,
        memref.ExpandShapeOp,
        memref.ReinterpretCastOp,
        memref.SubviewOp,
        memref.ViewOp,
    )
)

PURE = frozenset(
    (
        *SCALAR,
        *(op for op in tensor.Tensor.operations if op is not tensor.YieldOp),
        linalg.IndexOp,
        UnrealizedConversionCastOp,
        ad.StopOp,
        *_VIEWS,
    )
)
"""Ops that only compute their results, whatever their operands are."""

ON_VALUES = frozenset(
    (
        *(op for op in Linalg.operations if op not in (linalg.YieldOp, linalg.IndexOp)),
        *blas.BLAS.operations,
        *lapack.LAPACK.operations,
        *order.ORDER.operations,
    )
)
"""Ops that are pure on tensors, and write their destinations on memrefs."""

_UNUSED = frozenset(
    (memref.AllocOp, memref.AllocaOp, memref.GetGlobalOp, memref.LoadOp, ad.CacheOp, ad.PushOp, ad.PopOp)
)

_STACKED = frozenset((ad.PushOp, ad.PopOp))

TERMINATORS = frozenset((scf.YieldOp, scf.ConditionOp, linalg.YieldOp))
"""Ends of regions: they hand values on, and do nothing else."""

STRUCTURED = frozenset((scf.IfOp, scf.ForOp, scf.WhileOp))
"""Ops whose effects are those of their regions."""

TRAPPING = frozenset((DivSIOp, DivUIOp, FloorDivSIOp, CeilDivSIOp, CeilDivUIOp, RemSIOp, RemUIOp))
"""Integer divisions: by 0 they end the process."""

PLACES = frozenset((tensor.EmptyOp, tensor.SplatOp))
"""Note [Places to write to]: an empty or uniform tensor costs more to keep than to make, and is usually
written over. So two of them are better than one, and one in a loop is better there than before it.
"""


def is_pure(op: Operation) -> bool:
    """Whether `op` (regions aside: those of linalg ops are pure) only computes its results."""
    kind = type(op)
    if kind in PURE:
        return True
    return kind in ON_VALUES and not any(isinstance(o.type, MemRefType) for o in op.operands)


def is_removable(op: Operation) -> bool:
    """Whether nobody would notice that `op` isn't executed, if its results have no uses.

    What a function leaves on a tape, another one takes from it.
    """
    if type(op) in _STACKED and ad.is_tape(op.operands[0]):
        return False
    return is_pure(op) or type(op) in _UNUSED


def has_no_effects(op: Operation) -> bool:
    """Whether `op`, with everything in its regions, only computes its results."""
    if type(op) in STRUCTURED:
        return all(_block_has_no_effects(b) for region in op.regions for b in region.blocks)
    return is_pure(op)


def _block_has_no_effects(block: Block) -> bool:
    return all(type(op) in TERMINATORS or has_no_effects(op) for op in block.ops)


def is_inout(function: func.FuncOp, index: int) -> bool:
    """Whether a function writes into this argument of it."""
    if function.arg_attrs is None:
        return False
    return "dialectad.inout" in function.arg_attrs.data[index].data
