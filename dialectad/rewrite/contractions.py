"""Which BLAS product, if any, a linalg op is.

The dimensions of `out[..] += lhs[..] * rhs[..]` fall into classes by where they occur: `m` in out and lhs,
`n` in out and rhs, `k` in lhs and rhs. One of each is gemm, `m` and `k` gemv, `m` and `n` ger, `k` dot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.rewrite import elementwise

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Contraction:
    """out += op(lhs) op(rhs), in the order of operands of the blas op `kind`."""

    kind: Literal["gemm", "gemv", "ger", "dot"]
    lhs: SSAValue
    rhs: SSAValue
    out: SSAValue
    trans_a: bool = False
    trans_b: bool = False


def named(op: Operation) -> Contraction | None:
    """What `linalg.matmul`, `matvec`, `vecmat` or `dot` is; None for a matmul with other maps."""
    assert isinstance(op, LinalgStructuredOperation)
    maps = [_dims(m.data) for m in op.get_indexing_maps()]
    return classify(op.inputs[0], op.inputs[1], op.outputs[0], maps)


def generic(op: linalg.GenericOp) -> Contraction | None:
    """What `linalg.generic { out + a * b }` is."""
    if len(op.inputs) != 2 or len(op.outputs) != 1 or not _multiplies_and_adds(op.body.block):
        return None
    maps = [_dims(m.data) for m in op.indexing_maps]
    return classify(op.inputs[0], op.inputs[1], op.outputs[0], maps)


def reduction(op: linalg.ReduceOp) -> Contraction | None:
    """What the sum of a product of broadcasts is: `np.sum(a[:, :, None] * b, axis=1)` is `a @ b`."""
    product = op.input.owner
    if not isinstance(product, arith.MulfOp) or not op.input.has_one_use() or not _adds(op.region.block):
        return None
    assert isinstance(op.input.type, TensorType)
    rank = op.input.type.get_num_dims()
    (lhs, a), (rhs, b) = (_unbroadcast(value, tuple(range(rank))) for value in product.operands)
    reduced = op.dimensions.get_values()
    found = classify(lhs, rhs, op.init, (a, b, tuple(d for d in range(rank) if d not in reduced)))
    # what has fewer dimensions is bound by memory, so it pays to fuse it with what computes the operands
    return found if found is not None and found.kind == "gemm" else None


def _unbroadcast(value: SSAValue, access: Dims) -> tuple[SSAValue, Dims | None]:
    """The tensor that `value` repeats or transposes, and which dimensions of `value` it has."""
    while isinstance(owner := value.owner, _MOVEMENTS):
        reads = elementwise.reads(owner)
        if reads is None:
            break
        ((source, inner),) = reads
        if elementwise.ZERO in inner:
            break
        value, access = source, elementwise.compose(inner, access)  # pyright: ignore[reportAssignmentType]
    return value, access


_MOVEMENTS = (linalg.BroadcastOp, linalg.TransposeOp, tensor.ExpandShapeOp, tensor.CollapseShapeOp)


def _adds(block: Block) -> bool:
    ops = list(block.ops)
    if [type(op) for op in ops] != [arith.AddfOp, linalg.YieldOp]:
        return False
    return set(ops[0].operands) == set(block.args) and ops[1].operands[0] is ops[0].results[0]


def _multiplies_and_adds(block: Block) -> bool:
    """Whether `block` is, but for the order of operands, `yield (%a * %b) + %out`."""
    ops = list(block.ops)
    if [type(op) for op in ops] != [arith.MulfOp, arith.AddfOp, linalg.YieldOp]:
        return False
    a, b, out = block.args
    product, total, end = ops
    return (
        set(product.operands) == {a, b}
        and set(total.operands) == {product.results[0], out}
        and end.operands[0] is total.results[0]
    )


def _dims(map_: AffineMap) -> Dims | None:
    """The dimensions that a map selects, each once."""
    dims = tuple(e.position for e in map_.results if isinstance(e, AffineDimExpr))
    return dims if len(dims) == len(map_.results) == len(set(dims)) else None


def classify(lhs: SSAValue, rhs: SSAValue, out: SSAValue, maps: Sequence[Dims | None]) -> Contraction | None:
    """Which product has operands that follow these loops."""
    a, b, c = maps
    if a is None or b is None or c is None:
        return None
    everywhere = set(a) | set(b) | set(c)
    m = [d for d in everywhere if d in a and d in c and d not in b]
    n = [d for d in everywhere if d in b and d in c and d not in a]
    k = [d for d in everywhere if d in a and d in b and d not in c]
    if len(m) + len(n) + len(k) != len(everywhere):
        return None  # a batch dimension, or a sum over one operand alone
    match len(m), len(n), len(k):
        case 1, 1, 1:
            if c == (n[0], m[0]):
                return classify(rhs, lhs, out, (b, a, c))
            return Contraction("gemm", lhs, rhs, out, a == (k[0], m[0]), b == (n[0], k[0]))
        case 1, 0, 1:
            return Contraction("gemv", lhs, rhs, out, a == (k[0], m[0]))
        case 0, 1, 1:
            return Contraction("gemv", rhs, lhs, out, b == (k[0], n[0]))
        case 1, 1, 0:
            return Contraction("ger", lhs, rhs, out) if c == (*m, *n) else Contraction("ger", rhs, lhs, out)
        case 0, 0, 1:
            return Contraction("dot", lhs, rhs, out)
        case _:
            return None
