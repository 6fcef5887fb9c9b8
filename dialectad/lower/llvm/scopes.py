"""What LLVM is told about memory that doesn't overlap.

Note [Alias scopes]. All parts of an arena have one base, at distances that LLVM knows, but it can't tell
that an index into one never reaches the next; a cache comes out of a global; and an argument that doesn't
alias another one may, for all LLVM knows, be what such a pointer points to. Two accesses don't alias when
the scope of each is in the other's list. Parts of the arena that overlap (they are in use at different
times) simply aren't listed, and what is reached by way of a block argument has no scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from xdsl.dialects import arith, llvm, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, ArrayAttr, IntegerAttr, MemRefType, StringAttr
from xdsl.ir import Attribute, Block, SSAValue

from dialectad.dialects import ad
from dialectad.lower.llvm.function import Part, byte_size

_MOST = 100
"""Parts beyond which LLVM is told nothing: the lists grow with the square."""


def byte_range(op: memref.ViewOp) -> tuple[int, int] | None:
    """First byte and the one after the last, where both are known."""
    owner, t = op.byte_shift.owner, op.result.type
    assert isinstance(t, MemRefType)
    if not isinstance(owner, arith.ConstantOp) or DYNAMIC_INDEX in t.get_shape():
        return None
    assert isinstance(owner.value, IntegerAttr)
    first = owner.value.value.data
    return first, first + prod(t.get_shape()) * byte_size(t.element_type)


def alias_scopes(blocks: Sequence[Block]) -> dict[Part, Mapping[str, Attribute]]:
    """The memory of a function whose entry is the first block -> the attributes of loads and stores in it."""
    names: dict[Part, StringAttr] = {}
    for block in blocks:
        for op in block.ops:
            if type(op) is memref.AllocaOp:
                names[op] = StringAttr(f"alloca {len(names)}")
            elif type(op) is ad.CacheOp:
                names[op] = StringAttr(f"cache {len(names)}")
            elif type(op) is memref.AllocOp and "dialectad.arena" in op.attributes:
                names |= {part: StringAttr(f"{part[0]}-{part[1]}") for part in _parts(op.memref)}
            elif type(op) is memref.AllocOp:
                names[op] = StringAttr(f"alloc {len(names)}")
    if not names:  # that arguments are apart is said by `noalias`
        return {}
    for argument in blocks[0].args:
        if isinstance(argument.type, MemRefType | llvm.LLVMPointerType):
            names[argument] = StringAttr(f"argument {argument.index}")
    if not 1 < len(names) <= _MOST:
        return {}
    return {
        part: {
            "dialectad.alias_scopes": ArrayAttr([name]),
            "dialectad.noalias_scopes": ArrayAttr(
                [other for there, other in names.items() if _apart(part, there)]
            ),
        }
        for part, name in names.items()
    }


def _parts(arena: SSAValue) -> set[tuple[int, int]]:
    """The byte ranges that are viewed; none when something reaches into the arena in another way."""
    views = [use.operation for use in arena.uses]
    ranges = [byte_range(view) if isinstance(view, memref.ViewOp) else None for view in views]
    known = {r for r in ranges if r is not None}
    return set() if None in ranges else known


def _apart(a: Part, b: Part) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return a[1] <= b[0] or b[1] <= a[0]
    return a is not b
