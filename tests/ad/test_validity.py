"""What is made of pointers, growing caches, bits and buffers of unknown size is valid after every pass."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.levels import pipeline
from tests.ad.test_bits import kept_and_looked_at
from tests.ad.test_caches_within_llvm import loops_of_unknown_length
from tests.ad.test_carried_pointers import matrices_of_unknown_size, swap_in_a_while
from tests.mlir_opt import assert_valid_mlir

X = np.array([0.3, -0.7, 0.5, 1.1])


def second_derivative(x):
    return np.sum(da.grad(loops_of_unknown_length, level="loop")(x) * x)


@pytest.mark.parametrize(
    "function", [kept_and_looked_at, matrices_of_unknown_size, swap_in_a_while, second_derivative]
)
def test_valid(function) -> None:
    module = da.grad(function, level="llvm").lower(X).module("traced")
    ctx, texts = context(), []
    for pass_ in passes.parse(pipeline(["loop", "llvm"])):
        pass_.apply(ctx, module)
        verifier.check(module)
        texts.append(str(module))
    assert_valid_mlir(texts)
