"""`dialectad-opt --run` on the sample programs gives what NumPy gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dialectad import passes
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.levels import pipeline
from dialectad.tools import parsing, run

PROGRAMS = Path(__file__).parent.parent / "programs"


def elementwise(a, b):
    return np.sum(np.tanh(a * b) + np.where(a < b, a, np.exp(b)))


def gradient(x, y):
    return np.sum(np.sin(x) * y), np.cos(x) * y


def mlp(x, w, b, v):
    return np.tanh(x @ w + b) @ v


def newton(x):
    return np.sqrt(np.abs(x))


def recurrence(a, s):
    for i in range(1, 8):
        a[i] = a[i - 1] * s + a[i]
    return a


def rows(a, k, p):
    row = a[k][p]
    a[0] = row
    return a.reshape(12), row


def triangle(a, x):
    return np.array([a[i, :i] @ x[:i] for i in range(6)])


REFERENCES = {f.__name__: f for f in (elementwise, gradient, mlp, newton, recurrence, rows, triangle)}


def compiled(name: str):
    path = PROGRAMS / f"{name}.mlir"
    ctx = context()
    module = parsing.parse(ctx, parsing.Chunk(str(path), path.read_text(encoding="utf-8")))
    signature = run.signature(module, "f")
    passes.run(ctx, module, pipeline(["linalg"]))
    return module, signature


def test_every_sample_has_a_reference():
    assert {path.stem for path in PROGRAMS.glob("*.mlir")} == set(REFERENCES)


@pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
def test_sample(reference: Callable):
    module, signature = compiled(reference.__name__)
    rng = np.random.default_rng(1)
    arguments = [run.random_argument(rng, type_) for type_ in signature.arguments]
    arguments = [
        np.abs(a) if reference is newton else np.minimum(a, 2) if a.dtype.kind == "i" else a
        for a in arguments
    ]
    results = run.call(module, signature, arguments)
    expected = reference(*[a.copy() for a in arguments])
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(results) == len(expected)
    for got, want in zip(results, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


def test_the_caller_s_arrays_are_not_written_into():
    module, signature = compiled("recurrence")
    a = np.ones(8)
    run.call(module, signature, [a, np.array(2.0)])
    np.testing.assert_array_equal(a, np.ones(8))


def test_a_failed_assertion_names_the_line():
    module, signature = compiled("rows")
    with pytest.raises(CompileError, match=r"IndexError: .* at .*rows\.mlir:6:3"):
        run.call(module, signature, [np.ones((4, 3)), np.array(4), np.zeros(3, np.int64)])
