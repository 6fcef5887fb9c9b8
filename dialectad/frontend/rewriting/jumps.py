"""Replaces `break`, `continue` and early `return` by flags, so that every block runs to its end.

    for x in xs:                     __da_brk_1 = False
        if x < 0:                    for x in xs:              # while not __da_brk_1
            break            ->          if x < 0:
        total += x                           __da_brk_1 = True
                                         else:
                                             total += x

A branch that always jumps takes the rest of its block into the other branch (as above: no flag has to be
asked). Only where both branches may fall through, what follows is guarded by `if not flag`. A `return`
where nothing follows, and a `continue` at the end of a body, need no flag at all.

Names: `__da_brk_N` and `__da_cont_N` for the N-th loop of the function, `__da_ret` and `__da_retval`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from dialectad.frontend.rewriting.nodes import Refuser, assign, at, constant, lets_through, load

RET = "__da_ret"
RETVAL = "__da_retval"

RETURN = "return"
CONTINUE = "continue"
BREAK = "break"
NONE: frozenset[str] = frozenset()


@dataclass
class _Loop:
    brk: str
    cont: str


def lower(body: list[ast.stmt], refuser: Refuser) -> tuple[list[ast.stmt], set[str]]:
    """A function's body without jumps but for one `return` at its end, and the names that this took.

    A `for` that flags may end carries their names in the attribute `exits`.
    """
    lowering = _Lowering(refuser)
    *front, last = body
    if isinstance(last, ast.Return) and RETURN not in jumps_in(front):
        new, _ = lowering.block(front, NONE, None)
        return [*new, last], lowering.names
    if RETURN not in jumps_in(body):
        return lowering.block(body, NONE, None)[0], lowering.names
    if not never_ends(body):
        body = [*body, at(ast.Return(constant(None, last)), last)]
    new, _ = lowering.block(body, frozenset({RETURN}), None)
    if RET in lowering.names:
        new.insert(0, assign(RET, constant(False, body[0]), body[0]))
    lowering.names.add(RETVAL)
    return [*new, at(ast.Return(load(RETVAL, last)), last)], lowering.names


def jumps_in(statements: Iterable[ast.stmt]) -> set[str]:
    """The kinds of jump that leave these statements."""
    found: set[str] = set()
    for s in statements:
        match s:
            case ast.Return():
                found.add(RETURN)
            case ast.Break():
                found.add(BREAK)
            case ast.Continue():
                found.add(CONTINUE)
            case ast.If():
                found |= jumps_in(s.body) | jumps_in(s.orelse)
            case ast.While() | ast.For():
                found |= (jumps_in(s.body) & {RETURN}) | jumps_in(s.orelse)
            case ast.With():
                found |= jumps_in(s.body)
            case ast.Try() | ast.TryStar():
                found |= jumps_in(s.body) | jumps_in(s.orelse) | jumps_in(s.finalbody)
                for handler in s.handlers:
                    found |= jumps_in(handler.body)
            case _:
                pass
    return found


def never_ends(statements: Iterable[ast.stmt]) -> bool:
    """Whether control never reaches the end of these statements."""
    for s in statements:
        match s:
            case ast.Return() | ast.Break() | ast.Continue() | ast.Raise():
                return True
            case ast.If() if never_ends(s.body) and never_ends(s.orelse):
                return True
            case ast.With() if lets_through(s) and never_ends(s.body):
                return True
            case ast.While(test=ast.Constant(value=value)) if value and BREAK not in jumps_in(s.body):
                return True
            case ast.Try() | ast.TryStar() if all(never_ends(h.body) for h in s.handlers) and never_ends(
                s.body + s.orelse
            ):
                return True
            case _:
                pass
    return False


class _Lowering:
    def __init__(self, refuser: Refuser):
        self.refuser = refuser
        self.names: set[str] = set()
        self.loops = 0

    def flag(self, name: str, origin: ast.stmt) -> ast.stmt:
        self.names.add(name)
        return assign(name, constant(True, origin), origin)

    def block(
        self, statements: list[ast.stmt], free: frozenset[str], loop: _Loop | None
    ) -> tuple[list[ast.stmt], set[str]]:
        """The block without jumps, and the flags that may be set at its end.

        `free` are the kinds of jump that lead right to where the end of the block leads, too.
        """
        out: list[ast.stmt] = []
        flags: set[str] = set()
        for i, s in enumerate(statements):
            rest = statements[i + 1 :]
            match s:
                case ast.Return():
                    self.names.add(RETVAL)
                    out.append(assign(RETVAL, s.value or constant(None, s), s))
                    if RETURN not in free:
                        out.append(self.flag(RET, s))
                        flags.add(RET)
                    return out, flags
                case ast.Break():
                    assert loop is not None
                    out.append(self.flag(loop.brk, s))
                    return out, flags | {loop.brk}
                case ast.Continue():
                    assert loop is not None
                    if CONTINUE not in free:
                        out.append(self.flag(loop.cont, s))
                        flags.add(loop.cont)
                    return out or [at(ast.Pass(), s)], flags
                case ast.If() if jumps_in([s]):
                    if rest and never_ends(s.body):
                        s.orelse, rest = s.orelse if never_ends(s.orelse) else s.orelse + rest, []
                    elif rest and never_ends(s.orelse):
                        s.body, rest = s.body + rest, []
                    inner = NONE if rest else free
                    s.body, new = self.block(s.body, inner, loop)
                    s.orelse, other = self.block(s.orelse, inner, loop)
                    new = new | other
                case ast.For() | ast.While():
                    out_of_loop, new = self.loop(s, NONE if rest else free, loop)
                    out += out_of_loop[:-1]
                    s = out_of_loop[-1]
                case ast.With() if jumps_in([s]):
                    if never_ends([s]):
                        rest = []
                    s.body, new = self.block(s.body, NONE if rest else free, loop)
                case ast.Try() | ast.TryStar():
                    new = self.trial(s, NONE if rest else free, loop)
                case ast.With():
                    s.body, new = self.block(s.body, NONE, loop)
                case ast.If():
                    s.body, _ = self.block(s.body, NONE, loop)
                    s.orelse, _ = self.block(s.orelse, NONE, loop)
                    new = set[str]()
                case _:
                    new = set[str]()
            out.append(s)
            flags |= new
            if not rest:
                break
            if new:
                guarded, more = self.block(rest, free, loop)
                out.append(self.guard(new, guarded, _keyword(s)))
                return out, flags | more
        return out, flags

    def guard(self, flags: set[str], body: list[ast.stmt], origin: ast.AST) -> ast.If:
        return at(ast.If(_none_of(flags, origin), body, []), origin)

    def trial(self, s: ast.Try | ast.TryStar, free: frozenset[str], loop: _Loop | None) -> set[str]:
        if jumps_in(s.finalbody):
            self.refuser.refuse(s.finalbody[0], "a jump out of `finally` can't be compiled", "jump after it")
        s.body, new = self.block(s.body, NONE if s.orelse else free, loop)
        if s.orelse:
            orelse, more = self.block(s.orelse, free, loop)
            s.orelse = [self.guard(new, orelse, _keyword(s))] if new else orelse
            new = new | more
        for handler in s.handlers:
            handler.body, more = self.block(handler.body, free, loop)
            new = new | more
        s.finalbody, _ = self.block(s.finalbody, NONE, loop)
        return new

    def loop(
        self, s: ast.For | ast.While, free: frozenset[str], outer: _Loop | None
    ) -> tuple[list[ast.stmt], set[str]]:
        """What replaces the loop, `else` clause included, and the flags that it may leave set."""
        self.loops += 1
        own = _Loop(f"__da_brk_{self.loops}", f"__da_cont_{self.loops}")
        s.body, flags = self.block(s.body, frozenset({CONTINUE}), own)
        if own.cont in flags:
            s.body.insert(0, assign(own.cont, constant(False, s), s))
        exits = flags & {own.brk, RET}
        out: list[ast.stmt] = []
        if own.brk in exits:
            out.append(assign(own.brk, constant(False, s), s))
        if exits and isinstance(s, ast.While):
            going = _none_of(exits, s.test)
            endless = isinstance(s.test, ast.Constant) and s.test.value
            s.test = going if endless else at(ast.BoolOp(ast.And(), [going, s.test]), s.test)
        elif exits:
            s.exits = sorted(exits)  # type: ignore[attr-defined]
        out.append(s)
        left = exits & {RET}
        if s.orelse:
            orelse, more = self.block(s.orelse, free, outer)
            if exits:
                out.append(self.guard(exits, orelse, _keyword(s)))
            else:
                out += orelse
            left |= more
            s.orelse = []
        return out, left


def _none_of(flags: set[str], origin: ast.AST) -> ast.expr:
    tests: list[ast.expr] = [load(name, origin) for name in sorted(flags)]
    anyone = tests[0] if len(tests) == 1 else at(ast.BoolOp(ast.Or(), tests), origin)
    return at(ast.UnaryOp(ast.Not(), anyone), origin)


def _keyword(s: ast.stmt) -> ast.stmt:
    """The place where a compound statement starts, without its blocks."""
    place = at(ast.Pass(), s)
    place.end_lineno, place.end_col_offset = s.lineno, s.col_offset + len(type(s).__name__)
    return place


def exits_of(s: ast.For) -> list[str]:
    """The flags that end this lowered `for`."""
    return getattr(s, "exits", [])


def load_flags(s: ast.For) -> list[ast.expr]:
    """The test that a lowered `for` makes before each iteration, or nothing."""
    return [_none_of(set(exits), s)] if (exits := exits_of(s)) else []
