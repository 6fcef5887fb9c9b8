"""Where control goes on after a piece of structured code, as values.

After `scf.if %c { jump to a(%x) } else { jump to b(%y) }` the outcome has the targets a and b, a flag that
says whether it is a, and values for the parameters of both. The flag is %c, the values are results of the
`scf.if`, or its operands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from xdsl.ir import SSAValue

from dialectad.lift.graph import Node

Key: TypeAlias = SSAValue | tuple[Node, int]
"""What a value is for: the parameter of a target; a value of a loop that is used after it; or the next value
of the parameter of a loop's header, given by its position."""

Flag: TypeAlias = SSAValue | bool


@dataclass(frozen=True)
class Outcome:
    """Where control goes on, and with which values."""

    targets: tuple[Node, ...] = ()
    """In reverse postorder; none if control never gets here."""
    flags: Mapping[Node, Flag] = field(default_factory=dict)
    """Target -> whether control goes there; not for the last, which is where it goes otherwise."""
    values: Mapping[Key, SSAValue] = field(default_factory=dict)

    def without(self, target: Node) -> Outcome:
        """What is left when control doesn't go to `target`."""
        targets = tuple(t for t in self.targets if t is not target)
        dropped: set[Key] = {(target, position) for position in range(len(target.params))}
        if dropped.isdisjoint(self.values):  # not the header of a loop around: its parameters may be values
            dropped.update(target.params)
        return Outcome(
            targets,
            {t: flag for t, flag in self.flags.items() if t in targets[:-1]},
            {key: value for key, value in self.values.items() if key not in dropped},
        )
