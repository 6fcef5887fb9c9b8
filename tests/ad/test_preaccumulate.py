"""Chains of partials are products before they meet what a loop carries; the derivative stays what it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import ModuleOp, UnrealizedConversionCastOp
from xdsl.ir import Operation

import dialectad as da
from dialectad import verifier
from dialectad.ad.preaccumulate import preaccumulate
from tests.evaluate import evaluate
from tests.lower.machine import parse


def loop(body: str, carried: int = 1) -> ModuleOp:
    """A function of cotangents %a, %b, ... that a loop carries, and of numbers %p and %q from outside."""
    names = "ab"[:carried]
    types = ", ".join(["f64"] * carried)
    inits = ", ".join(f"%{n} = %{n}0" for n in names)
    arguments = ", ".join(f"%{n}0: f64" for n in names)
    results = ", ".join(f"%r{n}" for n in names)
    module = parse(f"""
    func.func @f({arguments}, %p: f64, %q: f64) -> f64 {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      {results} = scf.for %i = %c0 to %c3 step %c1 iter_args({inits}) -> ({types}) {{
        {body}
      }}
      func.return %ra : f64
    }}""")
    (made,) = [op for op in module.walk() if isinstance(op, scf.ForOp)]
    args = [*(0.3, -1.1)[:carried], 1.7, 0.6]
    before = evaluate(module, "f", args)
    preaccumulate(made.body.block, made.body.block.args[1:])
    verifier.check(module)
    after = evaluate(module, "f", args)
    np.testing.assert_allclose(after, before, rtol=1e-14)
    return module


_ARITHMETIC = (arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.DivfOp, arith.NegfOp)


def chain(module: ModuleOp) -> int:
    """How much arithmetic there is between what the loop carries and what it yields, at most."""
    (made,) = [op for op in module.walk() if isinstance(op, scf.ForOp)]
    block = made.body.block
    depth = dict.fromkeys(block.args[1:], 0)
    for op in block.ops:
        below = [depth[o] for o in op.operands if o in depth]
        if below and op.results:
            depth[op.results[0]] = max(below) + isinstance(op, _ARITHMETIC)
    end = block.last_op
    assert isinstance(end, Operation)
    return max(depth.get(o, 0) for o in end.operands)


def test_products() -> None:
    body = "%u = arith.mulf %a, %p : f64\n%v = arith.mulf %q, %u : f64\nscf.yield %v : f64"
    assert chain(loop(body)) == 1


def test_every_operation() -> None:
    body = """
        %u = arith.divf %a, %p : f64
        %v = arith.negf %u : f64
        %w = arith.mulf %v, %q : f64
        %x = arith.addf %a, %w : f64
        %y = arith.subf %x, %u : f64
        scf.yield %y : f64"""
    assert chain(loop(body)) == 1


def test_one_operation_stays() -> None:
    module = loop("%u = arith.divf %a, %p : f64\nscf.yield %u : f64")
    assert sum(isinstance(op, arith.DivfOp) for op in module.walk()) == 1
    assert not any(isinstance(op, arith.MulfOp) for op in module.walk())


def test_what_depends_on_two_cotangents_is_no_chain() -> None:
    body = """
        %u = arith.mulf %a, %p : f64
        %v = arith.mulf %u, %q : f64
        %w = arith.addf %v, %b : f64
        %x = arith.mulf %w, %q : f64
        %y = arith.mulf %b, %a : f64
        scf.yield %x, %y : f64, f64"""
    module = loop(body, 2)
    assert chain(module) == 3  # a product, the sum, a product


def test_a_cotangent_that_stays_what_it_is() -> None:
    body = "%u = arith.mulf %a, %p : f64\n%v = arith.mulf %u, %q : f64\nscf.yield %a, %v : f64, f64"
    module = loop(body, 2)
    assert sum(isinstance(op, arith.MulfOp) for op in module.walk()) == 2
    assert not any(isinstance(op, UnrealizedConversionCastOp) for op in module.walk())


def logistic(x, r):
    for _ in range(2000):
        x = r * x * (1 - x)
    return x


def runge_kutta(y, h):
    for i in range(50):
        t = i * h
        a = np.sin(y) - t * y
        b = np.sin(y + h / 2 * a) - (t + h / 2) * (y + h / 2 * a)
        y = y + h * b
    return y


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
@pytest.mark.parametrize(("function", "args"), [(logistic, (0.3, 3.5)), (runge_kutta, (0.4, 0.02))])
def test_recurrences(function, args, level: str) -> None:
    """The derivative of the logistic map underflows; products of parts of its factors would overflow."""
    ours = da.grad(function, argnums=(0, 1), level=level)(*args)
    theirs = da.grad(function, argnums=(0, 1), level="tape")(*args)
    assert all(math.isfinite(d) for d in ours)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
def test_products_that_overflow(level: str) -> None:
    """`s * s` is infinite: 0 times it is 0, as without the product; more than 0 is infinite."""

    def scaled(y, s):
        for _ in range(3):
            y = y * s * s
        return y

    _, pullback = da.vjp(scaled, 0.0, 1e200, level=level)
    assert pullback(0.0) == (0.0, 0.0)
    assert pullback(1.0)[0] == math.inf
    curvature = da.hessian(lambda y: scaled(y * y, 1.5), level=level)(0.0)  # the cotangent of y is 0
    np.testing.assert_allclose(curvature, 2 * 1.5**6)
