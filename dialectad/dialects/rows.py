"""Views of some rows of a matrix in memory."""

from __future__ import annotations

from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, StridedLayoutAttr
from xdsl.ir import SSAValue

Extent = int | SSAValue


def rows_of(memory: SSAValue, start: Extent, rows: Extent, columns: Extent) -> memref.SubviewOp:
    """The view of so many rows from `start` on, and of their first columns."""
    assert isinstance(memory.type, MemRefType)
    place = [start, 0], [rows, columns], [1, 1]
    found = memref.SubviewOp.infer_result_type(memory.type, *place)
    layout = found.layout
    if isinstance(layout, StridedLayoutAttr) and None in layout.get_strides():
        # With a distance of rows that isn't known the offset isn't either, but for the first row.
        layout = StridedLayoutAttr(layout.get_strides(), layout.get_offset() if start == 0 else None)
        found = MemRefType(found.element_type, found.shape, layout)
    return memref.SubviewOp.get(memory, *place, found)
