"""What each `if` and loop must hand on: a backward analysis of the structured tree, without jumps.

For a block, `gen` are the names that it may read before it binds them and `kill` those that it surely
binds; so what is live before it is `gen | (after - kill)`, and no fixed point has to be iterated:

    gen(a; b)       = gen(a) | gen(b) - kill(a)          kill(a; b)    = kill(a) | kill(b)
    gen(if t: a; b) = gen(t) | gen(a) | gen(b)           kill(if ...)  = kill(a) & kill(b)
    gen(while t: a) = gen(t; a)                          kill(while t) = {}

Names read by closures are live from where the closure is made (in a loop: from the loop's start); names
declared `nonlocal` always are. Inside a `try` or a `with`, whatever a handler or what follows may read
stays live. All this errs towards more live names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from dialectad.frontend.rewriting.jumps import load_flags
from dialectad.frontend.rewriting.names import Effects, effects, effects_of
from dialectad.frontend.rewriting.nodes import lets_through

EMPTY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Flow:
    """What an `if` or a loop assigns, and what becomes of it."""

    names: tuple[str, ...]
    live: tuple[bool, ...]
    """Whether the value after the statement may be read."""
    carried: tuple[bool, ...]
    """Whether a loop's iteration (its test included) may read the value it finds, or leave it to be read
    after the loop. Otherwise each iteration binds the name anew; if it is live nevertheless, the value from
    before the loop is still what remains when there is no iteration at all."""


@dataclass
class _Summary:
    gen: set[str] = field(default_factory=set)
    kill: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    captures: set[str] = field(default_factory=set)
    calls: bool = False

    def then(self, other: _Summary) -> None:
        """Become the summary of this followed by `other`."""
        self.gen |= other.gen - self.kill
        self.kill |= other.kill
        self.join(other)

    def join(self, other: _Summary) -> None:
        """Take over what holds of a part wherever it stands."""
        self.stores |= other.stores
        self.captures |= other.captures
        self.calls |= other.calls


class Liveness:
    """The analysis of one function's body; `flows` has its result, by the `id` of the statement."""

    def __init__(self, body: list[ast.stmt], local: set[str], shared: set[str], indirect: set[str]):
        """`shared`: names of outer scopes that the body assigns; `indirect`: see `ScopeInfo`."""
        self.known = local | shared
        self.shared = shared
        self.indirect = indirect
        self.flows: dict[int, Flow] = {}
        self._summaries: dict[int, _Summary] = {}
        self._block(body, set(), set(), set())

    # Summaries, bottom up

    def _sequence(self, statements: Iterable[ast.stmt]) -> _Summary:
        total = _Summary()
        for s in statements:
            total.then(self._summary(s))
        return total

    def _summary(self, s: ast.stmt) -> _Summary:
        known = self._summaries.get(id(s))
        if known is None:
            known = self._summaries[id(s)] = self._summarize(s)
        return known

    def _of(self, found: Effects) -> _Summary:
        stores, captures = found.stores & self.known, found.captures & self.known
        gen = (found.reads & self.known) | captures
        return _Summary(gen, stores - found.maybe, stores, captures, found.calls)

    def _header(self, *nodes: ast.AST) -> _Summary:
        summary = self._of(effects(*nodes))
        summary.kill = set()  # a walrus may stand where it isn't reached
        return summary

    def _summarize(self, s: ast.stmt) -> _Summary:
        match s:
            case ast.If():
                total = self._header(s.test)
                body, orelse = self._sequence(s.body), self._sequence(s.orelse)
                total.gen |= body.gen | orelse.gen
                total.kill = body.kill & orelse.kill
                total.join(body)
                total.join(orelse)
            case ast.While():
                total = self._header(s.test)
                total.then(self._sequence(s.body))
                total.kill = set()
            case ast.For():
                total = self._header(s.iter, *load_flags(s))
                total.then(self._each(s))
                total.kill = set()
            case ast.With():
                total = self._header(*s.items)
                total.then(self._sequence(s.body))
                if not lets_through(s):
                    total.kill = set()
            case ast.Try() | ast.TryStar():
                total = _Summary()
                kinds = [h.type for h in s.handlers if h.type is not None]
                parts = [self._header(*kinds), self._sequence(s.finalbody), self._sequence(s.body + s.orelse)]
                parts += [self._sequence(h.body) for h in s.handlers]
                for part in parts:
                    total.gen |= part.gen
                    total.join(part)
            case _:
                total = self._of(effects(s))
        return total

    def _each(self, s: ast.For) -> _Summary:
        """One iteration of a `for`, without the iterable."""
        total = self._of(effects(s.target))
        total.then(self._sequence(s.body))
        return total

    # Liveness, top down

    def _block(self, block: list[ast.stmt], after: set[str], floor: set[str], captured: set[str]) -> None:
        """`after` is live behind the block, `floor` at each point of it, `captured` by earlier closures."""
        live = after | floor
        outs: list[set[str]] = []
        for s in reversed(block):
            outs.append(live)
            summary = self._summary(s)
            live = summary.gen | (live - summary.kill) | floor
        captured = set(captured)
        for s, out in zip(block, reversed(outs), strict=True):
            summary = self._summary(s)
            self._statement(s, summary, out, floor, captured)
            captured |= summary.captures

    def _statement(
        self, s: ast.stmt, summary: _Summary, out: set[str], floor: set[str], captured: set[str]
    ) -> None:
        match s:
            case ast.If():
                within = captured | effects(s.test).captures & self.known
                self._record(s, summary, out | captured | summary.captures, set())
                self._block(s.body, out, floor, within)
                self._block(s.orelse, out, floor, within)
            case ast.While() | ast.For():
                captured = captured | summary.captures
                if isinstance(s, ast.While):
                    header = self._header(s.test)
                    header.then(self._sequence(s.body))
                else:
                    header = self._header(*load_flags(s))
                    header.then(self._each(s))
                carried = header.gen | (out - header.kill) | captured | floor
                self._record(s, summary, out | captured, carried)
                self._block(s.body, header.gen | out, floor, captured)
            case ast.With():
                within = captured | effects_of(s.items).captures & self.known
                self._block(s.body, out, floor if lets_through(s) else floor | out, within)
            case ast.Try() | ast.TryStar():
                final = self._sequence(s.finalbody)
                behind = final.gen | out
                inner = floor | behind
                handlers = set[str]()
                for h in s.handlers:
                    handlers |= self._sequence(h.body).gen
                    if h.type is not None:
                        handlers |= self._header(h.type).gen
                captured = captured | summary.captures
                orelse = self._sequence(s.orelse)
                self._block(s.body, orelse.gen | behind, inner | handlers, captured)
                self._block(s.orelse, behind, inner, captured)
                for h in s.handlers:
                    self._block(h.body, behind, inner, captured)
                self._block(s.finalbody, out, floor, captured)
            case _:
                pass

    def _record(self, s: ast.stmt, summary: _Summary, live: set[str], carried: set[str]) -> None:
        stores = summary.stores | (self.indirect if summary.calls else EMPTY)
        names = tuple(sorted(stores))
        self.flows[id(s)] = Flow(
            names,
            tuple(n in live or n in self.shared for n in names),
            tuple(n in carried or n in self.shared for n in names),
        )
