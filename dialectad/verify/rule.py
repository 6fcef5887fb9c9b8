"""The registry of rules: op type -> what a valid op of that type has to satisfy.

A rule yields a message for each thing that is wrong. It may take for granted that xDSL's own verifier
accepts the op, but nothing about other ops: a block may still be empty or end in the wrong terminator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from xdsl.dialects.builtin import MemRefType, TensorType, VectorType
from xdsl.ir import Attribute, Operation

Symbols = Mapping[str, Operation]
"""The module's symbols: name -> the op that defines it."""

Rule = Callable[..., Iterator[str]]
"""`rule(op, symbols)` yields messages."""

_RULES: dict[type[Operation], list[Rule]] = {}


def rule(*op_types: type[Operation]) -> Callable[[Rule], Rule]:
    """Register a function as a rule for ops of these types and of types that inherit from them."""

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            _RULES.setdefault(op_type, []).append(function)
        rules_of.cache_clear()
        return function

    return register


@cache
def rules_of(op_type: type[Operation]) -> tuple[Rule, ...]:
    """The rules for ops of exactly this type."""
    return tuple(r for base in op_type.__mro__ for r in _RULES.get(base, ()))


def shape_of(type_: Attribute) -> tuple[int, ...] | None:
    """The extents of a tensor, memref or vector (`DYNAMIC_INDEX`: unknown), None for a scalar."""
    return type_.get_shape() if isinstance(type_, TensorType | MemRefType | VectorType) else None


def element_of(type_: Attribute) -> Attribute:
    """The element type of a tensor, memref or vector; a scalar's own type."""
    return type_.element_type if isinstance(type_, TensorType | MemRefType | VectorType) else type_


def show(types: object) -> str:
    """A list of types as text."""
    return "(" + ", ".join(str(t) for t in types) + ")"  # pyright: ignore[reportGeneralTypeIssues]
