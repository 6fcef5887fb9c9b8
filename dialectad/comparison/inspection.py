"""What the IR of a gradient tells: its text at every stage, ops, BLAS call sites, cached values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import llvmlite.binding as llvm
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.llvm import CallOp
from xdsl.ir import Operation

from dialectad import locations, passes
from dialectad.comparison.caches import CachedValue, caches_of
from dialectad.comparison.stages import Line, count_ops, lines_of, plain_lines
from dialectad.dialects import ad, context
from dialectad.frontend.compiled import Compiled
from dialectad.frontend.function import Lowered
from dialectad.levels import STAGES, Level
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from dialectad.walk import walk

LAST = "llvm-ir"
"""The stage after `STAGES`: LLVM IR, as LLVM's optimiser left it."""


def rung_of(level: Level) -> str:
    """The stage at whose end the gradient of a level is in its own rung's dialects."""
    point = ad.point_of(level.point)
    return point if point in STAGES else "linalg"


@dataclass(frozen=True)
class Inspection:
    """The IR of a gradient."""

    stages: Mapping[str, tuple[Line, ...]]
    """Stage -> its text."""
    ops: Mapping[str, int]
    """Stage -> ops of the module, or instructions for "llvm-ir"."""
    sites: Mapping[str, int]
    """BLAS routine -> places in the code that call it."""
    caches: tuple[CachedValue, ...]
    stops: bool
    """Whether derivatives are stopped somewhere."""
    chosen: str = ""
    """What the level `auto` has chosen."""


def inspect(lowered: Lowered, compiled: Compiled | None = None) -> Inspection:
    """Run the passes one by one on a traced program, and look; `compiled`, if there, spares its last step."""
    module = lowered.module("traced")
    stages = {"traced": tuple(lines_of(module))}
    ops = {"traced": count_ops(module)}
    stops = any(isinstance(op, ad.StopOp) for op in walk(module))
    kept: list[CachedValue] = []
    done, chosen = 0, ""
    auto = compiled.auto if compiled is not None else ""
    for stage in STAGES[1:]:
        every = passes.parse(lowered.program.pipeline(lowered.level, stage, auto))
        for pass_ in every[done:]:
            before = caches_of(module)
            pass_.apply(context(), module)
            if pass_.name == "choose-level":
                chosen = choice(module)
            if pass_.name == "convert-to-llvm":
                kept += before
        done = len(every)
        stages[stage] = tuple(lines_of(module))
        ops[stage] = count_ops(module)
    text = compiled.library.llvm_ir if compiled is not None else None
    optimized = engine.optimize(text or translate(module))
    stages[LAST] = tuple(plain_lines(str(optimized)))
    ops[LAST] = _instructions(optimized)
    return Inspection(stages, ops, call_sites(module), tuple(kept), stops, chosen)


def choice(module: ModuleOp) -> str:
    """The levels of all requests, and the lines of parts with a level of their own."""
    requests = (op for op in walk(module) if isinstance(op, ad.VJPOp | ad.JVPOp))
    found = ", ".join(dict.fromkeys(request.level.data for request in requests))
    parts = [op for op in module.ops if ad.LEVEL in op.attributes]
    named = ", ".join(f"{_level(op)} from {locations.of(op)}" for op in parts)
    return f"{found} ({named})" if named else found


def _level(part: Operation) -> str:
    level = part.attributes[ad.LEVEL]
    return level.data if isinstance(level, StringAttr) else ""


def _instructions(module: llvm.ModuleRef) -> int:
    return sum(1 for f in module.functions for b in f.blocks for _ in b.instructions)


def call_sites(module: ModuleOp) -> Mapping[str, int]:
    """BLAS routine -> calls of it in a module of the llvm rung."""
    names = (_callee(op) for op in walk(module))
    return dict(Counter(name.removeprefix("cblas_") for name in names if name.startswith("cblas_")))


def _callee(op: Operation) -> str:
    if not isinstance(op, CallOp) or op.callee is None:
        return ""
    return op.callee.string_value()
