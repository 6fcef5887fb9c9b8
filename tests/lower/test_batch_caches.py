"""Caches that are filled by whole loops hold what they held."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from dialectad import passes, verifier
from dialectad.dialects import ad, context
from tests.ad.memory_programs import Program
from tests.ad.test_memory_form import Generator
from tests.evaluate import evaluate
from tests.lower.machine import parse


def differentiated(program: Program) -> ModuleOp:
    module = parse(program.with_requests())
    passes.run(context(), module, "number-buffers,differentiate{level=loop},inline,canonicalize,cse,dce")
    return module


def gradient(module: ModuleOp, *args: np.ndarray | float) -> list[np.ndarray]:
    """What `@pullback` writes, on arrays of one extent, with a scalar for its second argument."""
    x, s = args
    assert isinstance(x, np.ndarray)
    written = [np.zeros_like(x), np.zeros_like(x), np.zeros(()), np.linspace(-1.0, 1.0, len(x))]
    evaluate(module, "pullback", [x, s, *written])
    return written


def pushes(module: ModuleOp) -> int:
    return sum(isinstance(op, ad.PushOp) for op in module.walk())


@pytest.mark.parametrize("seed", range(25))
def test_results_stay(seed: int) -> None:
    module = differentiated(Generator(seed).program())
    x = np.random.default_rng(seed).standard_normal(6)
    expected = gradient(module, x, 0.8)
    passes.run(context(), module, "batch-caches")
    verifier.check(module, "loop")
    for one, other in zip(gradient(module, x, 0.8), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_programs_have_caches_to_batch() -> None:
    before = after = 0
    for seed in range(25):
        module = differentiated(Generator(seed).program())
        before += pushes(module)
        passes.run(context(), module, "batch-caches")
        after += pushes(module)
    assert 0 < after < before - 10, (before, after)


RECURRENCE = """
%c0 = arith.constant 0 : index
%c1 = arith.constant 1 : index
%bound = arith.constant {bound} : index
%start = arith.constant {start} : index
%step = arith.constant {step} : index
"memref.copy"(%x0, %y) : (memref<6xf64>, memref<6xf64>) -> ()
scf.for %i = %start to %bound step %step {{
  scf.for %j = %c0 to %i step %c1 {{
    %a = memref.load %y[%j] : memref<6xf64>
    %b = memref.load %y[%i] : memref<6xf64>
    %p = arith.mulf %a, %b : f64
    %q = arith.mulf %p, %x1 : f64
    memref.store %q, %y[%i] : memref<6xf64>
  }}
}}"""


@pytest.mark.parametrize(
    ("start", "bound", "step"), [(1, 6, 1), (0, 6, 2), (2, 3, 5), (3, 3, 1), (5, 2, 1), (1, 6, 3)]
)
def test_inner_loops_that_run_for_a_while_or_not_at_all(start: int, bound: int, step: int) -> None:
    body = RECURRENCE.format(start=start, bound=bound, step=step)
    module = differentiated(Program(body, ["memref<6xf64>", "f64"], ["memref<6xf64>"]))
    x = np.linspace(0.5, 1.5, 6)
    expected = gradient(module, x, 0.8)
    passes.run(context(), module, "batch-caches")
    assert pushes(module) == 0
    for one, other in zip(gradient(module, x, 0.8), expected, strict=True):
        np.testing.assert_array_equal(one, other)
