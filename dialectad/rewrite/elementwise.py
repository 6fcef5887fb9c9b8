"""Ops as functions from an index to an element: what they read where, and what that costs.

An *access* is a tuple with one index for each dimension of a tensor. An index is the number of a loop,
`ZERO`, an affine expression of loops, or the SSA value that `tensor.extract` was given.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, math, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from dialectad.dialects import ad
from dialectad.dialects.destination import DestinationOp
from dialectad.rewrite import effects

Index = int | AffineExpr | SSAValue
Access = tuple[Index, ...]

ZERO = -1
"""The index into a dimension of extent 1."""

ELEMENTWISE = effects.SCALAR - {arith.ConstantOp} | {ad.StopOp}
"""Ops that, on tensors, apply to each element."""

UNIFORM = frozenset((tensor.SplatOp, linalg.FillOp, arith.ConstantOp))
"""Ops that may give a tensor whose elements are all one scalar."""

RESHAPES = frozenset((tensor.CollapseShapeOp, tensor.ExpandShapeOp))

VIEWS = frozenset((tensor.ExtractSliceOp, tensor.CastOp, *RESHAPES))
"""Ops whose result is, after bufferization, a window on their first operand."""

_EXPENSIVE = frozenset((arith.DivfOp, math.SqrtOp, math.RsqrtOp, *effects.TRAPPING))
_CHEAP_MATH = frozenset(
    (
        math.AbsFOp,
        math.AbsIOp,
        math.CeilOp,
        math.CopySignOp,
        math.FloorOp,
        math.FmaOp,
        math.RoundEvenOp,
        math.TruncOp,
    )
)
_COSTS: dict[type[Operation], int] = {
    **dict.fromkeys(effects.SCALAR, 1),
    **dict.fromkeys(math.Math.operations, 20),
    **dict.fromkeys(_CHEAP_MATH, 1),
    **dict.fromkeys(_EXPENSIVE, 10),
    ad.StopOp: 0,
    arith.ConstantOp: 0,
    linalg.IndexOp: 0,
    linalg.YieldOp: 0,
    linalg.TransposeOp: 1,
    linalg.BroadcastOp: 0,
    linalg.FillOp: 0,
    tensor.SplatOp: 0,
    tensor.CollapseShapeOp: 0,
    tensor.ExpandShapeOp: 0,
    tensor.ExtractOp: 2,
}
_UNKNOWN_COST = 50


def cost(op: Operation) -> int:
    """About how many additions one element of the result takes, operands aside."""
    if type(op) is linalg.GenericOp:
        return sum(_COSTS.get(type(inner), _UNKNOWN_COST) for inner in op.body.block.ops)
    return _COSTS.get(type(op), _UNKNOWN_COST)


def reads(op: Operation) -> list[tuple[SSAValue, Access]] | None:
    """The tensors that one element of the result of `op` is computed from, and where they are read.

    None: `op` isn't such a function. The loops are the dimensions of the result.
    """
    kind = type(op)
    if not op.results or not isinstance(type_ := op.results[0].type, TensorType):
        return None
    if kind in ELEMENTWISE:
        identity = tuple(range(type_.get_num_dims()))
        return [(o, identity) for o in op.operands if isinstance(o.type, TensorType)]
    if kind in UNIFORM:
        return []
    if isinstance(op, linalg.BroadcastOp):
        added = op.dimensions.get_values()
        return [(op.input, tuple(d for d in range(type_.get_num_dims()) if d not in added))]
    if isinstance(op, linalg.TransposeOp):
        permutation = list(op.permutation.get_values())
        return [(op.inputs[0], tuple(permutation.index(d) for d in range(len(permutation))))]
    if isinstance(op, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        access = _through_unit_dims(op)
        return None if access is None else [(op.src, access)]
    if isinstance(op, linalg.GenericOp):
        return _generic_reads(op)
    return None


def _through_unit_dims(op: tensor.CollapseShapeOp | tensor.ExpandShapeOp) -> Access | None:
    """The access to the source of a reshape that only adds or drops dimensions of extent 1."""
    groups = [[i.value.data for i in group] for group in op.reassociation]
    source, result = (v.type.get_shape() for v in (op.src, op.result))  # pyright: ignore
    access: list[Index] = [ZERO] * len(source)
    expands = isinstance(op, tensor.ExpandShapeOp)
    long = result if expands else source
    for short_dim, group in enumerate(groups):
        wide = [d for d in group if long[d] != 1]
        if len(wide) > 1:
            return None
        if wide and expands:
            access[short_dim] = wide[0]
        elif wide:
            access[wide[0]] = short_dim
    return tuple(access)


def _generic_reads(op: linalg.GenericOp) -> list[tuple[SSAValue, Access]] | None:
    position = result_positions(op)
    if position is None:
        return None
    found: list[tuple[SSAValue, Access]] = []
    for value, attr in zip(op.inputs, op.indexing_maps, strict=False):
        if isinstance(value.type, TensorType):
            access = simple_access(attr.data)
            if access is None:
                return None
            found.append((value, tuple(d if d == ZERO else position[d] for d in access)))
    return found


def result_positions(op: linalg.GenericOp) -> dict[int, int] | None:
    """For a generic that computes each element of a fresh tensor by itself: loop -> result dimension."""
    if len(op.results) != 1 or reads_out(op):
        return None
    if any(i.data is not IteratorType.PARALLEL for i in op.iterator_types):
        return None
    out = simple_access(op.indexing_maps.data[-1].data)
    if out is None or sorted(out) != list(range(len(op.iterator_types))):
        return None
    return {loop: dim for dim, loop in enumerate(out)}


def reads_out(op: linalg.GenericOp) -> bool:
    """Whether the old content of the destination matters."""
    return op.body.block.args[-1].first_use is not None


def access_of(map_: AffineMap) -> Access:
    """An indexing map as an access."""
    return tuple(_index(e) for e in map_.results)


def _index(expression: AffineExpr) -> Index:
    if isinstance(expression, AffineDimExpr):
        return expression.position
    if isinstance(expression, AffineConstantExpr) and expression.value == 0:
        return ZERO
    return expression


def simple_access(map_: AffineMap) -> tuple[int, ...] | None:
    """The same where there is nothing but loops and `ZERO`."""
    access = access_of(map_)
    return access if all(isinstance(i, int) for i in access) else None  # pyright: ignore


def compose(inner: Sequence[Index], outer: Access) -> Access:
    """Where an operand is read, when what reads it at `inner` is itself read at `outer`."""
    return tuple(outer[i] if isinstance(i, int) and i != ZERO else i for i in inner)


def base(value: SSAValue) -> SSAValue:
    """The tensor on which `value` is a window."""
    while type(owner := value.owner) in VIEWS:
        assert isinstance(owner, Operation)
        value = owner.operands[0]
    return value


def destinations(op: Operation) -> Sequence[SSAValue]:
    """The operands that `op`, after bufferization, likes to write over."""
    if isinstance(op, tensor.InsertSliceOp | tensor.InsertOp):
        return (op.dest,)
    if isinstance(op, linalg.GenericOp):
        return op.outputs
    if isinstance(op, linalg.ReduceOp):
        return (op.init,)
    if isinstance(op, DestinationOp):
        return (op.destination,)
    if isinstance(op, scf.ForOp):
        return op.iter_args
    if isinstance(op, scf.WhileOp):
        return op.arguments
    if type(op) in effects.ON_VALUES and op.operands:
        return (op.operands[-1],)
    return ()


def body(op: linalg.GenericOp | linalg.ReduceOp) -> Block:
    """The block that computes an element."""
    return op.regions[0].block
