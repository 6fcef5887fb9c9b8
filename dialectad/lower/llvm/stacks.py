"""What an `ad.cache` is at compile time: a pointer, a size and a capacity, each a variable.

A tape (`ad.TAPE`) is passed as the addresses of these variables, which belong to the function that made it.
Its elements are bytes, and whatever is pushed takes a multiple of eight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import i8
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, SSAValue

if TYPE_CHECKING:
    from dialectad.lower.llvm.function import FunctionLowering

HEADER = 64
"""Bytes before the first element. The first eight hold how many follow."""


@dataclass(frozen=True)
class Stack:
    """A cache in memory that this function, or one that calls it, has got."""

    element: Attribute
    block: SSAValue
    """The slot with the address of the memory; for a cache in the frame, that address itself."""
    in_frame: bool
    size: SSAValue
    """The slot with the number of elements in use."""
    capacity: SSAValue | None
    """The slot with the number of elements there is room for; None when it can't be exceeded."""
    kept_in: str | None = None
    """The global that keeps the memory between calls, if any does."""
    scope: Mapping[str, Attribute] = field(default_factory=dict)
    header: int = HEADER
    """The bytes before the first element."""

    def base(self, f: FunctionLowering) -> SSAValue:
        """The address of the first element."""
        if self.in_frame:
            return self.block
        return f.element_pointer(f.load(self.block, LLVMPointerType()), self.header, i8)

    @property
    def variables(self) -> list[SSAValue]:
        """What a tape is passed as."""
        assert self.capacity is not None
        return [self.block, self.size, self.capacity]

    @staticmethod
    def of_variables(block: SSAValue, size: SSAValue, capacity: SSAValue) -> Stack:
        """A tape that was passed."""
        return Stack(i8, block, False, size, capacity)
