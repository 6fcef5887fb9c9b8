"""`fuse-elementwise`: elementwise ops on tensors, and reductions of them, become loop nests.

    %s = arith.mulf %a, %b : tensor<8xf64>
    %e = math.exp %s : tensor<8xf64>
    %r = linalg.reduce ins(%e) outs(%init) dimensions = [0] { addf }
    ~>
    %r = linalg.generic ins(%a, %b) outs(%init) {
      %s = arith.mulf; %e = math.exp %s; %t = arith.addf; linalg.yield %t
    }

Broadcasts, transposes and uniform tensors turn into indexing maps and captured scalars. `fusion_plan` says
what is fused with what, `fusion_emit` writes the loop nests. No `arith` or `math` op on tensors remains.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from dialectad.dialects.extents import source as source_of_extent
from dialectad.rewrite import constants, extents, structure
from dialectad.rewrite.fusion_emit import Emitter
from dialectad.rewrite.fusion_plan import Plan
from dialectad.rewrite.push_slices import push_slices
from dialectad.walk import walk


def _resolve_extents(function: Operation) -> None:
    """Extents are asked of what is stored, so that they don't keep a tensor from being fused.

    %s = arith.addf %a, %b;  %n = tensor.dim %s, %c0   ~>   %n = tensor.dim %a, %c0
    """
    for op in list(walk(function)):
        if isinstance(op, tensor.DimOp):
            dim = constants.integer(op.index)
            if dim is not None and source_of_extent(op.source, dim) != (op.source, dim):
                structure.replace(op, [extents.extent(op.source, dim, op, {})])


def fuse(function: Operation) -> None:
    """Fuse everything inside of `function`."""
    push_slices(function)
    _resolve_extents(function)
    plan = Plan()
    plan.make(function)
    emitter = Emitter(plan)
    replaced = {root for root in reversed(plan.roots) if emitter.emit(root)}
    for old, new in emitter.stored.items():
        old.replace_all_uses_with(new)
    for op in reversed(list(walk(function))):
        if (op in replaced or op in plan.inlined) and all(r.first_use is None for r in op.results):
            structure.erase(op)


@dataclass(frozen=True)
class FuseElementwisePass(ModulePass):
    """Turn elementwise ops and reductions on tensors into fused loop nests (`linalg.generic`)."""

    name = "fuse-elementwise"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                fuse(function)
