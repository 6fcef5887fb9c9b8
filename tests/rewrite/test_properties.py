"""No pass changes what a program computes, on random programs."""

from __future__ import annotations

import subprocess
from shutil import which

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp, TensorType

from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.rewrite.elementwise import ELEMENTWISE
from tests.evaluate import evaluate
from tests.rewrite.programs import Programs, inputs

EXACT = ["canonicalize", "cse", "dce", "hoist", "fuse-elementwise"]
ALL = (
    "canonicalize,cse,dce,raise-to-blas,canonicalize,cse,dce,raise-to-blas,hoist,order-products,stack-products,"
    "batch-products,fuse-elementwise,cse,dce"
)


def run(module: ModuleOp, pipeline: str) -> ModuleOp:
    after = module.clone()
    passes.run(context(), after, pipeline)
    verifier.check(after)
    return after


def assert_same(before: list[object], after: list[object], exact: bool) -> None:
    for a, b in zip(before, after, strict=True):
        x, y = np.asarray(a), np.asarray(b)
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        if exact:
            np.testing.assert_array_equal(x, y)
            if x.dtype.kind == "f":
                number = ~np.isnan(x)
                np.testing.assert_array_equal(np.signbit(x)[number], np.signbit(y)[number])
        else:
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)


def check(seed: int, size: int, pipeline: str, exact: bool) -> ModuleOp:
    program = Programs(seed, size)
    args = inputs(program, seed)
    after = run(program.module, pipeline)
    expected = evaluate(program.module, "f", args)
    assert_same(expected, evaluate(after, "f", args), exact)
    return after


many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 1_000_000)
sizes = st.integers(1, 25)


@pytest.mark.parametrize("name", EXACT)
@many
@given(seed=seeds, size=sizes)
def test_results_are_the_same(name: str, seed: int, size: int) -> None:
    check(seed, size, name, exact=True)


@many
@given(seed=seeds, size=sizes)
def test_products_agree_up_to_rounding(seed: int, size: int) -> None:
    check(seed, size, "raise-to-blas", exact=False)


@many
@given(seed=seeds, size=sizes)
def test_all_passes_together(seed: int, size: int) -> None:
    after = check(seed, size, ALL, exact=False)
    left = {
        op.name
        for op in after.walk()
        if type(op) in ELEMENTWISE and isinstance(op.results[0].type, TensorType)
    }
    assert not left, "elementwise ops on tensors after fusion"


@pytest.mark.skipif(which("mlir-opt-19") is None, reason="needs mlir-opt-19")
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_upstream_accepts_the_result(seed: int) -> None:
    after = run(Programs(seed, 20).module, ALL)
    subprocess.run(
        ["mlir-opt-19", "--allow-unregistered-dialect"],
        input=str(after),
        text=True,
        check=True,
        capture_output=True,
    )
