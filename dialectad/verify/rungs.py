"""The rungs of the ladder as data: which ops and types are legal on each.

Between the loop and the llvm rung lies `lifted`: what is read back from LLVM to be differentiated, and its
derivative, in the `llvm` dialect with structured control flow, scalar ops, caches and new memory.

An entry of `legal` is the name of an op (`tensor.empty`) or of a whole dialect (`arith`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import IndexType, MemRefType, TensorType
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Operation


@dataclass(frozen=True)
class Rung:
    """What may occur on a rung."""

    legal: frozenset[str]
    """Ops and dialects."""
    illegal_types: tuple[type[Attribute], ...]
    """Types that no result and no block argument may have."""


def _names(dialect: str, ops: str) -> frozenset[str]:
    return frozenset(f"{dialect}.{op}" for op in ops.split())


_COMMON = (
    frozenset({"builtin.module", "func", "cf.assert", "arith", "math", "blas", "lapack", "order", "host"})
    | _names("scf", "for if while yield condition")
    | _names("linalg", "generic fill yield index")
)

RUNGS: dict[str, Rung] = {
    "linalg": Rung(
        _COMMON
        | _names(
            "tensor",
            "empty splat extract insert extract_slice insert_slice collapse_shape expand_shape dim cast",
        )
        | _names("linalg", "transpose broadcast reduce matmul matvec vecmat dot")
        | _names("ad", "vjp jvp augmented pullback stop cache push pop"),
        (MemRefType, LLVMPointerType),
    ),
    "loop": Rung(
        _COMMON
        | _names(
            "memref",
            "alloc alloca dealloc load store subview copy view cast dim collapse_shape expand_shape"
            " extract_strided_metadata reinterpret_cast global get_global",
        )
        | _names("ad", "vjp jvp augmented pullback stop cache reserve push pop"),
        (TensorType, LLVMPointerType),
    ),
    "lifted": Rung(
        frozenset({"builtin.module", "builtin.unrealized_conversion_cast", "func", "cf.assert"})
        | frozenset({"arith", "math", "llvm", "host"})
        | _names("scf", "for if while yield condition")
        | _names("memref", "alloc alloca dealloc load store")
        | _names("ad", "stop cache reserve push pop"),
        (TensorType,),
    ),
    "llvm": Rung(frozenset({"builtin.module", "llvm"}), (TensorType, MemRefType, IndexType)),
}

REACHED_BY = {"bufferize": "loop", "lift-cf-to-scf": "lifted", "convert-to-llvm": "llvm"}
"""Pass -> the rung that it ends on."""


def legality_errors(op: Operation, rung: str) -> Iterator[str]:
    """What of `op` isn't legal on the rung of this name."""
    allowed = RUNGS[rung]
    name = op.name
    if name not in allowed.legal and name.split(".", 1)[0] not in allowed.legal:
        yield f"is not legal on the {rung} rung"
    values = [*op.results, *(arg for region in op.regions for block in region.blocks for arg in block.args)]
    for value in values:
        if isinstance(value.type, allowed.illegal_types):
            yield f"has a value of type {value.type}, which is not legal on the {rung} rung"
            return
