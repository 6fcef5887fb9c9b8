"""The text of every rung of the sample programs is valid for a stock `mlir-opt`."""

from __future__ import annotations

from pathlib import Path

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
