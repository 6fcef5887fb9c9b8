"""The passes that prepare loops for LLVM's vectoriser leave what the loops compute as it was."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import scf

from dialectad import passes, verifier
from dialectad.dialects import context
from tests.evaluate import evaluate
from tests.lower.machine import TO_LLVM, Compiled, parse
from tests.lower.random_loops import SIZE, Loops

ALL = "gather-adjoints,split-loops,convert-branches,promote-scalars,mark-parallel,run-forward"
RANGES = [(0, 0), (0, 1), (0, 2), (1, 4), (2, 6), (0, 5), (3, 2), (0, 17), (1, 40)]


def arrays(seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).uniform(-2.0, 2.0, (2, SIZE)))


def same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pipeline", [*ALL.split(",")[:-1], ALL])
@pytest.mark.parametrize("seed", range(60))
def test_results_stay(seed: int, pipeline: str) -> None:
    text = Loops(seed).text()
    module, changed = parse(text), parse(text)
    passes.run(context(), changed, pipeline)
    verifier.check(changed, "loop")
    if str(module) == str(changed):
        return
    with np.errstate(all="ignore"):
        for low, high in RANGES[seed % 4 :: 4]:
            for k in (0, 3, 18):
                expected, got = arrays(seed), arrays(seed)
                evaluate(module, "f", [*expected, low, high, k])
                evaluate(changed, "f", [*got, low, high, k])
                same(expected, got)


@pytest.mark.parametrize("seed", range(60, 100))
def test_machine_code_computes_the_same(seed: int) -> None:
    text = Loops(seed).text()
    plain, tuned = Compiled(text, TO_LLVM), Compiled(text, f"{ALL},{TO_LLVM}")
    for low, high in RANGES:
        for k in (0, 3, 18, 44):
            expected, got = arrays(seed), arrays(seed)
            assert plain("f", *expected, low, high, k) == 0
            assert tuned("f", *got, low, high, k) == 0
            same(expected, got)


@pytest.mark.parametrize("pipeline", ALL.split(",")[:-1])
def test_random_loops_are_changed(pipeline: str) -> None:
    changed = 0
    for seed in range(60):
        module = parse(Loops(seed).text())
        before = str(module)
        passes.run(context(), module, pipeline)
        changed += before != str(module)
    assert changed >= 3


def test_parallel_loops_are_found() -> None:
    found = 0
    for seed in range(60):
        module = parse(Loops(seed).text())
        passes.run(context(), module, ALL)
        found += any(
            isinstance(op, scf.ForOp) and "dialectad.parallel" in op.attributes for op in module.walk()
        )
    assert found >= 15
