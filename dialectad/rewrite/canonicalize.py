"""`canonicalize`: local simplifications, until none applies, and then `dce`.

The rules are in `fold_arith`, `fold_tensor` and `fold_scf`, by type of op. Each op is looked at once, and
again when an operand of it was replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.rewrite import dce, fold_arith, fold_scf, fold_tensor
from dialectad.rewrite.elementwise import ELEMENTWISE
from dialectad.rewrite.rewriter import Rewriter
from dialectad.walk import walk

VALUE_RULES: dict[type[Operation], Callable[..., SSAValue | None]] = {
    **dict.fromkeys(ELEMENTWISE, fold_arith.fold),
    **fold_tensor.RULES,
}
"""Rules that give the value to replace the one result of an op by."""

_STRUCTURE_RULES = fold_scf.RULES
"""Rules that change the program themselves."""


def simplify(function: Operation) -> None:
    """Apply the rules to everything inside of `function`."""
    rw = Rewriter()
    for op in reversed(list(walk(function))):
        if type(op) in VALUE_RULES or type(op) in _STRUCTURE_RULES:
            rw.push(op)
    while (op := rw.pop()) is not None:
        rule = VALUE_RULES.get(type(op))
        if rule is not None:
            value = rule(op, rw) if op.results else None  # on memrefs linalg ops have no results
            if value is not None:
                rw.replace(op, [value])
        elif (change := _STRUCTURE_RULES.get(type(op))) is not None:
            change(op, rw)
    dce.sweep(function)


@dataclass(frozen=True)
class CanonicalizePass(ModulePass):
    """Simplify ops one by one, fold constants, and remove what is dead."""

    name = "canonicalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                simplify(function)
