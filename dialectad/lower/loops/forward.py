"""What is stored and loaded again in one block isn't loaded, nor what is loaded twice.

memref.store %x, %t[%i];  ...;  %y = memref.load %t[%i]      =>      memref.store %x, %t[%i];  ...;  %x for %y
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from xdsl.dialects import func, memref
from xdsl.ir import Block, SSAValue

from dialectad.ad.dependence import access
from dialectad.ad.memory import buffer_of
from dialectad.lower.sweeps.touches import are_apart, touches
from dialectad.rewrite import structure

_Place = tuple[SSAValue, frozenset[tuple[Hashable, int]]]
"""A buffer and a linear address in it."""

_Known = dict[_Place, SSAValue]
"""What is there."""


def forward_stores(function: func.FuncOp) -> None:
    """Use values that are at hand instead of loading them, in all blocks of a function."""
    for block in function.body.blocks:
        _forward(block, {})


def _forward(block: Block, known: _Known) -> None:
    for op in block.ops:
        match op:
            case memref.LoadOp():
                if (place := _place(op)) is None:
                    continue
                if (value := known.get(place)) is not None:
                    structure.replace(op, [value])
                else:
                    known[place] = op.res
            case memref.StoreOp():
                _forget(known, [buffer_of(op.memref)])
                if (place := _place(op)) is not None:
                    known[place] = op.value
            case _:
                if (its := touches([op])) is None:
                    known.clear()
                else:
                    _forget(known, {touch.buffer for touch in its if touch.writes})
                for inner in (b for region in op.regions for b in region.blocks):
                    _forward(inner, dict(known))


def _place(op: memref.LoadOp | memref.StoreOp) -> _Place | None:
    found = access(op)
    return None if found is None else (buffer_of(op.memref), frozenset(found.start.items()))


def _forget(known: _Known, written: Iterable[SSAValue]) -> None:
    for buffer in written:
        for place in [p for p in known if not are_apart(p[0], buffer)]:
            del known[place]
