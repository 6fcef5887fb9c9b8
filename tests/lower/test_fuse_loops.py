"""`fuse-loops`: what loops compute stays the same, and rows are walked through once."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import memref, scf
from xdsl.dialects.builtin import ModuleOp

import dialectad as da
from dialectad import passes, verifier
from dialectad.dialects import context
from tests.evaluate import evaluate
from tests.lower.machine import TO_LLVM, Compiled, parse
from tests.lower.random_nests import SIZE, Nests


def arrays(seed: int) -> list[np.ndarray]:
    draw = np.random.default_rng(seed).uniform
    return [draw(-1.0, 1.0, shape) for shape in ((SIZE, SIZE), (SIZE, SIZE), SIZE)]


def loops(module: ModuleOp) -> int:
    return sum(isinstance(op, scf.ForOp) for op in module.walk())


@pytest.mark.parametrize("seed", range(150))
def test_results_stay(seed: int) -> None:
    module, changed = parse(Nests(seed).text()), parse(Nests(seed).text())
    passes.run(context(), changed, "fuse-loops")
    verifier.check(changed, "loop")
    expected, got = arrays(seed), arrays(seed)
    evaluate(module, "f", expected)
    evaluate(changed, "f", got)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(150, 170))
def test_machine_code_computes_the_same(seed: int) -> None:
    """Also after the memory of what is left of temporaries was planned."""
    text = Nests(seed).text()
    plain, fused = (
        Compiled(text, TO_LLVM),
        Compiled(text, f"fuse-loops,plan-memory,canonicalize,cse,{TO_LLVM}"),
    )
    expected, got = arrays(seed), arrays(seed)
    assert plain("f", *expected) == 0
    assert fused("f", *got) == 0
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_random_loops_are_fused() -> None:
    fewer = shrunk = 0
    for seed in range(60):
        module = parse(Nests(seed).text())
        before = loops(module)
        passes.run(context(), module, "fuse-loops")
        fewer += loops(module) < before
        shrunk += any(
            isinstance(op, memref.AllocOp) and isinstance(op.parent_op(), scf.ForOp) for op in module.walk()
        )
    assert fewer >= 40
    assert shrunk >= 3


# Programs of NumPy


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def normalized(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    centred = x - np.mean(x, axis=1, keepdims=True)
    return centred / np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-5) * scale + shift


def of_softmax(x: np.ndarray, y: np.ndarray) -> float:
    return np.sum(softmax(x) * y)


def of_normalized(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, y: np.ndarray) -> float:
    return np.sum(normalized(x, scale, shift) * y)


SHAPE = (70, 80)


def test_gradients_go_through_rows_once() -> None:
    draw = np.random.default_rng(0).normal
    x, y, scale, shift = draw(size=SHAPE), draw(size=SHAPE), draw(size=SHAPE[1]), draw(size=SHAPE[1])
    for function, args, inner in ((of_softmax, (x, y), 5), (of_normalized, (x, scale, shift, y), 5)):
        compiled = da.jit(da.grad(function, argnums=tuple(range(len(args) - 1))))
        module = compiled.lower(*args).module("loop")
        over_rows = [op for op in module.walk() if isinstance(op, scf.ForOp) and _trips(op) == SHAPE[0]]
        assert len(over_rows) == 1
        assert sum(isinstance(op, scf.ForOp) for op in over_rows[0].body.walk()) <= inner
        whole = [op for op in module.walk() if isinstance(op, memref.AllocOp | memref.AllocaOp)]
        assert all(np.prod(op.memref.type.get_shape()) <= SHAPE[1] for op in whole)


def _trips(loop: scf.ForOp) -> int | None:
    value = getattr(loop.ub.owner, "value", None)
    return None if value is None else value.value.data


@pytest.mark.parametrize("shape", [(70, 80), (1, 5000), (5000, 1), (0, 80), (70, 0), (3, 3)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_programs_compute_what_numpy_does(shape: tuple[int, int], order: str) -> None:
    draw = np.random.default_rng(1).normal
    x, scale, shift = draw(size=shape), draw(size=shape[1]), draw(size=shape[1])
    if order == "strided":
        x = np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3]
    elif order == "F":
        x = np.asfortranarray(x)
    if shape[1]:
        np.testing.assert_allclose(da.jit(softmax)(x), softmax(x), rtol=1e-12)
        np.testing.assert_allclose(
            da.jit(normalized)(x, scale, shift), normalized(x, scale, shift), rtol=1e-9
        )
    y = draw(size=shape)

    def of_rows(x: np.ndarray) -> float:
        s = np.sum(x * y, axis=1)
        c = np.sum(np.tanh(x), axis=0)
        return np.sum(np.sin(x) * s[:, None] * c) + np.sum(s) * np.sum(c)

    s, c = np.sum(x * y, axis=1), np.sum(np.tanh(x), axis=0)
    ds = np.sum(np.sin(x) * c, axis=1) + np.sum(c)
    dc = np.sum(np.sin(x) * s[:, None], axis=0) + np.sum(s)
    expected = np.cos(x) * s[:, None] * c + ds[:, None] * y + dc * (1 - np.tanh(x) ** 2)
    np.testing.assert_allclose(da.jit(da.grad(of_rows))(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("axes", [(1, 2), 2])
def test_stacks_of_matrices_are_walked_through_once(axes: tuple[int, int] | int) -> None:
    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp(x - np.max(x, axis=axes, keepdims=True))
        return e / np.sum(e, axis=axes, keepdims=True)

    x = np.random.default_rng(2).normal(size=(9, 20, 80))
    compiled = da.jit(softmax)
    assert loops(compiled.lower(x).module("loop")) == 4
    np.testing.assert_allclose(compiled(x), softmax(x), rtol=1e-12)
