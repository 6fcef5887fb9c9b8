"""Random programs of which parts have a level of their own: by annotation, and found by `choose-level`.

`pytest tests/test_annotated_programs.py --programs 10000` checks many: one for each twenty of the others.
"""

from __future__ import annotations

import pytest

from dialectad.ad import choose_level
from dialectad.levels import Level
from tests.annotated_programs import annotated
from tests.check_program import check
from tests.random_programs import program

_SHARE = 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--programs") // _SHARE))


def test_random_program(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")
    made = annotated(program(seed), seed)
    try:
        check(made, [Level("mixed")], turn=seed, every=seed % 2 == 0)
    except Exception as problem:
        problem.add_note(f"seed {seed}, arguments {made.args}:\n{made.source}")
        raise


def test_every_loop_a_part(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTAD_CACHE", "0")
    original = choose_level.choose
    monkeypatch.setattr(choose_level, "choose", lambda module, only: original(module, only or "mixed"))
    for constant in ("_CROSSING", "_ARRAY_AT_LOOP"):
        monkeypatch.setattr(choose_level, constant, 0.0)
    made = program(seed)
    try:
        check(made, [Level("auto")], turn=seed, every=seed % 2 == 1)
    except Exception as problem:
        problem.add_note(f"seed {seed}, arguments {made.args}:\n{made.source}")
        raise
