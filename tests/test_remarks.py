"""What passes say that they did, and programs without them."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from dialectad.levels import OPTIONAL
from dialectad.remarks import Remark


def recurrent(w, u, x):
    h = np.zeros(8)
    for t in range(6):
        h = np.tanh(w @ x[t] + u @ h)
    return np.sum(h * h)


def product(a, b):
    c = np.zeros((6, 6))
    for i in range(6):
        for j in range(6):
            for k in range(6):
                c[i, j] += a[i, k] * b[k, j]
    return c @ b @ b[0]


ARGS = tuple(np.random.default_rng(n).standard_normal(s) for n, s in enumerate([(8, 9), (8, 8), (6, 9)]))
SQUARES = np.random.default_rng(0).standard_normal((2, 6, 6))


def _remarks(function, args, *, stage: str = "linalg") -> list[Remark]:
    return da.jit(function).lower(*args).remarks(stage)


def test_remarks_say_what_became_of_which_line():
    gradient = da.grad(recurrent, argnums=(0, 1), level="linalg")
    found = _remarks(gradient, ARGS)
    line = recurrent.__code__.co_firstlineno + 3
    assert {(r.pass_name, r.location.line) for r in found if r.location} == {("batch-products", line)}
    assert sorted(r.message for r in found) == [
        "6 products in a loop are one before it",
        *2 * ["the sum of 6 products in a loop is one product after it"],
    ]


def test_a_remark_has_its_place_in_the_source():
    first = product.__code__.co_firstlineno
    raised, ordered = _remarks(product, SQUARES)
    assert (raised.pass_name, raised.location.line) == ("raise-loops", first + 5)
    assert raised.message == "3 loops are a gemm now (216 multiplications)"
    assert (ordered.pass_name, ordered.location.line) == ("order-products", first + 6)
    assert str(raised).startswith(f"raise-loops: {__file__}:{first + 5}:")


def shares(x):
    y = x.copy()
    y[0] = 3.0
    e = np.exp(y)
    return e / np.sum(e), y


def test_copies_and_fused_loops_are_told():
    first = shares.__code__.co_firstlineno
    copy, fused = _remarks(shares, [np.ones(7)], stage="loop")
    assert (copy.pass_name, copy.location.line) == ("bufferize", first + 2)
    assert copy.message.startswith("a copy of 56 bytes: the array written into")
    assert (fused.pass_name, fused.location.line) == ("fuse-loops", first + 4)
    assert fused.message == f"a loop runs along with that of line {first + 3}"


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_programs_do_without_a_pass(name, level):
    def both(w, u, x, a, b):
        return recurrent(w, u, x) + np.sum(product(a, b))

    args = (*ARGS, *SQUARES)
    options = {"argnums": (0, 1, 2, 3, 4), "level": level}
    expected = da.grad(both, **options)(*args)
    without = da.jit(da.grad(both, **options), level=da.Level(level, without=(name,)))
    for found, value in zip(without(*args), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-10)
    lowered = without.lower(*args)
    assert name not in lowered.pipeline.split(",")
    assert name not in {remark.pass_name for remark in lowered.remarks()}


def test_other_passes_are_needed():
    with pytest.raises(CompileError, match="'bufferize' can't be left out"):
        da.Level("linalg", without=("bufferize",))
    with pytest.raises(CompileError, match="no option 'without'"):
        da.Level("tape", without=("hoist",))
