"""Systems of linear inequalities: whether they have a rational solution, by Fourier-Motzkin elimination.

A linear expression is a mapping from variables to coefficients; `ONE` stands for the constant term.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from math import gcd

ONE = "1"

Linear = Mapping[Hashable, int]

_MOST = 300
"""Inequalities beyond which elimination is given up."""


def plus(a: Linear, b: Linear, times: int = 1) -> dict[Hashable, int]:
    """a + times * b."""
    total = dict(a)
    for variable, coefficient in b.items():
        total[variable] = total.get(variable, 0) + times * coefficient
    return {v: c for v, c in total.items() if c}


def is_feasible(inequalities: Iterable[Linear]) -> bool:
    """Whether all expressions can be >= 0 at once; True also where it takes too long to find out.

    Examples
    --------
    >>> is_feasible([{"x": 1}, {"x": -1, ONE: 5}])
    True
    >>> is_feasible([{"x": 1, ONE: -3}, {"x": -1, ONE: 2}])
    False
    >>> rows = {"i": 100, "k": -100, "j": 1}  # 100 (i - k) + j = 0 for a j in [1, 99]
    >>> is_feasible([rows, {v: -c for v, c in rows.items()}, {"j": 1, ONE: -1}, {"j": -1, ONE: 99}])
    False
    """
    system = {_normal(e) for e in inequalities}
    while True:
        if any(all(v == ONE for v, _ in e) and sum(c for _, c in e) < 0 for e in system):
            return False
        signs: dict[Hashable, list[int]] = {}
        largest: dict[Hashable, int] = {}
        for e in system:
            for variable, coefficient in e:
                if variable != ONE:
                    signs.setdefault(variable, [0, 0])[coefficient > 0] += 1
                    largest[variable] = max(largest.get(variable, 0), abs(coefficient))
        if not signs:
            return True
        # Small coefficients first: what is left then has a common divisor, and `_normal` rounds. So of
        # 100 i + j, two elements of a row, i and j are found out one after the other.
        variable = min(signs, key=lambda v: (largest[v], signs[v][0] * signs[v][1] - sum(signs[v]), str(v)))
        below = [dict(e) for e in system if dict(e).get(variable, 0) > 0]
        above = [dict(e) for e in system if dict(e).get(variable, 0) < 0]
        system = {e for e in system if not dict(e).get(variable, 0)}
        for low in below:
            for high in above:
                a, b = low[variable], -high[variable]
                system.add(_normal(plus({v: b * c for v, c in low.items()}, high, a)))
        if len(system) > _MOST:
            return True


def _normal(e: Linear) -> frozenset[tuple[Hashable, int]]:
    """The same inequality for integers, as tight as possible: its coefficients have no common divisor."""
    divisor = gcd(*(c for v, c in e.items() if v != ONE))
    if divisor > 1:
        return frozenset((v, c // divisor) for v, c in e.items() if c // divisor)
    return frozenset((v, c) for v, c in e.items() if c)
