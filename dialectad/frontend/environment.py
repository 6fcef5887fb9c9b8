"""What a Python function sees besides its arguments: its closure, the globals that it uses, what is in them.

A function that was traced may be called instead of traced again as long as all of that is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dialectad.frontend.mutation import parts

_MOST = 20_000
"""How many objects are compared; with more, no two environments are the same."""

_PLAIN = (str, bytes, int, float, complex)


@dataclass(frozen=True, eq=False)
class Environment:
    """The objects that a function can reach, in an order that depends on nothing else."""

    objects: Sequence[Any]
    """Held, so that no other object comes to have the identity of one of them."""

    @classmethod
    def of(cls, roots: Sequence[Any]) -> Environment:
        """What can be reached from `roots`."""
        found: list[Any] = []
        seen: set[int] = set()
        rest = list(roots)
        while rest and len(found) < _MOST:
            x = rest.pop()
            found.append(x)
            if id(x) not in seen and not isinstance(x, _PLAIN):
                seen.add(id(x))
                if held := parts(x):
                    rest += [*_names(x), *held]
        return cls(found)

    def same(self, other: Environment) -> bool:
        """Whether nothing was replaced, added or removed; numbers and strings are compared by value."""
        return len(self.objects) == len(other.objects) < _MOST and all(
            a is b or (isinstance(a, _PLAIN) and type(a) is type(b) and repr(a) == repr(b))
            for a, b in zip(self.objects, other.objects, strict=True)
        )


def _names(x: Any) -> list[Any]:
    """The keys or attributes under which an object holds its parts."""
    return list(x if isinstance(x, dict) else getattr(x, "__dict__", ()))
