"""The state of rewriting one function: its names, and which of them are surely bound at this point."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialectad.frontend.rewriting.names import ScopeInfo
from dialectad.frontend.rewriting.nodes import PREFIX


@dataclass
class Scope:
    """One function of the user's. `bound` changes as the rewriting goes along."""

    info: ScopeInfo
    parent: Scope | None
    first: str | None
    """The first positional parameter, which `super()` means."""
    locals: set[str] = field(default_factory=set)
    bound: set[str] | None = field(default_factory=set)
    """Surely bound here; `None` where control never gets."""
    initialised: set[str] = field(default_factory=set)
    """May be unbound somewhere, so they start as `Undefined`."""
    temporaries: int = 0

    def __post_init__(self) -> None:
        self.locals = set(self.info.locals)
        self.bound = set(self.info.parameters)

    def is_bound(self, name: str) -> bool:
        return self.bound is None or (name in self.bound and name not in self.info.deletes)

    def bind(self, names: set[str]) -> None:
        if self.bound is not None:
            self.bound |= names & self.locals

    def fresh(self, name: str) -> str:
        """A name for a value that is used up before any control flow."""
        self.temporaries += 1
        return f"{PREFIX}{name}_{self.temporaries}"

    def owner(self, name: str) -> Scope | None:
        """The function being rewritten whose local `name` is."""
        at: Scope | None = self
        while at is not None and name not in at.locals:
            if name in at.info.globals:
                return None
            at = at.parent
        return at

    def must_check(self, name: str) -> bool:
        """Whether a read of `name` may find it unbound; then it starts as `Undefined`."""
        owner = self.owner(name)
        if owner is None or owner.is_bound(name):
            return False
        owner.initialised.add(name)
        return not name.startswith(PREFIX)  # ours are only read where they have a meaning


def meet(a: set[str] | None, b: set[str] | None) -> set[str] | None:
    """What is bound where two paths meet."""
    if a is None or b is None:
        return b if a is None else a
    return a & b
