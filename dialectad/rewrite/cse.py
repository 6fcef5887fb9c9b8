"""`cse`: compute a thing once.

    %a = arith.addf %x, %y          %a = arith.addf %x, %y
    %b = arith.addf %y, %x    ~>    use %a, %a
    use %a, %b

A value is known in its block and in all regions below it. Regions of linalg ops are compared op by op.
Empty and uniform tensors stay apart (`Note [Places to write to]` in `effects`), but don't keep apart what is
computed with them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, cf
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialectad.rewrite import effects, structure

_COMMUTATIVE = frozenset(
    (
        arith.AddfOp,
        arith.AddiOp,
        arith.AndIOp,
        arith.MulfOp,
        arith.MuliOp,
        arith.OrIOp,
        arith.XOrIOp,
        arith.MaximumfOp,
        arith.MinimumfOp,
        arith.MaxSIOp,
        arith.MinSIOp,
    )
)

Key = tuple[Hashable, ...]


@dataclass
class _Numbering:
    """Numbers that stand for attributes and for what is written inside a region."""

    attributes: dict[Attribute, int] = field(default_factory=dict)
    by_identity: dict[int, int] = field(default_factory=dict)
    "id of an attribute -> its number: most attributes are shared objects, and hashing one isn't free."
    alive: list[Attribute] = field(default_factory=list)
    "Keeps the attributes alive whose ids are known."

    def attribute(self, attr: Attribute) -> int:
        number = self.by_identity.get(id(attr))
        if number is None:
            number = self.attributes.setdefault(attr, len(self.attributes))
            self.by_identity[id(attr)] = number
            self.alive.append(attr)
        return number

    def dictionary(self, attrs: dict[str, Attribute]) -> Key:
        return tuple((name, self.attribute(attr)) for name, attr in sorted(attrs.items())) if attrs else ()

    def key(self, op: Operation, local: dict[SSAValue, int] | None = None) -> Key:
        """Equal for ops that give equal results. `local` numbers the values of an enclosing region."""
        kind = type(op)
        operands: Iterable[Hashable]
        if local is None:
            operands = [self._place(o) for o in op.operands]
        else:
            operands = [local.get(o, o) for o in op.operands]
        if kind in _COMMUTATIVE:
            operands = sorted(operands, key=hash)
        return (
            kind,
            *operands,
            tuple([self.attribute(r.type) for r in op.results]),
            self.dictionary(op.properties),
            self.dictionary(op.attributes),
            *[self._region(region) for region in op.regions if not isinstance(op, _HIDDEN)],
        )

    def _place(self, value: SSAValue) -> Hashable:
        """Two places to write to that have the same content are as good as one another."""
        owner = value.owner
        if type(owner) in effects.PLACES:
            assert isinstance(owner, Operation)
            return (type(owner), self.attribute(value.type), *owner.operands)
        return value

    def _region(self, region: Region) -> Key:
        local: dict[SSAValue, int] = {}
        keys: list[Hashable] = []
        for block in region.blocks:
            for arg in block.args:
                local[arg] = len(local)
            for op in block.ops:
                keys.append(self.key(op, local))
                for result in op.results:
                    local[result] = len(local)
        return tuple(keys)


_HIDDEN = (linalg.TransposeOp, linalg.BroadcastOp, linalg.MatmulOp, linalg.FillOp)
"""Ops whose region says nothing that their name doesn't."""


@dataclass
class _Eliminator:
    numbering: _Numbering = field(default_factory=_Numbering)
    known: dict[Key, Operation] = field(default_factory=dict)

    def block(self, block: Block) -> None:
        added: list[Key] = []
        for op in block.ops:
            if op.regions:
                for region in op.regions:
                    for inner in region.blocks:
                        self.block(inner)
            if type(op) is cf.AssertOp:
                self._assertion(op, added)
                continue
            if not op.results or type(op) in effects.PLACES or not effects.is_pure(op):
                continue
            key = self.numbering.key(op)
            first = self.known.get(key)
            if first is None:
                self.known[key] = op
                added.append(key)
            else:
                structure.replace(op, first.results)
        for key in added:
            del self.known[key]

    def _assertion(self, op: Operation, added: list[Key]) -> None:
        """What was just checked needn't be checked."""
        key = (cf.AssertOp, op.operands[0])
        if key in self.known:
            structure.erase(op)
        else:
            self.known[key] = op
            added.append(key)


def eliminate(root: Operation) -> None:
    """Remove the common subexpressions inside of `root`."""
    for region in root.regions:
        for block in region.blocks:
            _Eliminator().block(block)


@dataclass(frozen=True)
class CsePass(ModulePass):
    """Replace ops by equal ones that dominate them."""

    name = "cse"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            eliminate(function)
