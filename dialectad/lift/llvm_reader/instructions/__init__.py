"""The instructions of LLVM IR, by opcode.

A handler takes what follows the opcode, appends the op to the block at hand, and gives its result, if any.
"""

from __future__ import annotations

from dialectad.lift.llvm_reader.instructions import aggregates, arithmetic, calls, control, memory
from dialectad.lift.llvm_reader.instructions.arithmetic import FAST_MATH
from dialectad.lift.llvm_reader.instructions.handler import Handler

__all__ = ["BUILDERS", "EXPRESSIONS", "FAST_MATH", "INSTRUCTIONS", "TERMINATORS"]

INSTRUCTIONS: dict[str, Handler] = {
    **arithmetic.INSTRUCTIONS,
    **memory.INSTRUCTIONS,
    **aggregates.INSTRUCTIONS,
    **calls.INSTRUCTIONS,
}
"""All but phis and terminators."""

EXPRESSIONS: dict[str, Handler] = {**arithmetic.EXPRESSIONS, **memory.EXPRESSIONS}
"""Those that are constant expressions too: their operands stand in parentheses."""

TERMINATORS = control.TERMINATORS
BUILDERS = control.BUILDERS
