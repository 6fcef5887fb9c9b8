"""Random loops that count: every test, step, bound and width, tested first or last, guarded or not, nested.

`Loop.text` is `@name(%n: iW, %m: iW, %t: !llvm.ptr) -> i64`, which leaves in the memory at `%t` a number that
depends on the order of all values of the induction variables. `Loop.ends` says whether it ends soon and is
defined for given arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

PREDICATES: tuple[str, ...] = tuple("eq ne slt sle sgt sge ult ule ugt uge".split())

MOST = 100
"""Iterations that a loop may take."""


@dataclass(frozen=True)
class Loop:
    width: int
    step: int
    predicate: str
    tested: str
    """"i", "next", or "shifted": i + 3."""
    first: bool
    """Whether the test comes before the body."""
    guarded: str
    """"", "same" (by its own test) or "positive" (by `%n > 0`)."""
    start: int | None
    """None: `%m`."""
    bound: int | None
    """None: `%n`."""
    flags: str
    swapped: bool
    """Whether the bound is on the left."""
    inverted: bool
    """Whether the comparison holds when the loop ends."""
    nested: bool
    result: str
    """What of the last iteration is returned."""

    def text(self, name: str) -> str:
        """The function."""
        t = f"i{self.width}"
        flags = f" overflow<{self.flags}>" if self.flags else ""
        test, test_ops = self._test("%i", "%next", "")
        guard, guard_ops = self._test("%start", "%start", "g")
        body = [
            f"%wide = llvm.sext %i : {t} to i64" if self.width < 64 else "%wide = llvm.add %i, %zero : i64",
            "%h = llvm.load %t : !llvm.ptr -> i64",
            "%h1 = llvm.mul %h, %prime : i64",
            "%h2 = llvm.add %h1, %wide : i64",
            "%place = llvm.ptrtoint %q : !llvm.ptr to i64",
            "%away = llvm.sub %place, %base : i64",
            "%h3 = llvm.xor %h2, %away : i64",
            "%h4 = llvm.add %h3, %outer : i64",
            "llvm.store %h4, %t : i64, !llvm.ptr",
            "%sum1 = llvm.add %sum, %wide : i64",
            "%q1 = llvm.getelementptr %q[2] : (!llvm.ptr) -> !llvm.ptr, i32",
            "%j1 = llvm.sub %j, %five : i32",
        ]
        update = [f"%next = llvm.add %i, %step{flags} : {t}"]
        result = {
            "nothing": "%zero",
            "sum": "%sum" if self.first else "%sum1",
            "i": "%i",
            "next": "%i" if self.first else "%next",
            "j": "%j" if self.first else "%j1",
            "q": "%q" if self.first else "%q1",
            "hash": "%sum" if self.first else "%h4",
        }[self.result]
        kind = {"i": t, "next": t, "j": "i32", "q": "!llvm.ptr"}.get(self.result, "i64")
        skip = {"i": "%start", "next": "%start", "j": "%j0", "q": "%t"}.get(self.result, "%zero")
        again, out = f"^loop(%next, %sum1, %q1, %j1 : {t}, i64, !llvm.ptr, i32)", f"^out({result} : {kind})"
        ways = f"{out}, {again}" if self.inverted else f"{again}, {out}"
        ways_first = f"{out}, ^body" if self.inverted else f"^body, {out}"
        enter = f"^loop(%start, %zero, %t, %j0 : {t}, i64, !llvm.ptr, i32)"
        lines = [
            *guard_ops,
            *(['%positive = llvm.icmp "sgt" %n, %none : ' + t] if self.guarded == "positive" else []),
        ]
        if self.guarded == "same":
            goes = f"^out({skip} : {kind}), ^enter" if self.inverted else f"^enter, ^out({skip} : {kind})"
            lines += [f"llvm.cond_br {guard}, {goes}", "^enter:"]
        elif self.guarded == "positive":
            lines += [f"llvm.cond_br %positive, ^enter, ^out({skip} : {kind})", "^enter:"]
        lines += [f"llvm.br {enter}", f"^loop(%i: {t}, %sum: i64, %q: !llvm.ptr, %j: i32):"]
        if self.first:
            before = update if self.tested == "next" else []
            after = [] if self.tested == "next" else update
            lines += [*before, *test_ops, f"llvm.cond_br {test}, {ways_first}", "^body:", *body, *after]
            lines += [f"llvm.br {again}"]
        else:
            lines += [*body, *update, *test_ops, f"llvm.cond_br {test}, {ways}"]
        lines += [f"^out(%r: {kind}):"]
        if kind == "!llvm.ptr":
            lines += ["%ri = llvm.ptrtoint %r : !llvm.ptr to i64", "%res = llvm.sub %ri, %base : i64"]
        elif kind == "i64":
            lines += ["%res = llvm.add %r, %zero : i64"]
        else:
            lines += [f"%res = llvm.sext %r : {kind} to i64"]
        return self._function(name, lines)

    def _function(self, name: str, lines: list[str]) -> str:
        t = f"i{self.width}"
        start = "%m" if self.start is None else "%start_value"
        bound = "%n" if self.bound is None else "%bound_value"
        head = [
            "%zero = llvm.mlir.constant(0) : i64",
            "%one = llvm.mlir.constant(1) : i64",
            "%three = llvm.mlir.constant(3) : i64",
            "%prime = llvm.mlir.constant(31) : i64",
            "%five = llvm.mlir.constant(5 : i32) : i32",
            "%j0 = llvm.mlir.constant(7 : i32) : i32",
            f"%none = llvm.mlir.constant(0 : {t}) : {t}",
            f"%shift = llvm.mlir.constant(3 : {t}) : {t}",
            f"%step = llvm.mlir.constant({self.step} : {t}) : {t}",
            f"%start_value = llvm.mlir.constant({self.start or 0} : {t}) : {t}",
            f"%bound_value = llvm.mlir.constant({self.bound or 0} : {t}) : {t}",
            "%base = llvm.ptrtoint %t : !llvm.ptr to i64",
        ]
        renamed = [line.replace("%start", start) if "%start_" not in line else line for line in lines]
        renamed = [line.replace("%bound", bound) for line in renamed]
        if self.nested:
            renamed = [
                "llvm.br ^outer(%zero, %zero : i64, i64)",
                "^outer(%outer: i64, %total: i64):",
                *renamed,
                "%total1 = llvm.add %total, %res : i64",
                "%outer1 = llvm.add %outer, %one overflow<nsw> : i64",
                '%again = llvm.icmp "ne" %outer1, %three : i64',
                "llvm.cond_br %again, ^outer(%outer1, %total1 : i64, i64), ^end",
                "^end:",
                "llvm.return %total1 : i64",
            ]
        else:
            renamed = [line.replace("%outer", "%zero") for line in renamed] + ["llvm.return %res : i64"]
        head = f"llvm.func @{name}(%n: {t}, %m: {t}, %t: !llvm.ptr) -> i64 {{", *head
        return "\n  ".join([*head, *renamed]) + "\n}"

    def _test(self, i: str, following: str, suffix: str) -> tuple[str, list[str]]:
        predicate = _INVERSE[self.predicate] if self.inverted else self.predicate
        ops: list[str] = []
        value = following if self.tested == "next" else i
        t = f"i{self.width}"
        if self.tested == "shifted":
            ops.append(f"%shifted{suffix} = llvm.add {i}, %shift overflow<nsw> : {t}")
            value = f"%shifted{suffix}"
        a, b = value, "%bound"
        if self.swapped:
            predicate, a, b = _SWAPPED[predicate], b, a
        ops.append(f'%test{suffix} = llvm.icmp "{predicate}" {a}, {b} : {t}')
        return f"%test{suffix}", ops

    def ends(self, n: int, m: int) -> bool:
        """Whether a call with these arguments is defined and doesn't take long."""
        i = m if self.start is None else self.start
        bound = n if self.bound is None else self.bound
        if self.guarded:
            known = self._holds(i, bound) if self.guarded == "same" else self._signed(n) > 0
            if known is None or not known:
                return known is not None
        for _ in range(MOST):
            following = self._next(i)
            tested = i
            if self.tested == "next":
                if following is None:
                    return False
                tested = following
            more = self._holds(tested, bound) if self.first or following is not None else None
            if not more:
                return more is not None
            if following is None:
                return False
            i = following
        return False

    def _holds(self, value: int, bound: int) -> bool | None:
        if self.tested == "shifted":
            value = self._signed(value) + 3
            if value != self._signed(value):
                return None
        change = self._unsigned if self.predicate.startswith("u") else self._signed
        a, b = change(value), change(bound)
        match self.predicate[-2:]:
            case "eq":
                return a == b
            case "ne":
                return a != b
            case "lt":
                return a < b
            case "le":
                return a <= b
            case "gt":
                return a > b
            case _:
                return a >= b

    def _next(self, i: int) -> int | None:
        signed, unsigned = self._signed(i) + self.step, self._unsigned(i) + self._unsigned(self.step)
        if "nsw" in self.flags and signed != self._signed(signed):
            return None
        if "nuw" in self.flags and unsigned != self._unsigned(unsigned):
            return None
        return self._signed(signed)

    def _unsigned(self, value: int) -> int:
        return value % (1 << self.width)

    def _signed(self, value: int) -> int:
        half = 1 << (self.width - 1)
        return (value + half) % (2 * half) - half


_INVERSE: dict[str, str] = dict(zip(PREDICATES, "ne eq sge sgt sle slt uge ugt ule ult".split(), strict=True))
_SWAPPED = {"eq": "eq", "ne": "ne"} | {
    p: {"l": "g", "g": "l"}.get(p[1], "").join((p[0], p[2])) for p in PREDICATES if len(p) > 2
}


def loop(rng: Random) -> Loop:
    """A random loop; many of them can't be counted."""
    width = rng.choice((64, 64, 64, 32, 8))
    near = [None, None, 0, 0, 1, 5, -3]
    if width == 8:
        near += [120, -120, 127, -128]
    upward = rng.random() < 0.6
    step = rng.choice((1, 1, 1, 2, 3)) * (1 if upward else -1)
    likely = (
        ("ne", "eq", "slt", "slt", "sle", "ult", "ule")
        if upward
        else ("ne", "eq", "sgt", "sgt", "sge", "ugt", "uge")
    )
    return Loop(
        width,
        step,
        rng.choice(likely if rng.random() < 0.9 else PREDICATES),
        rng.choice(("i", "next", "next", "shifted")),
        rng.random() < 0.35,
        rng.choice(("", "same", "same", "positive")),
        rng.choice(near),
        rng.choice(near),
        rng.choice(("", "nsw", "nsw", "nsw,nuw", "nuw")),
        rng.random() < 0.3,
        rng.random() < 0.4,
        rng.random() < 0.3,
        rng.choice(("nothing", "sum", "sum", "i", "next", "j", "q", "hash")),
    )
