"""The text of every rung of the sample programs is valid for a stock `mlir-opt`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dialectad as da
from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.levels import STAGES, pipeline
from dialectad.tools import parsing
from tests.mlir_opt import assert_valid_mlir
from tests.samples import SAMPLES, Sample

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.mlir"))


def text_after(program: Path, passes_: str) -> str:
    ctx = context()
    module = parsing.parse(ctx, parsing.Chunk(str(program), program.read_text(encoding="utf-8")))
    passes.run(ctx, module, passes_)
    verifier.check(module)
    return str(module)


def test_sources():
    assert_valid_mlir(text_after(program, "") for program in PROGRAMS)


@pytest.mark.parametrize("stage", ["linalg", "loop", "llvm"])
def test_rung(stage: str):
    assert_valid_mlir(text_after(program, pipeline(["linalg"], stage)) for program in PROGRAMS)


def gradient_text(sample: Sample, stage: str) -> str:
    """The traced gradient of a sample program at the end of a rung, verified strictly on the way."""
    module = da.grad(sample.function).lower(*sample.args).module(stage)
    verifier.check(module, None if stage == "traced" else stage)
    return str(module)


@pytest.mark.parametrize("stage", STAGES)
def test_gradients_of_samples(stage: str):
    assert_valid_mlir(gradient_text(sample, stage) for sample in SAMPLES)


def joined(x, y):
    return np.concatenate([x, y[1:]]), np.stack([x, y]), np.outer(x, y)[1:].T, np.tile(x, 2)


def created(x, y):
    n = x.shape[0]
    return np.arange(n), np.eye(n) @ x, np.full((n, 2), 3.0), np.sort(x)[::-1]


def sliced(x, y):
    a = np.outer(x, y)
    a[1:, 1:] += a[:-1, :-1] @ a[:1].T
    return np.ravel(a[1:2]) + a[:, :1].T[0] * np.linalg.norm(a[0:, 1:])


def reduced(x, y):
    total = np.sum(da.vmap(lambda row, v: np.sin(row) * v, in_axes=(0, None))(np.outer(x, y), x)[0:])
    for i in range(x.shape[0]):
        total += x[i] * y[i] ** 2
    while len(x) > 1:
        x = x[x < np.max(x)] * total
        y = np.append(y[1:], np.sum(x))
    return total + np.sum(y) + np.log(np.sum(np.exp(np.stack([y, y]))))


UNKNOWN_EXTENTS = [
    *map(da.jit, (joined, created, sliced)),
    *(da.grad(reduced, argnums=(0, 1), level=level) for level in ("linalg", "loop")),
    da.jacrev(lambda x, y: np.cumsum(x * y)[1:], level="loop"),
]


@pytest.mark.parametrize("stage", STAGES)
def test_unknown_extents(stage: str):
    texts: list[str] = []
    for function in UNKNOWN_EXTENTS:
        named = da.jit(function.function, level=function.level, dynamic_shapes=["n", "n"])
        module = named.lower(np.ones(4), np.ones(4)).module(stage)
        verifier.check(module, None if stage == "traced" else stage)
        texts.append(str(module))
    assert_valid_mlir(texts)


INVALID = """
func.func @f() -> f64 {
  %y = arith.addf %x, %x : f64
  %x = arith.constant 1.0 : f64
  return %y : f64
}
"""


def test_an_invalid_text_is_noticed():
    with pytest.raises(AssertionError, match="does not dominate"):
        assert_valid_mlir(["func.func @f() { return }", INVALID])
