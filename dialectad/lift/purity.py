"""Ops of the `llvm` dialect that may run where the program doesn't run them, and be dropped when unused."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects import llvm
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation

_OPS = frozenset(
    f"llvm.{name}"
    for name in (
        "add sub mul shl lshr ashr and or xor trunc zext sext icmp fcmp select getelementptr"
        " fadd fsub fmul fdiv frem fneg fpext fptrunc sitofp uitofp fptosi fptoui bitcast ptrtoint inttoptr"
        " addrspacecast extractvalue insertvalue extractelement insertelement shufflevector freeze"
        " mlir.constant mlir.addressof mlir.undef mlir.poison mlir.zero"
    ).split()
)

_INTRINSICS = frozenset(
    (
        "fabs sqrt sin cos tan asin acos atan atan2 sinh cosh tanh exp exp2 exp10 log log2 log10 pow powi fma"
        " fmuladd floor ceil trunc rint nearbyint round roundeven copysign minnum maxnum minimum maximum"
        " ldexp abs smax smin umax umin ctlz cttz ctpop bswap bitreverse fshl fshr is.fpclass"
        " sadd.with.overflow ssub.with.overflow smul.with.overflow uadd.with.overflow usub.with.overflow"
        " umul.with.overflow sadd.sat ssub.sat uadd.sat usub.sat fptosi.sat fptoui.sat"
    ).split()
)


def is_speculatable(op: Operation) -> bool:
    """Whether `op` only computes its results, and does so on any operands."""
    if op.name in _OPS:
        return True
    if op.name.startswith("llvm.intr."):
        return op.name.removeprefix("llvm.intr.") in _INTRINSICS
    if isinstance(op, llvm.CallIntrinsicOp):
        intrinsic = op.properties["intrin"]
        assert isinstance(intrinsic, StringAttr)
        parts = intrinsic.data.removeprefix("llvm.").split(".")  # perhaps with its types as suffixes
        return any(".".join(parts[:count]) in _INTRINSICS for count in range(1, len(parts) + 1))
    return False


def sweep(ops: Iterable[Operation]) -> None:
    """Erase those of `ops`, and of what only they use, that nobody needs."""
    pending = list(ops)
    while pending:
        op = pending.pop()
        if (
            op.parent is None
            or not is_speculatable(op)
            or any(result.first_use is not None for result in op.results)
        ):
            continue
        operands = list(op.operands)
        op.detach()
        op.erase()
        pending += [o.owner for o in operands if isinstance(o.owner, Operation)]
