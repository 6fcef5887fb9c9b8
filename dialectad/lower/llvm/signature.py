"""The parameters of a function of ours: what each value is passed as, and what LLVM may assume about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    UnitAttr,
    i1,
    i8,
    i64,
)
from xdsl.ir import Attribute

from dialectad.dialects.ad import TAPE
from dialectad.lower.llvm.function import FunctionLowering, byte_size, scalar_type


@dataclass
class Parameters:
    """The `llvm` types and the attributes of parameters, one after the other."""

    types: list[Attribute] = field(default_factory=list)
    attributes: list[DictionaryAttr] = field(default_factory=list)

    def add(self, t: Attribute, *, writable: bool) -> None:
        """One more value: a memref is a bare pointer and an `i64` per dynamic extent, a bool is a byte.

        A tape is the addresses of its three variables.
        """
        if isinstance(t, MemRefType):
            flat = FunctionLowering.flat_types(t)
            self.types += flat
            self.attributes += [_pointer_attributes(t, writable)] + [_NOTHING] * (len(flat) - 1)
        elif t == TAPE:
            self.types += FunctionLowering.flat_types(t)
            self.attributes += [_VARIABLE] * 3
        elif t == i1:
            self.types.append(i8)
            self.attributes.append(_BYTE_BOOL)
        else:
            self.types.append(scalar_type(t))
            self.attributes.append(_NOTHING)


def _pointer_attributes(t: MemRefType, writable: bool) -> DictionaryAttr:
    """What may be assumed of an array: it overlaps no other that is written, and all of it is there.

    No alignment beyond the element's: a contiguous view may start at any element.
    """
    attributes: dict[str, Attribute] = {"llvm.noalias": UnitAttr(), "llvm.noundef": UnitAttr()}
    if not writable:
        attributes["llvm.readonly"] = UnitAttr()
    shape = t.get_shape()
    if DYNAMIC_INDEX not in shape and (size := prod(shape) * byte_size(t.element_type)):
        attributes["llvm.dereferenceable"] = IntegerAttr(size, i64)
    return DictionaryAttr(attributes)


_NOTHING = DictionaryAttr({})
_VARIABLE = DictionaryAttr({"llvm.noalias": UnitAttr(), "llvm.noundef": UnitAttr()})
_BYTE_BOOL = DictionaryAttr({"llvm.zeroext": UnitAttr()})
