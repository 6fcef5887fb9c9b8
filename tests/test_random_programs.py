"""Random programs, compiled and differentiated, against NumPy, differences and the interpreter.

`pytest tests/test_random_programs.py --programs 5000 -n 2` checks many.
"""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.check_program import STEPS, check
from tests.random_programs import Program, meaningful, program

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


WRONG = """import numpy as np
import dialectad as da


def program(x):
    plain = type(x) is np.ndarray
    stopped = x if plain else da.stop_gradient(x)
    return np.sum(np.sin(x) * {factor})
"""
"""By one factor NumPy gives another value than the traced program, by the other another derivative."""


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_every_check_notices_what_is_wrong(step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")
    factor = "(1.0 if plain else 1.0001)" if step is STEPS[0] else "stopped"
    args = (np.array([0.3, -1.2]),)
    step(Program(WRONG.format(factor="x"), args), LEVELS[0])
    with pytest.raises(AssertionError):
        step(Program(WRONG.format(factor=factor), args), LEVELS[0])
