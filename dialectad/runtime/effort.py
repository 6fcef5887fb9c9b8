"""How hard LLVM should try: parts of its optimiser and code generator are quadratic in a block's length.

Measured on straight-line code (unrolled loops, tapes), seconds for 1,000, 3,000, 10,000 operations:
the simplifier on a chain of `reassoc` operations 0.3, 2.8, 41 (without the flag 0.02, 0.03, 0.1); SLP
vectorisation among loads and stores 0.1, 0.5, 5; code generation 0.1, 0.4, 1.9, at level 0 a tenth of that.
Short loops one after the other, which LLVM unrolls whole, are long blocks by then: 50 and 100 products of a
matrix of 6 rows by a vector, with their adjoints, take 6 and 40 with SLP vectorisation, 1.2 and 3 without.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

REASSOCIATED_BLOCK = 500
"""Longer blocks lose `reassoc`. Sums that gain by it are loops, and those have short bodies."""
VECTORIZED_BLOCK = 2_000
"""With a longer block than this anywhere, SLP vectorisation stays off."""
VECTORIZED_TEXT = 8_000
"""With more lines than this altogether, too."""
OPTIMIZED_BLOCK = 30_000
"""A longer block than this anywhere gets the simplest code generation."""


@dataclass(frozen=True)
class Effort:
    """What to ask of LLVM for one module."""

    llvm_ir: str
    """The text to compile, without the flags that cost too much."""
    slp: bool
    codegen: int
    speed: int = 3
    """The level of the optimiser's pipeline."""


def effort(llvm_ir: str, *, quick: bool = False) -> Effort:
    """What the lengths of the blocks in LLVM IR text allow. `quick`: none, the text is as good as it gets.

    An entry point for 300 arguments takes 0.04 s then, and 1.3 s at level 1, for a sixth of its run time.
    """
    if quick:
        return Effort(llvm_ir, slp=False, codegen=0, speed=0)
    if llvm_ir.count("\n") <= REASSOCIATED_BLOCK:
        return Effort(llvm_ir, slp=True, codegen=3)
    lines = llvm_ir.split("\n")
    starts = [i for i, line in enumerate(lines) if line.endswith((":", "{", "}"))]
    longest = 0
    for start, end in pairwise([*starts, len(lines)]):
        longest = max(longest, end - start)
        if end - start > REASSOCIATED_BLOCK:
            lines[start:end] = [line.replace(" reassoc ", " ") for line in lines[start:end]]
    slp = longest <= VECTORIZED_BLOCK and len(lines) <= VECTORIZED_TEXT
    return Effort("\n".join(lines), slp, 3 if longest <= OPTIMIZED_BLOCK else 0)
