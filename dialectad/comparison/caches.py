"""Which values the forward sweep keeps for the reverse sweep: read from the IR.

    %c = "ad.cache"(%n) {dialectad.reason = "..."} : (index) -> !ad.cache<memref<64xf64>>

A rung that lowers caches takes them out of the IR, so they are looked for after every pass.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    FixedBitwidthType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, OpResult, SSAValue

from dialectad import locations
from dialectad.dialects import ad
from dialectad.errors import Location
from dialectad.walk import walk


@dataclass(frozen=True)
class CachedValue:
    """A value that is kept, of each iteration of the loops around it."""

    name: str
    """The source line that computes it, or where that isn't known, what computes it."""
    type: str
    location: Location | None
    times: int | None
    """How many are kept at most; None where only the run can tell."""
    bytes: int | None
    """How much memory that takes; None where only the run can tell."""
    reason: str
    """Why it is kept."""


def caches_of(module: ModuleOp) -> list[CachedValue]:
    """The caches of a module."""
    return [_cached(op) for op in walk(module) if isinstance(op, ad.CacheOp)]


def _cached(op: ad.CacheOp) -> CachedValue:
    type_ = op.result.type.element_type
    times = _constant(op.capacity) if op.capacity is not None else None
    each = _bytes(type_)
    location = locations.of(op)
    total = times * each if times is not None and each is not None else None
    return CachedValue(_name(op, location), str(type_), location, times, total, _reason(op))


def _reason(op: ad.CacheOp) -> str:
    reason = op.attributes.get("dialectad.reason")
    if isinstance(reason, StringAttr):
        return reason.data
    return "the reverse sweep reads it"


def _name(op: ad.CacheOp, location: Location | None) -> str:
    source = linecache.getline(location.file, location.line).strip() if location is not None else ""
    if source:
        return source
    pushed = (use.operation.value for use in op.result.uses if isinstance(use.operation, ad.PushOp))
    value = next(pushed, None)
    if value is None:
        return "a value in memory"
    return f"result of {value.op.name}" if isinstance(value, OpResult) else "state of a loop"


def _constant(value: SSAValue) -> int | None:
    if isinstance(value.owner, arith.ConstantOp) and isinstance(value.owner.value, IntegerAttr):
        return value.owner.value.value.data
    return None


def _bytes(type_: Attribute) -> int | None:
    if isinstance(type_, TensorType | MemRefType):
        shape, element = type_.get_shape(), _bytes(type_.element_type)
        return None if DYNAMIC_INDEX in shape or element is None else prod(shape) * element
    if isinstance(type_, IndexType):
        return 8
    return max(1, type_.bitwidth // 8) if isinstance(type_, FixedBitwidthType) else None
