"""The functions that the ops of `order` call, as LLVM IR, which is defined where the text of a module is.

    void @dialectad.argsort.T(x, x0, x1, o, o0, o1, work, rows, n)   each row of `o`: the order of one of `x`
    void @dialectad.search.T(s, s0, v, v0, o, o0, n, m)              how many of `s` are below each of `v`
    void @dialectad.search_right.T(...)                              ... or equal to it

where `x0` is the distance of the first axis's neighbours in `x`, counted in elements.

Note [Keys]. Elements are compared by *keys*, unsigned integers in the same order: the sign bit is flipped,
and of negative floats all bits; -0.0 becomes 0.0 before, and every NaN is the largest key.

Note [Sorting by digits]. Short rows are sorted by insertion. For others the keys are dealt into 256 piles
by their lowest byte, then by the next one, and so on; a byte that is the same in all keys is left out. That
is stable, takes as many steps as there are bytes, whatever the length, and has no branch to mispredict. Keys
and numbers go back and forth between two buffers each.
"""

from __future__ import annotations

import re
from functools import cache

ARGSORT, SEARCH, SEARCH_RIGHT = "dialectad.argsort", "dialectad.search", "dialectad.search_right"

READS = {ARGSORT: 1, SEARCH: 2, SEARCH_RIGHT: 2}
"""How many arrays each function reads, before those that it writes."""

WORK = 4
"""How many `i64` of work space `argsort` needs for each element of a row: keys and numbers, twice."""

_SHORT = 48
"""Up to which length rows are sorted by insertion."""

_NAME = re.compile(r"(dialectad\.(?:argsort|search|search_right))\.(i1|i8|i16|i32|i64|f32|f64)")


def routine(name: str) -> str | None:
    """Which of `READS` a function is, if it is one for some type."""
    found = _NAME.fullmatch(name)
    return None if found is None else found[1]


@cache
def definition(name: str) -> str | None:
    """The definition of a function of this library; None if it isn't one."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    kind, t = found[1], found[2]
    text = _ARGSORT if kind == ARGSORT else _SEARCH
    below = "ule" if kind == SEARCH_RIGHT else "ult"
    element = {"i1": "i8", "f32": "float", "f64": "double"}.get(t, t)
    replaced = {
        "NAME": name,
        "ELEMENT": element,
        "BELOW": below,
        "SHORT": str(_SHORT),
        "DIGITS": str(_bits(t) // 8),
        "COUNTS": str(_bits(t) // 8 * 256),
    }
    text = re.sub(r"^ *KEY (\w+) (\w+)\n", lambda m: _key(t, m[1], m[2]), text, flags=re.MULTILINE)
    return re.sub("|".join(replaced), lambda m: replaced[m[0]], text)


def _bits(t: str) -> int:
    return max(8, int(t[1:]))


def _key(t: str, key: str, x: str) -> str:
    """Code that makes the key of an element: see Note [Keys]."""
    bits = _bits(t)
    widened = f"  %{key} = zext i{bits} %{key}.n to i64\n" if bits < 64 else ""
    last = f"%{key}.n" if widened else f"%{key}"
    if t == "i1":
        return f"  %{key} = zext i8 %{x} to i64\n"
    least = -(1 << (bits - 1))
    if t.startswith("i"):
        return f"  {last} = xor i{bits} %{x}, {least}\n{widened}"
    element = "float" if t == "f32" else "double"
    return (
        f"  %{key}.z = fadd {element} %{x}, 0.0\n"
        f"  %{key}.b = bitcast {element} %{key}.z to i{bits}\n"
        f"  %{key}.s = ashr i{bits} %{key}.b, {bits - 1}\n"
        f"  %{key}.m = or i{bits} %{key}.s, {least}\n"
        f"  %{key}.f = xor i{bits} %{key}.b, %{key}.m\n"
        f"  %{key}.u = fcmp uno {element} %{x}, %{x}\n"
        f"  {last} = select i1 %{key}.u, i{bits} -1, i{bits} %{key}.f\n{widened}"
    )


_SEARCH = """\
define internal void @NAME(ptr %s, i64 %s0, ptr %v, i64 %v0, ptr %o, i64 %o0, i64 %n, i64 %m) \
noinline nounwind {
entry:
  br label %values
values:
  %j = phi i64 [ 0, %entry ], [ %j.next, %found ]
  %more = icmp slt i64 %j, %m
  br i1 %more, label %value, label %done
value:
  %v.at = mul i64 %j, %v0
  %v.ptr = getelementptr ELEMENT, ptr %v, i64 %v.at
  %x = load ELEMENT, ptr %v.ptr
  KEY kx x
  br label %halve
halve:
  %first = phi i64 [ 0, %value ], [ %first.next, %compare ]
  %length = phi i64 [ %n, %value ], [ %length.next, %compare ]
  %some = icmp sgt i64 %length, 0
  br i1 %some, label %compare, label %found
compare:
  %half = lshr i64 %length, 1
  %middle = add i64 %first, %half
  %s.at = mul i64 %middle, %s0
  %s.ptr = getelementptr ELEMENT, ptr %s, i64 %s.at
  %y = load ELEMENT, ptr %s.ptr
  KEY ky y
  %below = icmp BELOW i64 %ky, %kx
  %behind = add i64 %middle, 1
  %first.next = select i1 %below, i64 %behind, i64 %first
  %left = sub i64 %length, %half
  %left.less = sub i64 %left, 1
  %length.next = select i1 %below, i64 %left.less, i64 %half
  br label %halve
found:
  %o.at = mul i64 %j, %o0
  %o.ptr = getelementptr i64, ptr %o, i64 %o.at
  store i64 %first, ptr %o.ptr
  %j.next = add i64 %j, 1
  br label %values
done:
  ret void
}
"""

_ARGSORT = """\
define internal void @NAME(ptr %x, i64 %x0, i64 %x1, ptr %o, i64 %o0, i64 %o1, ptr %work, i64 %rows, i64 %n) \
noinline nounwind {
entry:
  %counts = alloca [COUNTS x i64]
  %keys.1 = getelementptr i64, ptr %work, i64 %n
  %numbers.0 = getelementptr i64, ptr %keys.1, i64 %n
  %numbers.1 = getelementptr i64, ptr %numbers.0, i64 %n
  %short = icmp sle i64 %n, SHORT
  br label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.done ]
  %r.more = icmp slt i64 %r, %rows
  br i1 %r.more, label %row.start, label %done
row.start:
  %x.row.at = mul i64 %r, %x0
  %x.row = getelementptr ELEMENT, ptr %x, i64 %x.row.at
  %o.row.at = mul i64 %r, %o0
  %o.row = getelementptr i64, ptr %o, i64 %o.row.at
  br i1 %short, label %insertion, label %clear

insertion:
  %i = phi i64 [ 0, %row.start ], [ %i.next, %insert.here ]
  %i.more = icmp slt i64 %i, %n
  br i1 %i.more, label %insert, label %row.done
insert:
  %x.at = mul i64 %i, %x1
  %x.ptr = getelementptr ELEMENT, ptr %x.row, i64 %x.at
  %e = load ELEMENT, ptr %x.ptr
  KEY k e
  br label %shift
shift:
  %j = phi i64 [ %i, %insert ], [ %j.before, %shift.one ]
  %j.some = icmp sgt i64 %j, 0
  br i1 %j.some, label %shift.compare, label %insert.here
shift.compare:
  %j.before = sub i64 %j, 1
  %before.ptr = getelementptr i64, ptr %work, i64 %j.before
  %before = load i64, ptr %before.ptr
  %above = icmp ugt i64 %before, %k
  br i1 %above, label %shift.one, label %insert.here
shift.one:
  %up.ptr = getelementptr i64, ptr %work, i64 %j
  store i64 %before, ptr %up.ptr
  %from.at = mul i64 %j.before, %o1
  %from.ptr = getelementptr i64, ptr %o.row, i64 %from.at
  %number = load i64, ptr %from.ptr
  %to.at = mul i64 %j, %o1
  %to.ptr = getelementptr i64, ptr %o.row, i64 %to.at
  store i64 %number, ptr %to.ptr
  br label %shift
insert.here:
  %k.ptr = getelementptr i64, ptr %work, i64 %j
  store i64 %k, ptr %k.ptr
  %here.at = mul i64 %j, %o1
  %here.ptr = getelementptr i64, ptr %o.row, i64 %here.at
  store i64 %i, ptr %here.ptr
  %i.next = add i64 %i, 1
  br label %insertion

clear:
  %z = phi i64 [ 0, %row.start ], [ %z.next, %clear ]
  %z.ptr = getelementptr i64, ptr %counts, i64 %z
  store i64 0, ptr %z.ptr
  %z.next = add i64 %z, 1
  %z.more = icmp slt i64 %z.next, COUNTS
  br i1 %z.more, label %clear, label %count
count:
  %c = phi i64 [ 0, %clear ], [ %c.next, %count.done ]
  %c.at = mul i64 %c, %x1
  %c.ptr = getelementptr ELEMENT, ptr %x.row, i64 %c.at
  %ce = load ELEMENT, ptr %c.ptr
  KEY ck ce
  %ck.ptr = getelementptr i64, ptr %work, i64 %c
  store i64 %ck, ptr %ck.ptr
  %cn.ptr = getelementptr i64, ptr %numbers.0, i64 %c
  store i64 %c, ptr %cn.ptr
  br label %count.digit
count.digit:
  %cd = phi i64 [ 0, %count ], [ %cd.next, %count.digit ]
  %cd.shift = shl i64 %cd, 3
  %cd.shifted = lshr i64 %ck, %cd.shift
  %cd.byte = and i64 %cd.shifted, 255
  %cd.table = shl i64 %cd, 8
  %cd.at = or i64 %cd.table, %cd.byte
  %cd.ptr = getelementptr i64, ptr %counts, i64 %cd.at
  %cd.old = load i64, ptr %cd.ptr
  %cd.new = add i64 %cd.old, 1
  store i64 %cd.new, ptr %cd.ptr
  %cd.next = add i64 %cd, 1
  %cd.more = icmp slt i64 %cd.next, DIGITS
  br i1 %cd.more, label %count.digit, label %count.done
count.done:
  %c.next = add i64 %c, 1
  %c.more = icmp slt i64 %c.next, %n
  br i1 %c.more, label %count, label %digit

digit:
  %d = phi i64 [ 0, %count.done ], [ %d.next, %digit.done ]
  %from = phi i64 [ 0, %count.done ], [ %from.next, %digit.done ]
  %d.shift = shl i64 %d, 3
  %d.offset = shl i64 %d, 8
  %table = getelementptr i64, ptr %counts, i64 %d.offset
  %some.key = load i64, ptr %work
  %some.shifted = lshr i64 %some.key, %d.shift
  %some.byte = and i64 %some.shifted, 255
  %some.ptr = getelementptr i64, ptr %table, i64 %some.byte
  %some.count = load i64, ptr %some.ptr
  %same = icmp eq i64 %some.count, %n
  br i1 %same, label %digit.done, label %starts
starts:
  %p = phi i64 [ 0, %digit ], [ %p.next, %starts ]
  %start = phi i64 [ 0, %digit ], [ %start.next, %starts ]
  %p.ptr = getelementptr i64, ptr %table, i64 %p
  %p.count = load i64, ptr %p.ptr
  store i64 %start, ptr %p.ptr
  %start.next = add i64 %start, %p.count
  %p.next = add i64 %p, 1
  %p.more = icmp slt i64 %p.next, 256
  br i1 %p.more, label %starts, label %deal.start
deal.start:
  %odd = icmp ne i64 %from, 0
  %keys.from = select i1 %odd, ptr %keys.1, ptr %work
  %keys.to = select i1 %odd, ptr %work, ptr %keys.1
  %numbers.from = select i1 %odd, ptr %numbers.1, ptr %numbers.0
  %numbers.to = select i1 %odd, ptr %numbers.0, ptr %numbers.1
  br label %deal
deal:
  %q = phi i64 [ 0, %deal.start ], [ %q.next, %deal ]
  %q.key.ptr = getelementptr i64, ptr %keys.from, i64 %q
  %q.key = load i64, ptr %q.key.ptr
  %q.number.ptr = getelementptr i64, ptr %numbers.from, i64 %q
  %q.number = load i64, ptr %q.number.ptr
  %q.shifted = lshr i64 %q.key, %d.shift
  %q.byte = and i64 %q.shifted, 255
  %q.ptr = getelementptr i64, ptr %table, i64 %q.byte
  %q.to = load i64, ptr %q.ptr
  %q.behind = add i64 %q.to, 1
  store i64 %q.behind, ptr %q.ptr
  %q.key.to = getelementptr i64, ptr %keys.to, i64 %q.to
  store i64 %q.key, ptr %q.key.to
  %q.number.to = getelementptr i64, ptr %numbers.to, i64 %q.to
  store i64 %q.number, ptr %q.number.to
  %q.next = add i64 %q, 1
  %q.more = icmp slt i64 %q.next, %n
  br i1 %q.more, label %deal, label %dealt
dealt:
  %from.other = xor i64 %from, 1
  br label %digit.done
digit.done:
  %from.next = phi i64 [ %from, %digit ], [ %from.other, %dealt ]
  %d.next = add i64 %d, 1
  %d.more = icmp slt i64 %d.next, DIGITS
  br i1 %d.more, label %digit, label %hand.start
hand.start:
  %last = icmp ne i64 %from.next, 0
  %numbers = select i1 %last, ptr %numbers.1, ptr %numbers.0
  br label %hand
hand:
  %h = phi i64 [ 0, %hand.start ], [ %h.next, %hand ]
  %h.ptr = getelementptr i64, ptr %numbers, i64 %h
  %h.number = load i64, ptr %h.ptr
  %h.at = mul i64 %h, %o1
  %h.to = getelementptr i64, ptr %o.row, i64 %h.at
  store i64 %h.number, ptr %h.to
  %h.next = add i64 %h, 1
  %h.more = icmp slt i64 %h.next, %n
  br i1 %h.more, label %hand, label %row.done

row.done:
  %r.next = add i64 %r, 1
  br label %row
done:
  ret void
}
"""
