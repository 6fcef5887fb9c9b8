"""Which axes of arrays stay apart, though a loop could walk through both as through one.

    s[i]    = sum over j of x[i, j]         rows of x are apart
    y[k]    = exp(x[k])                     could be one loop over all elements of x and y,
    z[i, j] = y[i, j] / s[i]                but as loops over rows all three can be fused (`fuse_loops.py`)

It spreads from array to array, through the ops of one block. Short rows aren't worth a loop of their own, and
what fits the first cache is there anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import DYNAMIC_INDEX, FixedBitwidthType, MemRefType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr

from dialectad.lower.loops.nest import Access, Nest, axis_of, can_merge

_LONG = 64
"""Elements from which on a row has a loop of its own."""

_LARGE = 32 * 1024
"""Bytes that don't fit the first cache any more."""

Apart = frozenset[tuple[Block | None, SSAValue, int]]
"""Block, array, and an axis of it that is apart from the next."""


@dataclass(frozen=True)
class Structure:
    """What a structured op does, before its loops are counted."""

    accesses: list[Access]
    inputs: int
    """How many of the accesses only read."""
    parallel: list[bool]
    body: Block


def axes_apart(structures: Mapping[Operation, Structure]) -> Apart:
    """The axes that don't become one in any of these ops."""
    users: dict[tuple[Block | None, SSAValue], list[tuple[Operation, Structure]]] = {}
    pending: list[tuple[Operation, Structure, int]] = []
    for op, structure in structures.items():
        for access in structure.accesses:
            users.setdefault((op.parent, access.value), []).append((op, structure))
        nest = _nest(structure)
        dims = range(len(structure.parallel) - 1)
        pending += ((op, structure, dim) for dim in dims if not can_merge(nest, dim))
    found: set[tuple[Block | None, SSAValue, int]] = set()
    while pending:
        op, structure, dim = pending.pop()
        for value, axis in _axes(structure, dim):
            if (op.parent, value, axis) in found:
                continue
            found.add((op.parent, value, axis))
            for other, its in users[op.parent, value]:
                pending += (
                    (other, its, d)
                    for access in its.accesses
                    if access.value is value and (d := _dim_of(access, axis)) is not None
                )
    return frozenset(found)


def _nest(structure: Structure) -> Nest:
    extents: list[int | SSAValue] = [1] * len(structure.parallel)
    for access in structure.accesses:
        if isinstance(t := access.value.type, MemRefType):
            for expr, size in zip(access.map, t.get_shape(), strict=True):
                if isinstance(expr, AffineDimExpr):
                    extents[expr.position] = access.value if size == DYNAMIC_INDEX else size
    inputs = structure.inputs
    return Nest(
        extents, structure.parallel, structure.accesses[:inputs], structure.accesses[inputs:], structure.body
    )


def _axes(structure: Structure, dim: int) -> Iterator[tuple[SSAValue, int]]:
    """Arrays with their axes that loop `dim` runs along, if the rest is long enough to be apart."""
    for access in structure.accesses:
        axis = axis_of(access, dim)
        if axis is None or not isinstance(t := access.value.type, MemRefType):
            continue
        shape = t.get_shape()
        width = t.element_type.size if isinstance(t.element_type, FixedBitwidthType) else 8
        if DYNAMIC_INDEX in shape or (prod(shape[axis + 1 :]) >= _LONG and prod(shape) * width > _LARGE):
            yield access.value, axis


def _dim_of(access: Access, axis: int) -> int | None:
    expr = access.map[axis]
    return expr.position if isinstance(expr, AffineDimExpr) else None
