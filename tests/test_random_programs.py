"""Random programs, compiled and differentiated, against NumPy, differences and the interpreter.

`pytest tests/test_random_programs.py --programs 5000 -n 2` checks many.
"""

from __future__ import annotations

import pytest

import dialectad as da
from tests.check_program import check
from tests.random_programs import meaningful, program

LEVELS = [level.name for level in da.levels()]
SECOND_DERIVATIVES = 4
"""One of so many programs is differentiated twice."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--programs")))


@pytest.mark.parametrize("level", LEVELS)
def test_random_program(seed: int, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")
    made = program(seed)
    try:
        check(made, level, second=seed % SECOND_DERIVATIVES == 0)
    except Exception as problem:
        problem.add_note(f"seed {seed}, arguments {made.args}:\n{made.source}")
        raise


def test_programs_are_reproducible() -> None:
    assert program(3).source == program(3).source
    assert meaningful(program(3))
