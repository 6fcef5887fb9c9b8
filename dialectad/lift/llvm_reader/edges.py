"""What is kept of phis and terminators until all blocks of a function are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.ir import Attribute, Block, SSAValue

from dialectad.lift.llvm_reader.metadata import Attached


@dataclass
class Terminator:
    """The end of a block, to be built when all blocks have their arguments."""

    block: Block
    label: str
    kind: str
    operands: Sequence[SSAValue]
    targets: Sequence[str]
    at: int
    """The token where it starts."""
    cases: Sequence[int] = ()
    attached: Attached | None = None


@dataclass
class Phi:
    """A block argument, and the value it has when control comes from each of some blocks."""

    at: int
    type: Attribute
    incoming: dict[str, str | SSAValue] = field(default_factory=dict)
    """Label -> the name of a value, or a constant."""
