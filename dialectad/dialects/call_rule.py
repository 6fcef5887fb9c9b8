"""A derivative of its own: what a call says of how it is to be differentiated.

    %y = func.call @f(%x) {dialectad.rule = {kind = "custom_vjp", augmented = @f.fwd, pullback = @f.bwd,
                                             residuals = [tensor<4xf64>], constants = 0 : i64}}

Of residuals whose types leave extents open, `sizes` tells in pairs which operand, and which dimension of it,
has these; the dimension is -1 if the operand is the number itself, and both are -1 if nobody knows before.

    @f.fwd : operands -> results, residuals
    @f.bwd : residuals, a cotangent for each float among the results -> one for each float among the operands
    @f.jvp : operands, a tangent for each float among them -> results, a tangent for each float among these

The last operands (`constants` of them) have no derivative; these functions take them, too, as their last.
A call like this stays until nothing is left to be differentiated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeGuard

from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Operation

RULE = "dialectad.rule"
"""The attribute of a call."""

APART = "dialectad.apart"
"""Marks a call that is never inlined, so that what is computed in it isn't shared with what is around."""


@dataclass(frozen=True)
class CallRule:
    """How a call is differentiated."""

    kind: str
    """What the user wrote, for messages."""
    augmented: str = ""
    """The function to call instead, if the call is differentiated in reverse mode."""
    pullback: str = ""
    jvp: str = ""
    """The function to call instead in forward mode; empty if there is none."""
    residuals: tuple[Attribute, ...] = ()
    """Types of what the augmented function gives for the pullback, after the results."""
    sizes: tuple[tuple[int, int], ...] = ()
    """Per extent that the types of the residuals leave open: an operand, and which dimension of it."""
    constants: int = 0
    recomputes: bool = False
    """Whether the pullback computes again what was computed before, on purpose: nobody must share the two."""
    types: tuple[Attribute, ...] = ()
    """Of the operands, where they are passed by pointer."""

    @property
    def symbols(self) -> list[str]:
        """The functions that the rule names."""
        return [name for name in (self.augmented, self.pullback, self.jvp) if name]

    def attribute(self) -> DictionaryAttr:
        named = {"augmented": self.augmented, "pullback": self.pullback, "jvp": self.jvp}
        return DictionaryAttr(
            {
                "kind": StringAttr(self.kind),
                **{key: SymbolRefAttr(name) for key, name in named.items() if name},
                "residuals": ArrayAttr(self.residuals),
                **({"sizes": DenseArrayBase.from_list(i64, flat)} if (flat := [*chain(*self.sizes)]) else {}),
                "constants": IntegerAttr(self.constants, i64),
                **({"recomputes": UnitAttr()} if self.recomputes else {}),
                "types": ArrayAttr(self.types),
            }
        )

    def with_parts(self, names: Mapping[str, str]) -> CallRule:
        """The same rule, with functions of these names as its parts."""
        return replace(self, **names)

    def with_types(self, types: Sequence[Attribute]) -> CallRule:
        """The same rule, where the operands have these types."""
        return replace(self, types=tuple(types))

    @classmethod
    def of(cls, op: Operation) -> CallRule | None:
        """The rule of a call, if it has one."""
        if not isinstance(found := op.attributes.get(RULE), DictionaryAttr):
            return None
        data = found.data
        symbols = {
            key: value.root_reference.data for key, value in data.items() if isinstance(value, SymbolRefAttr)
        }
        kind, residuals, constants = data["kind"], data["residuals"], data["constants"]
        types, sizes = data["types"], data.get("sizes")
        flat = sizes.get_values() if isinstance(sizes, DenseArrayBase) else ()
        assert isinstance(kind, StringAttr)
        assert isinstance(residuals, ArrayAttr)
        assert isinstance(constants, IntegerAttr)
        assert isinstance(types, ArrayAttr)
        return cls(
            kind.data,
            **symbols,
            residuals=(*residuals,),
            sizes=(*zip(flat[::2], flat[1::2], strict=True),),
            constants=constants.value.data,
            recomputes="recomputes" in data,
            types=(*types,),
        )


def rule_symbols(op: Operation) -> Sequence[str]:
    """The functions that the rule of `op` names; none if it has no rule."""
    if RULE not in op.attributes:
        return ()
    rule = CallRule.of(op)
    assert rule is not None
    return rule.symbols


def has_rule(op: Operation) -> TypeGuard[func.CallOp]:
    """Whether `op` is a call with a derivative of its own."""
    return isinstance(op, func.CallOp) and RULE in op.attributes
