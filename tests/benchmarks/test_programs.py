"""`benchmarks/programs.py` leaves no real program out."""

from __future__ import annotations

from benchmarks.programs import PROBLEMS
from tests.programs import PROGRAMS


def test_every_program_is_measured_once():
    assert sorted(function.__name__ for function, _ in PROBLEMS) == sorted(p.name for p in PROGRAMS)
