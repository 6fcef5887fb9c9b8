"""Whether a module is valid: strictly, with the place of everything that is wrong, in linear time.

xDSL's verifier lets much pass that MLIR rejects (operands that don't dominate their use, types of yields and
branches, shapes of slices, widths of casts); the rules for that are in `dialectad.verify`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.verify.dominance import dominance_errors
from dialectad.verify.rule import rules_of
from dialectad.verify.rungs import REACHED_BY, RUNGS, legality_errors
from dialectad.verify.structure import operation_errors, region_errors
from dialectad.walk import walk

for _name in ("ad", "arith", "control_flow", "linalg", "shapes"):
    import_module(f"dialectad.verify.{_name}")  # registers its rules

__all__ = ["REACHED_BY", "RUNGS", "check", "errors"]


def check(module: ModuleOp, rung: str | None = None) -> None:
    """Raise the first of `errors(module, rung)`."""
    for error in errors(module, rung):
        raise error


def errors(module: ModuleOp, rung: str | None = None) -> Iterator[CompileError]:
    """Everything that is wrong with `module`; with `rung`, also what isn't legal on that rung."""
    symbols = _symbols(module)
    for op in walk(module):
        wrong = list(operation_errors(op))
        for message in wrong:
            yield _error(op, message)
        for region in op.regions:
            for at, message in region_errors(region):
                wrong.append(message)
                yield _error(at or op, message)
        if not wrong:
            for rule in rules_of(type(op)):
                for message in rule(op, symbols):
                    yield _error(op, message)
        if rung is not None:
            for message in legality_errors(op, rung):
                yield _error(op, message)
    for op, message in dominance_errors(module):
        yield _error(op, message)


def _error(op: Operation, message: str) -> CompileError:
    return CompileError(f"'{op.name}': {message}", locations.of(op), pass_name="verify")


def _symbols(module: ModuleOp) -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for op in module.body.ops:
        name = op.properties.get("sym_name") or op.attributes.get("sym_name")
        if isinstance(name, StringAttr):
            found[name.data] = op
    return found
