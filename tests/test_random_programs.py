"""Random programs, compiled and differentiated at several levels, against NumPy, differences and one another.

`pytest tests/test_random_programs.py --programs 5000 -n 2` checks many; see `conftest.py` for more options.
"""

from __future__ import annotations

import numpy as np
import pytest

from dialectad.levels import Level
from tests.check_program import STEPS, check
from tests.random_programs import SIZES, Program, meaningful, program
from tests.variants import VARIANTS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--programs")))


PLAIN = ("linalg", "loop", "llvm")
OTHERS = [level for level in VARIANTS if str(level) not in PLAIN]

_SHARE = 5
"""One program of so many is checked at all plain levels, the others at one; each at another level too."""


def chosen(config: pytest.Config, seed: int) -> list[Level]:
    """The levels to check a program at."""
    if (names := config.getoption("--levels")) is not None:
        return [level for level in VARIANTS if str(level) in names.split()]
    turn = seed // len(SIZES)  # so that each is checked with programs of all sizes
    plain = PLAIN if seed % _SHARE == 0 else PLAIN[turn % len(PLAIN) :][:1]
    return [*map(Level, plain), OTHERS[turn % len(OTHERS)]]


def test_random_program(seed: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")
    config = request.config
    made = program(seed, config.getoption("--size") or SIZES[seed % len(SIZES)])
    try:
        check(made, chosen(config, seed), turn=seed, every=config.getoption("--every-mode"))
    except Exception as problem:
        problem.add_note(f"seed {seed}, arguments {made.args}:\n{made.source}")
        raise


def test_programs_are_reproducible() -> None:
    assert program(3).source == program(3).source
    assert program(3, 4).source == program(3, 4).source
    assert meaningful(program(3))


WRONG = """import numpy as np
import dialectad as da


def program(x):
    plain = type(x) is np.ndarray
    stopped = x if plain else da.stop_gradient(x)
    return np.sum(np.sin(x) * {factor})
"""
"""By one factor NumPy gives another value than the traced program, by the other another derivative."""


@pytest.mark.parametrize("level", ["linalg", "loop"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_every_check_notices_what_is_wrong(step, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")
    factor = "(1.0 if plain else 1.0001)" if step is STEPS[0] else "stopped"
    args = (np.array([0.3, -1.2]),)
    step(Program(WRONG.format(factor="x"), args), Level(level))
    with pytest.raises(AssertionError):
        step(Program(WRONG.format(factor=factor), args), Level(level))
