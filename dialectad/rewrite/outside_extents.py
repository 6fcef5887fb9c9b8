"""Extents that a function computes of its parameters, computed where it is called, before the call.

    func.func private @f(%x: tensor<?xf64>, %n: index) -> tensor<?xf64> {
      %m = arith.subi %n, %c1 : index ... tensor.empty(%m) : tensor<?xf64> ... }
~>
    %m = arith.maxsi (arith.subi %k, %c1), %c0;  %y = func.call @f(%a, %k)

What depends on elements of arrays, or may fail, stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Operation, SSAValue

from dialectad.dialects.extents import Source, source
from dialectad.rewrite.effects import SCALAR, TRAPPING


@dataclass
class OutsideExtents:
    """Extents at a call."""

    known: Mapping[SSAValue, SSAValue]
    """Parameters of the function, and what is passed for them."""
    insert: Callable[[Operation], Operation]
    """Inserts an op before the call."""
    resolve: Callable[[SSAValue], SSAValue] = lambda value: value
    """The form in which something that is passed can be used there."""
    likes: Mapping[SSAValue, SSAValue] = field(default_factory=dict)
    """Tensors in the function, and others of the same shape."""

    def find(self, extent: Source) -> int | SSAValue | None:
        """The extent, as it is before the call; None if it isn't known there."""
        if isinstance(extent, int):
            return extent
        found: dict[Source, int | SSAValue] = {}
        pending: list[tuple[Source, bool]] = [(extent, False)]
        while pending:
            item, is_complete = pending.pop()
            if item in found:
                continue
            needed = self._needed(item)
            if needed is None:
                return None
            if is_complete or not needed:
                found[item] = self._make(item, [found[n] for n in needed])
            else:
                pending += [(item, True), *((n, False) for n in needed)]
        result = found[extent]
        if isinstance(result, int) or type(result.owner) not in SCALAR or result in self.known.values():
            return result
        return self._op(arith.MaxSIOp(result, self.index(0)))  # the function has not checked it yet

    def _needed(self, item: Source) -> Sequence[Source] | None:
        """What an extent is computed from; None if that isn't arithmetic."""
        if isinstance(item, int) or (isinstance(item, SSAValue) and item in self.known):
            return ()
        if isinstance(item, tuple):
            value, dim = item
            origin = source(self.likes.get(value, value), dim)
            return (() if item[0] in self.known else None) if origin == item else (origin,)
        if (dim := _dimension(item)) is not None:
            return (dim,)
        return item.owner.operands if _is_arithmetic(item) else None  # pyright: ignore[reportAttributeAccessIssue]

    def _make(self, item: Source, needed: Sequence[int | SSAValue]) -> int | SSAValue:
        if isinstance(item, int):
            return item
        if isinstance(item, tuple):
            return needed[0] if needed else self._dim(*item)
        if item in self.known:
            return self.resolve(self.known[item])
        if _dimension(item) is not None:
            return needed[0]
        op = item.owner
        assert isinstance(op, Operation)
        operands = [self.index(n) for n in needed]
        return self._op(op.clone(dict(zip(op.operands, operands, strict=True))))

    def _dim(self, parameter: SSAValue, dim: int) -> SSAValue:
        return self._op(tensor.DimOp(self.resolve(self.known[parameter]), self.index(dim)))

    def index(self, value: int | SSAValue) -> SSAValue:
        """An extent as an SSA value."""
        if isinstance(value, SSAValue):
            return value
        return self._op(arith.ConstantOp(IntegerAttr(value, IndexType())))

    def _op(self, op: Operation) -> SSAValue:
        return self.insert(op).results[0]


def _dimension(value: SSAValue) -> tuple[SSAValue, int] | None:
    """Of a `tensor.dim`: which dimension of what."""
    if not isinstance(op := value.owner, tensor.DimOp) or not isinstance(op.index.owner, arith.ConstantOp):
        return None
    position = op.index.owner.value
    assert isinstance(position, IntegerAttr)
    return op.source, position.value.data


def _is_arithmetic(value: SSAValue) -> bool:
    op = value.owner
    if type(op) in TRAPPING:
        assert isinstance(op, Operation)
        divisor = op.operands[1].owner
        return isinstance(divisor, arith.ConstantOp) and divisor.value != IntegerAttr(0, op.operands[1].type)  # pyright: ignore
    return type(op) in SCALAR
