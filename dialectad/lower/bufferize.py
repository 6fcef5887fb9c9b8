"""From the linalg rung to the loop rung: tensors become memrefs, and writes happen in place where they may.

See `dialectad.lower.bufferization` for how, and the loop rung's conventions in `functions` there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from dialectad.lower.bufferization import branches, caches, loops, structured, tensors  # noqa: F401  (rules)
from dialectad.lower.bufferization.functions import bufferize_function
from dialectad.lower.bufferization.memory import Report
from dialectad.lower.bufferization.requests import prepare_callees
from dialectad.lower.bufferization.result_extents import state_extents


@dataclass(frozen=True)
class BufferizePass(ModulePass):
    """Give every tensor a place in memory."""

    name = "bufferize"

    report: bool = False
    """Whether to print, to the error output, every copy and allocation that was made and where."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for name, report in bufferize(op).items():
            if self.report:
                _print(name, report)


def bufferize(module: ModuleOp) -> dict[str, Report]:
    """Bufferize all functions of a module in place, and tell what each costs."""
    prepare_callees(module)
    likes = state_extents(module)
    taken = {op.sym_name.data for op in module.ops if isinstance(op, func.FuncOp)}
    numbers = count()

    def symbol(stem: str) -> str:
        return next(name for n in numbers if (name := f"{stem}_{n}") not in taken)

    reports: dict[str, Report] = {}
    for function in list(_functions(module)):
        reports[function.sym_name.data] = report = Report()
        constants = bufferize_function(function, report, symbol, likes)
        module.body.block.insert_ops_before(constants, function)
    return reports


def _functions(module: ModuleOp) -> Iterable[func.FuncOp]:
    return (op for op in module.ops if isinstance(op, func.FuncOp) and not op.is_declaration)


def _print(name: str, report: Report) -> None:
    copies, allocations = report.copies, report.allocations
    print(f"@{name}: {len(copies)} copies, {len(allocations)} allocations", file=sys.stderr)
    for copy in copies:
        print(f"  copy at {copy}", file=sys.stderr)
    for type_, location in allocations:
        print(f"  allocation at {location or 'unknown location'}: {type_}", file=sys.stderr)
