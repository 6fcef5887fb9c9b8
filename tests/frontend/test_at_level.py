"""`at_level`: parts of a program with a level of their own, in one differentiated at the level `mixed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr

import dialectad as da
from dialectad import passes
from dialectad.dialects import ad, context
from dialectad.errors import CompileError
from tests.evaluate import evaluate

W = np.array([0.5, 1.2, -0.7, 2.0])
M = np.array([[0.3, -0.2, 0.5, 0.1], [0.7, 0.4, -0.6, 0.2]])


@da.at_level("loop")
def smooth(x):
    """In place, so that the caller sees it."""
    for i in range(1, len(x)):
        x[i] += 0.5 * np.sin(x[i - 1])
    return x


@da.at_level("llvm")
def cube(a):
    return a * a * a


def decorated(w):
    y = smooth(w * w)
    return np.sum(y * y)


def block(w):
    scale = 2.0
    with da.at_level("loop"):
        total = 0.0
        out = np.zeros(4)
        for i in range(4):
            total += w[i] * scale
            out[i] = total
    return np.sum(out) * total


def matrix_product_around(w):
    with da.at_level("linalg"):
        h = M @ w
    with da.at_level("loop"):
        s = 0.0
        for i in range(2):
            s = s * h[i] + np.exp(h[i])
    return s


def in_a_loop(w):
    for _ in range(3):
        with da.at_level("loop"):
            w = w * np.sin(w[::-1])
    return np.sum(w)


def in_a_while(w):
    s, n = 1.0, 0
    while s < 30.0 and n < 10:
        with da.at_level("loop"):
            s = s * (1.0 + w[1])
            n += 1
    return s


def in_a_branch(w):
    if w[0] > 0:
        with da.at_level("loop"):
            s = w[0] ** 3
    else:
        s = w[1]
    return s * w[2]


def leaves_by_return(w):
    with da.at_level("loop"):
        s = np.sum(w * w)
        if s > 100.0:
            return s
        return np.sin(s)


def leaves_by_jumps(w):
    s = 0.0
    for i in range(4):
        with da.at_level("loop"):
            if w[i] < 0:
                continue
            if w[i] > 1.9:
                break
            s += w[i] ** 2
    return s


def views(w):
    x = w.copy()
    v = x[1:3]
    with da.at_level("loop"):
        v *= w[0]
        x[2] += 1.0
        u = x[2:]
    v[1] = v[0] * w[3]
    return np.sum(x) + np.sum(u * u)


def nested(w):
    s = 0.0
    with da.at_level("loop"):
        for i in range(4):
            with da.at_level("loop"):
                t = w[i] * 2.0
            s += cube(t) * w[0]
    return s


def stopped(w):
    with da.at_level("loop"):
        y = w * da.stop_gradient(w) + np.sum(da.stop_gradient(w[0]) * w)
    return np.sum(y)


def called_twice(w):
    return np.sum(smooth(w * 2.0)) * np.sum(smooth(w * 3.0))


def gradient_within(w):
    with da.at_level("loop"):
        g = da.grad(lambda x: np.sum(x**3), level="linalg")(w)
        return np.sum(g * w)


def gradient_of_another_level(w):
    g = da.grad(block, level="loop")(w)
    return np.sum(g * g * w)


PROGRAMS = [
    decorated,
    block,
    matrix_product_around,
    in_a_loop,
    in_a_while,
    in_a_branch,
    leaves_by_return,
    leaves_by_jumps,
    views,
    nested,
    stopped,
    called_twice,
    gradient_within,
    gradient_of_another_level,
]


def modules(function: Callable[..., Any], level: str, *args: Any) -> ModuleOp:
    """The gradient, differentiated as far as that happens on the linalg rung."""
    module = da.grad(function, level=level).lower(*args).module("traced")
    passes.run(context(), module, "canonicalize,cse,dce,differentiate")
    return module


def request_levels(function: Callable[..., Any], level: str, *args: Any) -> list[str]:
    module = modules(function, level, *args)
    return [op.level.data for op in module.walk() if isinstance(op, ad.VJPOp | ad.JVPOp | ad.PullbackOp)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_derivatives_agree(program: Callable[..., Any]) -> None:
    expected = da.grad(program, level="linalg")(W)
    tangent = da.jvp(program, (W,), (np.cos(W),), level="linalg")
    for level in ("mixed", "loop"):
        np.testing.assert_allclose(da.grad(program, level=level)(W), expected, rtol=1e-10)
        np.testing.assert_allclose(da.jvp(program, (W,), (np.cos(W),), level=level), tangent, rtol=1e-10)


@pytest.mark.parametrize("program", PROGRAMS[:-2], ids=lambda f: f.__name__)
def test_numpy_runs_it(program: Callable[..., Any]) -> None:
    if program is not stopped:
        np.testing.assert_allclose(da.jit(program)(W), program(W.copy()), rtol=1e-12)


@pytest.mark.parametrize("program", [decorated, block, in_a_loop, views, nested], ids=lambda f: f.__name__)
def test_second_derivatives_agree(program: Callable[..., Any]) -> None:
    expected = da.hessian(program, level="linalg")(W)
    np.testing.assert_allclose(da.hessian(program, level="mixed")(W), expected, rtol=1e-9, atol=1e-9)
    for outer, inner in (("linalg", "mixed"), ("loop", "mixed"), ("mixed", "loop")):
        found = da.jacfwd(da.grad(program, level=inner), level=outer)(W)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("program", [decorated, block, in_a_branch, called_twice], ids=lambda f: f.__name__)
def test_requests_agree_with_differences(program: Callable[..., Any]) -> None:
    """The requests that are left for later, run by the interpreter."""
    module = modules(program, "mixed", W)
    name = next(op.sym_name.data for op in module.ops if isinstance(op, func.FuncOp) and not _private(op))
    found = evaluate(module, name, [W])
    np.testing.assert_allclose(found[0], da.grad(program)(W), rtol=1e-7)


def _private(function: func.FuncOp) -> bool:
    return function.sym_visibility == StringAttr("private")


def test_only_mixed_takes_notice() -> None:
    assert request_levels(block, "mixed", W) == ["loop"]
    assert request_levels(nested, "mixed", W) == ["loop"]
    assert request_levels(block, "linalg", W) == []
    assert request_levels(matrix_product_around, "mixed", W) == ["loop"]
    text = da.grad(nested, level="loop").lower(W).text("loop")
    assert "dialectad.level" not in text
    assert "llvm" not in da.grad(nested, level="loop").lower(W).pipeline.replace("convert-to-llvm", "")


def test_what_is_left_to_a_later_level_is_kept_until_then() -> None:
    module = da.grad(nested, level="mixed").lower(W).module("linalg")
    (call,) = (op for op in module.walk() if isinstance(op, func.CallOp))
    assert call.attributes[ad.LEVEL] == StringAttr("llvm")
    (request,) = (op for op in module.walk() if isinstance(op, ad.PullbackOp))
    assert request.level.data == "loop"


def test_equal_parts_share_a_function() -> None:
    module = da.jit(called_twice).lower(W).module("traced")
    assert sum(ad.LEVEL in op.attributes for op in module.ops) == 1


def signed_zeros(x):
    with da.at_level("loop"):
        a = np.copysign(x, 0.0)
    with da.at_level("loop"):
        b = np.copysign(x, -0.0)
    return a - b


def test_parts_that_only_seem_equal_do_not_share_one() -> None:
    assert da.jit(signed_zeros)(2.0) == 4.0
    assert da.grad(signed_zeros, level="mixed")(2.0) == 2.0


def test_an_argument_is_written_into() -> None:
    def f(x):
        smooth(x)
        return np.sum(x)

    ours, theirs = W.copy(), W.copy()
    value, gradient = da.value_and_grad(f, level="mixed")(ours)
    assert value == pytest.approx(f(theirs))
    np.testing.assert_allclose(ours, theirs)
    np.testing.assert_allclose(gradient, da.grad(f)(W.copy()))


def out_of_bounds(x, i):
    with da.at_level("loop"):
        y = x[i] * x[i]
    return y


def test_what_fails_within_a_part_says_where() -> None:
    for function in (da.jit(out_of_bounds), da.grad(out_of_bounds, level="mixed")):
        with pytest.raises(IndexError, match=r"test_at_level.py:\d+"):
            function(W, 4)


# --- what can't be honoured --------------------------------------------------------------------


def linalg_within_loop(x):
    with da.at_level("loop"):
        with da.at_level("linalg"):
            y = x * x
        return np.sum(y)


def unknown(x):
    with da.at_level("graf"):
        return np.sum(x)


def graph(x):
    with da.at_level("graph"):
        return np.sum(x)


def mixed(x):
    with da.at_level("mixed"):
        return np.sum(x)


def unknown_shape(x, n):
    with da.at_level("loop"):
        y = x[:n] * 2.0
    return np.sum(y * y)


def shape_by_data(x):
    with da.at_level("loop"):
        y = x[x > 0.0] * 2.0
    return np.sum(y * y)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (linalg_within_loop, "at the level linalg is within one at the level loop"),
        (unknown, "there is no level 'graf'"),
        (graph, "can't be differentiated at the level 'graph'"),
        (mixed, "can't be differentiated at the level 'mixed'"),
    ],
)
def test_what_cannot_be_honoured_is_refused(function: Callable[..., Any], message: str) -> None:
    for level in ("mixed", "linalg"):
        with pytest.raises(CompileError, match=message) as problem:
            da.grad(function, level=level)(W)
        assert problem.value.location is not None
        assert problem.value.location.file == __file__


def test_a_decorator_of_an_unknown_level_says_where() -> None:
    with pytest.raises(CompileError, match="there is no level") as problem:
        da.at_level("graf")(smooth)
    assert problem.value.location is not None
    assert problem.value.location.file == __file__


@pytest.mark.parametrize("level", ["loop", "mixed"])
def test_an_array_of_unknown_shape_leaves_a_part(level: str) -> None:
    compiled = da.jit(da.grad(unknown_shape, level=level))
    for n in range(4):
        np.testing.assert_allclose(compiled(W, n), np.where(np.arange(4) < n, 8.0 * W, 0.0))


def test_an_array_whose_shape_depends_on_data_does_not_leave_a_part() -> None:
    np.testing.assert_allclose(da.grad(shape_by_data, level="loop")(W), 8.0 * np.maximum(W, 0.0))
    with pytest.raises(CompileError, match="shape depends on data") as problem:
        da.grad(shape_by_data, level="mixed")(W)
    assert problem.value.location is not None


@pytest.mark.parametrize("level", ["loop", "llvm"])
def test_a_part_that_gives_nothing(level):
    def loss(x):
        with da.at_level(level):
            unused = np.tanh(np.max(x))
        del unused
        return np.sum(np.sin(x))

    x = np.array([0.3, -1.2])
    np.testing.assert_allclose(da.grad(loss, level="mixed")(x), np.cos(x))
    np.testing.assert_allclose(da.jvp(loss, (x,), (np.ones(2),), level="mixed")[1], np.sum(np.cos(x)))
