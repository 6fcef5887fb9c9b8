"""Requests: nested, shared, inside loops; locations of what is derived."""

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.ir import Operation

from dialectad import locations
from dialectad.ad.differentiate import DifferentiatePass
from dialectad.dialects import context
from dialectad.dialects.blas import GemmOp
from dialectad.tools.parsing import Chunk, LocatedParser
from tests.ad.check import check, differentiate, parse, request_jvp, request_vjp
from tests.evaluate import evaluate

LOSS = """
func.func private @loss(%x: tensor<3xf64>, %w: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f64
  %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%s = %zero) -> (f64) {
    %e = tensor.extract %x[%i] : tensor<3xf64>
    %m = arith.mulf %e, %w : f64
    %t = math.sin %m : f64
    %n = arith.mulf %t, %s : f64
    %p = arith.addf %n, %t : f64
    scf.yield %p : f64
  }
  return %r : f64
}
"""

OPTIMISER = (
    LOSS
    + """
func.func @f(%x: tensor<3xf64>, %w: f64, %n: index) -> tensor<3xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f64
  %rate = arith.constant dense<0.1> : tensor<3xf64>
  %r = scf.for %k = %c0 to %n step %c1 iter_args(%a = %x) -> (tensor<3xf64>) {
    %y, %da = "ad.vjp"(%a, %w, %one) <{callee = @loss, active = array<i64: 0>, seeds = array<i64: 0>,
      level = "linalg"}> : (tensor<3xf64>, f64, f64) -> (f64, tensor<3xf64>)
    %step = arith.mulf %da, %rate : tensor<3xf64>
    %b = arith.subf %a, %step : tensor<3xf64>
    scf.yield %b : tensor<3xf64>
  }
  return %r : tensor<3xf64>
}
"""
)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_gradient_of_an_optimiser_loop(n):
    check(OPTIMISER, [0.3, -0.7, 1.1], 0.9, n, order=2)


CALLS = """
func.func private @square(%x: f64) -> f64 {
  %y = arith.mulf %x, %x : f64
  return %y : f64
}
func.func private @twice(%x: f64) -> f64 {
  %y = func.call @square(%x) : (f64) -> f64
  %z = math.sin %y : f64
  %w = func.call @square(%z) : (f64) -> f64
  return %w : f64
}
func.func @f(%x: f64) -> f64 {
  %y = func.call @twice(%x) : (f64) -> f64
  %z = func.call @square(%x) : (f64) -> f64
  %w = arith.mulf %y, %z : f64
  return %w : f64
}
"""


def test_calls():
    check(CALLS, 0.7, order=2)


def test_equal_requests_share_a_function():
    module = parse("""
    func.func private @f(%x: f64) -> f64 {
      %y = math.sin %x : f64
      return %y : f64
    }""")
    request_vjp(module, "f", "one")
    request_vjp(module, "f", "two")
    request_jvp(module, "f", "three")
    differentiate(module)
    names = [op.sym_name.data for op in module.ops if isinstance(op, func.FuncOp)]
    assert len([n for n in names if n.startswith("f.vjp")]) == 1
    assert len([n for n in names if n.startswith("f.jvp")]) == 1


def test_partial_requests():
    """Some arguments active, some results seeded; what isn't reached has a zero cotangent."""
    module = parse("""
    func.func private @f(%x: f64, %n: i64, %y: tensor<2xf64>, %z: f64) -> (f64, i64, f64) {
      %a = arith.mulf %x, %x : f64
      %b = arith.mulf %z, %x : f64
      return %a, %n, %b : f64, i64, f64
    }
    func.func @g(%x: f64, %n: i64, %y: tensor<2xf64>, %z: f64, %d: f64)
        -> (f64, i64, f64, tensor<2xf64>, f64) {
      %a, %m, %b, %dy, %dz = "ad.vjp"(%x, %n, %y, %z, %d)
        <{callee = @f, active = array<i64: 2, 3>, seeds = array<i64: 2>, level = "linalg"}>
        : (f64, i64, tensor<2xf64>, f64, f64) -> (f64, i64, f64, tensor<2xf64>, f64)
      return %a, %m, %b, %dy, %dz : f64, i64, f64, tensor<2xf64>, f64
    }""")
    differentiate(module)
    a, n, b, dy, dz = evaluate(module, "g", [3.0, 7, np.ones(2), 2.0, 1.0])
    assert (a, n, b, dz) == (9.0, 7, 6.0, 3.0)
    np.testing.assert_array_equal(dy, [0.0, 0.0])


def test_inactive_matrices_cost_nothing():
    """With respect to the vector only, the gradient of a product of matrices and a vector has no gemm."""
    module = parse("""
    func.func private @f(%a: tensor<4x4xf64>, %x: tensor<4xf64>) -> tensor<4xf64> {
      %e = tensor.empty() : tensor<4x4xf64>
      %v = tensor.empty() : tensor<4xf64>
      %p = "blas.gemm"(%a, %a, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}>
        : (tensor<4x4xf64>, tensor<4x4xf64>, tensor<4x4xf64>) -> tensor<4x4xf64>
      %r = "blas.gemv"(%p, %x, %v) <{alpha = 1.0 : f64, beta = 0.0 : f64}>
        : (tensor<4x4xf64>, tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
      return %r : tensor<4xf64>
    }
    func.func @g(%a: tensor<4x4xf64>, %x: tensor<4xf64>, %d: tensor<4xf64>)
        -> (tensor<4xf64>, tensor<4xf64>) {
      %y, %dx = "ad.vjp"(%a, %x, %d)
        <{callee = @f, active = array<i64: 1>, seeds = array<i64: 0>, level = "linalg"}>
        : (tensor<4x4xf64>, tensor<4xf64>, tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>)
      return %y, %dx : tensor<4xf64>, tensor<4xf64>
    }""")
    differentiate(module)
    (made,) = (op for op in module.ops if isinstance(op, func.FuncOp) and ".vjp" in op.sym_name.data)
    assert sum(isinstance(op, GemmOp) for op in made.walk()) == 1


def test_everything_derived_has_a_place():
    module = LocatedParser(context(), Chunk("loss.py", OPTIMISER)).parse_module()
    request_vjp(module, "f", "pullback")
    request_jvp(module, "f", "pushforward")
    DifferentiatePass().apply(context(), module)

    def lost(op: Operation) -> bool:
        return op.location == locations.UNKNOWN

    for made in module.ops:
        if isinstance(made, func.FuncOp) and (".vjp" in made.sym_name.data or ".jvp" in made.sym_name.data):
            assert [op for op in made.walk() if lost(op)] == []


def test_a_function_that_calls_itself_is_differentiated_once():
    module = parse("""
    func.func private @f(%x: f64, %k: f64) -> f64 {
      %c = arith.cmpf olt, %x, %k : f64
      %r = scf.if %c -> (f64) {
        scf.yield %x : f64
      } else {
        %h = arith.mulf %x, %x : f64
        %a = func.call @f(%h, %k) : (f64, f64) -> f64
        %b = func.call @f(%a, %x) : (f64, f64) -> f64
        scf.yield %b : f64
      }
      return %r : f64
    }""")
    request_vjp(module, "f", "pullback")
    DifferentiatePass().apply(context(), module)
    names = [op.sym_name.data for op in module.ops if isinstance(op, func.FuncOp)]
    halves = ["f.augmented_0_1_of_0", "f.pullback_0_1_of_0"]
    assert sorted(names) == ["f", *halves, "f.vjp_0_1_of_0", "pullback"]
