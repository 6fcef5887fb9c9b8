"""A loop nest before it is written: its loops, how they reach memory, and in what order to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.builder import Builder
from xdsl.dialects import builtin, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    IntegerAttr,
    MemRefType,
    NoneAttr,
    StridedLayoutAttr,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)

from dialectad.walk import walk

_FAR = 8
"""What a gap between neighbouring iterations costs, against 1 for a contiguous access and 0 for none."""


@dataclass
class Access:
    """How a nest reaches one operand: `memref[map(iteration)]`, or a scalar that is the same everywhere."""

    value: SSAValue
    map: tuple[AffineExpr, ...]

    @property
    def is_memory(self) -> bool:
        """Whether the operand is a memref and not a scalar."""
        return isinstance(self.value.type, MemRefType)

    def dims(self) -> set[int]:
        """The loops that it depends on."""
        return set().union(*(expr.used_dims() for expr in self.map)) if self.map else set()


@dataclass
class Nest:
    """A perfect nest that computes `body` at every point of an iteration space."""

    extents: list[int | SSAValue]
    """How often each loop runs."""
    parallel: list[bool]
    """Whether a loop's iterations are independent."""
    inputs: list[Access]
    outputs: list[Access]
    body: Block
    """Arguments: one scalar per input, then one per output; `linalg.yield` gives the new outputs."""
    order: list[int] = field(default_factory=list)
    """The loops from the outermost inwards."""

    @property
    def accesses(self) -> list[Access]:
        """All operands."""
        return [*self.inputs, *self.outputs]


def strides(t: MemRefType) -> list[int | None]:
    """The strides in elements, None where they aren't known."""
    if isinstance(t.layout, StridedLayoutAttr):
        return list(t.layout.get_strides())
    result: list[int | None] = []
    stride: int | None = 1
    for size in reversed(t.get_shape()):
        result.append(stride)
        stride = None if stride is None or size == DYNAMIC_INDEX else stride * size
    return result[::-1]


def _coefficient(expr: AffineExpr, dim: int) -> int | None:
    """How much `expr` grows with the loop `dim`; None when not linearly."""
    match expr:
        case AffineDimExpr():
            return int(expr.position == dim)
        case AffineConstantExpr():
            return 0
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add):
            a, b = _coefficient(expr.lhs, dim), _coefficient(expr.rhs, dim)
            return None if a is None or b is None else a + b
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Mul):
            for factor, other in ((expr.lhs, expr.rhs), (expr.rhs, expr.lhs)):
                if isinstance(factor, AffineConstantExpr):
                    inner = _coefficient(other, dim)
                    return None if inner is None else factor.value * inner
    return None if dim in expr.used_dims() else 0


def _step(access: Access, dim: int) -> int | None:
    """How far the address moves, in elements, from one iteration of loop `dim` to the next; None: unknown."""
    t = access.value.type
    if not isinstance(t, MemRefType):
        return 0
    total = 0
    for expr, stride in zip(access.map, strides(t), strict=True):
        coefficient = _coefficient(expr, dim)
        if coefficient == 0:
            continue
        if coefficient is None or stride is None:
            return None
        total += coefficient * stride
    return total


def collapse(nest: Nest, builder: Builder, is_apart: Callable[[Access, int], bool]) -> None:
    """Merge neighbouring loops that every operand walks through without a gap.

    `is_apart` says of an axis whether it is to be kept apart from the next. The innermost loops come first,
    so axes have their old numbers when it is asked.

    %a, %b : memref<3x4xf64> over (i, j), both at [i, j]  ->  memref<12xf64> over (k), at [k]
    """
    dim = len(nest.extents) - 2
    while dim >= 0:
        if can_merge(nest, dim) and not any(
            (axis := axis_of(access, dim)) is not None and is_apart(access, axis) for access in nest.accesses
        ):
            _merge(nest, dim, builder)
        dim -= 1


def can_merge(nest: Nest, dim: int) -> bool:
    """Whether loops `dim` and `dim + 1` are one loop."""
    inner = nest.extents[dim + 1]
    if any(isinstance(op, linalg.IndexOp) for op in walk(nest.body)):
        return False
    if nest.parallel[dim] != nest.parallel[dim + 1]:
        return False
    if not isinstance(inner, int) or not isinstance(nest.extents[dim], int):
        return False
    for access in nest.accesses:
        used = access.dims()
        if dim not in used and dim + 1 not in used:
            continue
        axis = axis_of(access, dim)
        if axis is None or axis_of(access, dim + 1) != axis + 1:
            return False
        t = access.value.type
        assert isinstance(t, MemRefType)
        outer_stride, inner_stride = strides(t)[axis : axis + 2]
        if inner_stride is None or outer_stride != inner * inner_stride:
            return False
        if t.get_shape()[axis : axis + 2] != (nest.extents[dim], inner):
            return False
    return True


def axis_of(access: Access, dim: int) -> int | None:
    """The axis that is indexed by loop `dim` and nothing else; None when there is none or several uses."""
    found = None
    for axis, expr in enumerate(access.map):
        if dim in expr.used_dims():
            if found is not None or not isinstance(expr, AffineDimExpr):
                return None
            found = axis
    return found


def _merge(nest: Nest, dim: int, builder: Builder) -> None:
    outer, inner = nest.extents[dim], nest.extents[dim + 1]
    assert isinstance(outer, int)
    assert isinstance(inner, int)
    nest.extents[dim : dim + 2] = [outer * inner]
    del nest.parallel[dim + 1]
    merged: dict[tuple[SSAValue, int], SSAValue] = {}
    for access in nest.accesses:
        axis = axis_of(access, dim)
        exprs = list(access.map)
        if axis is not None:
            del exprs[axis + 1]
            key = (access.value, axis)
            if key not in merged:
                merged[key] = _collapse_axes(access.value, axis, builder)
            access.value = merged[key]
        access.map = tuple(_renumber(expr, dim + 1) for expr in exprs)


def _renumber(expr: AffineExpr, removed: int) -> AffineExpr:
    """The expression after loop `removed` (which it doesn't use) is gone."""
    if all(dim < removed for dim in expr.used_dims()):
        return expr
    highest = max(expr.used_dims())
    news = [AffineExpr.dimension(d - (d > removed)) for d in range(highest + 1)]
    return expr.replace_dims_and_symbols(news, [])


def _collapse_axes(value: SSAValue, axis: int, builder: Builder) -> SSAValue:
    """View axes `axis` and `axis + 1` of a memref as one."""
    t = value.type
    assert isinstance(t, MemRefType)
    owner = value.owner
    shape, steps = list(t.get_shape()), strides(t)
    shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
    layout: NoneAttr | StridedLayoutAttr = NoneAttr()
    if isinstance(t.layout, StridedLayoutAttr):
        layout = StridedLayoutAttr([*steps[:axis], *steps[axis + 1 :]], t.layout.offset)
    groups = [[a] for a in range(axis)] + [[axis, axis + 1]]
    groups += [[a] for a in range(axis + 2, t.get_num_dims())]
    if isinstance(owner, memref.CollapseShapeOp) and value.first_use is None:
        # Collapsing what was collapsed a moment ago: join the groups, and drop the view in between.
        earlier = [[a.value.data for a in group] for group in owner.reassociation]
        groups = [[a for g in group for a in earlier[g]] for group in groups]
        value = owner.src
    else:
        owner = None
    attr = builtin.ArrayAttr(
        [builtin.ArrayAttr([IntegerAttr(a, builtin.i64) for a in group]) for group in groups]
    )
    collapsed = builder.insert(
        memref.CollapseShapeOp.create(
            operands=[value],
            result_types=[MemRefType(t.element_type, shape, layout, t.memory_space)],
            properties={"reassociation": attr},
        )
    )
    if owner is not None:
        owner.detach()
        owner.erase()
    return collapsed.result


def fix_units(nest: Nest) -> None:
    """Index with 0 what a loop of one iteration indexes: there will be no such loop."""
    news = [
        AffineExpr.constant(0) if extent == 1 else AffineExpr.dimension(dim)
        for dim, extent in enumerate(nest.extents)
    ]
    for access in nest.accesses:
        access.map = tuple(expr.replace_dims_and_symbols(news, []) for expr in access.map)


def choose_order(nest: Nest) -> list[int]:
    """Put the loop with the cheapest accesses innermost; the others, and all reductions, keep their order.

    Loops of one iteration are left out. Loops may be interchanged because parallel iterations are
    independent; the order among reductions decides ties of a maximum and the like, so it stays.
    """
    default = [dim for dim, extent in enumerate(nest.extents) if extent != 1]
    if len(default) < 2:
        return default
    last_reduction = max((d for d in default if not nest.parallel[d]), default=-1)
    candidates = [d for d in default if nest.parallel[d] or d == last_reduction]

    def cost(dim: int) -> tuple[int, int]:
        total = 0
        for weight, accesses in ((1, nest.inputs), (2, nest.outputs)):
            for access in accesses:
                step = _step(access, dim)
                total += weight * (_FAR if step is None else min(abs(step), _FAR))
        return total, -dim

    best = min(candidates, key=cost)
    return [d for d in default if d != best] + [best]
