"""Counted loops: how often they run, which iteration it is. Code goes before a given op, at its location."""

from __future__ import annotations

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

INDEX = IndexType()


def insert(op: Operation, before: Operation) -> SSAValue:
    """Insert an op of one result; gives that."""
    op.location = before.location
    Rewriter.insert_op(op, InsertPoint.before(before))
    return op.results[0]


def insert_constant(value: int, before: Operation, type_: IndexType | IntegerType = INDEX) -> SSAValue:
    properties = {"value": IntegerAttr(value, type_)}
    return insert(arith.ConstantOp.create(result_types=[type_], properties=properties), before)


def constant_of(value: SSAValue) -> int | None:
    """The integer that `value` is, if it is a constant."""
    op = value.owner
    if isinstance(op, arith.ConstantOp) and isinstance(op.value, IntegerAttr):
        return op.value.value.data
    return None


def constant_trips(loop: scf.ForOp) -> int | None:
    """How often `loop` runs, if its bounds are constants."""
    bounds = [constant_of(v) for v in (loop.lb, loop.ub, loop.step)]
    if any(b is None for b in bounds):
        return None
    lb, ub, step = bounds
    return len(range(lb, ub, step))  # pyright: ignore[reportArgumentType]


def trip_count(loop: scf.ForOp, before: Operation) -> SSAValue:
    """How often `loop` runs, not below zero."""
    if (trips := constant_trips(loop)) is not None:
        return insert_constant(trips, before)
    extent = loop.ub
    if constant_of(loop.lb) != 0:
        extent = insert(arith.SubiOp(extent, loop.lb), before)
    if constant_of(loop.step) != 1:
        extent = insert(arith.CeilDivSIOp(extent, loop.step), before)
    extent = as_index(extent, before)
    return insert(arith.MaxSIOp(extent, insert_constant(0, before)), before)


def number_of(loop: scf.ForOp, before: Operation) -> SSAValue:
    """Which iteration of `loop` it is, from 0."""
    number: SSAValue = loop.body.block.args[0]
    if constant_of(loop.lb) != 0:
        number = insert(arith.SubiOp(number, loop.lb), before)
    if constant_of(loop.step) != 1:
        number = insert(arith.DivSIOp(number, loop.step), before)
    return as_index(number, before)


def as_index(value: SSAValue, before: Operation) -> SSAValue:
    return as_type(value, INDEX, before)


def as_type(value: SSAValue, type_: Attribute, before: Operation) -> SSAValue:
    """An integer in another type, one of the two being `index`."""
    return value if value.type == type_ else insert(arith.IndexCastOp(value, type_), before)
