"""Loops and branches, in both modes and to the second order."""

import numpy as np
import pytest

from tests.ad.check import check, gradient

rng = np.random.default_rng(0)

CONSTANTS = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f64
  %one = arith.constant 1.0 : f64
  %half = arith.constant 0.5 : f64
"""


def f(signature: str, body: str) -> str:
    return f"func.func @f({signature} {{\n{CONSTANTS}\n{body}\n}}"


POWER = f(
    "%x: f64, %n: index) -> f64",
    """
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %one) -> (f64) {
    %b = arith.mulf %a, %x : f64
    %s = math.sin %b : f64
    scf.yield %s : f64
  }
  return %r : f64""",
)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_carried_scalar(n):
    check(POWER, 0.9, n, order=2)


RANGES = [(0, 4, 1), (1, 8, 3), (2, 9, 2), (5, 5, 1), (7, 2, 1), (7, 2, 3)]

INDEXED = f(
    "%x: f64, %lb: index, %ub: index, %step: index) -> f64",
    """
  %r = scf.for %i = %lb to %ub step %step iter_args(%a = %one) -> (f64) {
    %i2 = arith.muli %i, %i : index
    %k = arith.index_cast %i2 : index to i64
    %kf = arith.sitofp %k : i64 to f64
    %t = arith.mulf %x, %kf : f64
    %s = math.cos %t : f64
    %b = arith.mulf %a, %s : f64
    %e = arith.addf %b, %x : f64
    scf.yield %e : f64
  }
  return %r : f64""",
)


@pytest.mark.parametrize(("lb", "ub", "step"), RANGES)
def test_values_derived_from_the_index(lb, ub, step):
    check(INDEXED, 0.3, lb, ub, step, order=2)


SCAN = f(
    "%a: tensor<6xf64>) -> tensor<6xf64>",
    """
  %n = arith.constant 6 : index
  %r = scf.for %i = %c1 to %n step %c1 iter_args(%s = %a) -> (tensor<6xf64>) {
    %im = arith.subi %i, %c1 : index
    %p = tensor.extract %s[%im] : tensor<6xf64>
    %q = tensor.extract %s[%i] : tensor<6xf64>
    %m = arith.mulf %p, %q : f64
    %t = math.sin %m : f64
    %new = tensor.insert %t into %s[%i] : tensor<6xf64>
    scf.yield %new : tensor<6xf64>
  }
  return %r : tensor<6xf64>""",
)


def test_overwritten_elements():
    check(SCAN, rng.standard_normal(6), order=2)


SWAPPED = f(
    "%x: f64, %y: f64, %n: index) -> (f64, f64)",
    """
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %y) -> (f64, f64) {
    %p = arith.mulf %a, %b : f64
    %c = math.sin %p : f64
    scf.yield %b, %c : f64, f64
  }
  return %r#0, %r#1 : f64, f64""",
)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_swapped_state(n):
    check(SWAPPED, 0.7, 1.3, n, order=2)


UNUSED_STATE = f(
    "%x: f64, %n: index) -> f64",
    """
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %k = arith.index_cast %i : index to i64
    %kf = arith.sitofp %k : i64 to f64
    %t = arith.mulf %x, %kf : f64
    %s = math.sin %t : f64
    scf.yield %s : f64
  }
  return %r : f64""",
)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_overwritten_state(n):
    check(UNUSED_STATE, 0.7, n, order=2)


NESTED = f(
    "%a: tensor<4xf64>, %w: f64) -> f64",
    """
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero) -> (f64) {
    %x = tensor.extract %a[%i] : tensor<4xf64>
    %inner = scf.for %j = %c0 to %i step %c1 iter_args(%t = %x) -> (f64) {
      %y = tensor.extract %a[%j] : tensor<4xf64>
      %m = arith.mulf %t, %y : f64
      %e = math.exp %m : f64
      %v = arith.mulf %e, %w : f64
      %q = math.sin %v : f64
      scf.yield %q : f64
    }
    %u = arith.mulf %inner, %inner : f64
    %z = arith.addf %s, %u : f64
    scf.yield %z : f64
  }
  return %r : f64""",
)


def test_nested_loop_with_dependent_bound():
    check(NESTED, 0.5 * rng.standard_normal(4), 0.8, order=2)


BRANCHES = f(
    "%x: f64, %y: f64, %n: index) -> f64",
    """
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {
    %b = arith.remsi %i, %c2 : index
    %even = arith.cmpi eq, %b, %c0 : index
    %s = math.sin %a : f64
    %big = arith.cmpf ogt, %s, %half : f64
    %c = scf.if %even -> (f64) {
      %p = arith.mulf %s, %y : f64
      %t = scf.if %big -> (f64) {
        %e = math.exp %p : f64
        scf.yield %e : f64
      } else {
        scf.yield %y : f64
      }
      scf.yield %t : f64
    } else {
      %q = arith.divf %s, %y : f64
      %e = math.exp %q : f64
      %m = arith.mulf %e, %q : f64
      scf.yield %m : f64
    }
    scf.yield %c : f64
  }
  return %r : f64""",
)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_branches_in_a_loop(n):
    check(BRANCHES, 0.8, 1.7, n, order=2)


TOP_IF = f(
    "%x: f64, %y: f64, %c: i1) -> (f64, f64)",
    """
  %r:2 = scf.if %c -> (f64, f64) {
    %e = math.exp %x : f64
    %m = arith.mulf %e, %y : f64
    scf.yield %m, %x : f64, f64
  } else {
    scf.yield %y, %one : f64, f64
  }
  %z = arith.mulf %r#0, %x : f64
  return %z, %r#1 : f64, f64""",
)


@pytest.mark.parametrize("c", [True, False])
def test_if(c):
    check(TOP_IF, 0.3, 1.2, c, order=2)


WHILE = f(
    "%x: f64, %limit: f64) -> (f64, f64)",
    """
  %r:2 = scf.while (%a = %x, %b = %one) : (f64, f64) -> (f64, f64) {
    %go = arith.cmpf olt, %a, %limit : f64
    scf.condition(%go) %a, %b : f64, f64
  } do {
  ^bb0(%a: f64, %b: f64):
    %m = arith.mulf %a, %a : f64
    %s = arith.addf %m, %a : f64
    %t = math.sin %s : f64
    %c = arith.mulf %t, %b : f64
    %p = arith.addf %b, %c : f64
    scf.yield %s, %p : f64, f64
  }
  return %r#0, %r#1 : f64, f64""",
)


@pytest.mark.parametrize("x", [0.2, 0.6, 5.0])
def test_while(x):
    check(WHILE, x, 3.0, order=2)


WHILE_BEFORE = f(
    "%x: f64, %w: f64) -> (f64, f64)",
    """
  %r:2 = scf.while (%a = %x) : (f64) -> (f64, f64) {
    %m = arith.mulf %a, %w : f64
    %s = math.sin %m : f64
    %t = arith.addf %s, %a : f64
    %go = arith.cmpf olt, %t, %c : f64
    scf.condition(%go) %t, %m : f64, f64
  } do {
  ^bb0(%a: f64, %b: f64):
    %e = math.exp %b : f64
    %p = arith.mulf %e, %a : f64
    scf.yield %p : f64
  }
  return %r#0, %r#1 : f64, f64""",
).replace("%half", "%c = arith.constant 2.5 : f64\n  %half")


@pytest.mark.parametrize("x", [0.2, 0.6, 5.0])
def test_while_that_computes_before_its_condition(x):
    check(WHILE_BEFORE, x, 0.7, order=2)


DEEP = f(
    "%a: tensor<4xf64>, %x: f64) -> (f64, tensor<4xf64>)",
    """
  %limit = arith.constant 3.0 : f64
  %r:3 = scf.while (%s = %x, %t = %a, %k = %c0) : (f64, tensor<4xf64>, index) -> (f64, tensor<4xf64>, index) {
    %go = arith.cmpi slt, %k, %c3 : index
    scf.condition(%go) %s, %t, %k : f64, tensor<4xf64>, index
  } do {
  ^bb0(%s: f64, %t: tensor<4xf64>, %k: index):
    %bound = arith.addi %k, %c1 : index
    %q:2 = scf.for %i = %c0 to %bound step %c1 iter_args(%u = %s, %v = %t) -> (f64, tensor<4xf64>) {
      %e = tensor.extract %v[%i] : tensor<4xf64>
      %pos = arith.cmpf ogt, %e, %zero : f64
      %m:2 = scf.if %pos -> (f64, tensor<4xf64>) {
        %p = arith.mulf %e, %u : f64
        %n = math.sin %p : f64
        %w = tensor.insert %n into %v[%i] : tensor<4xf64>
        scf.yield %p, %w : f64, tensor<4xf64>
      } else {
        %o = tensor.extract %v[%k] : tensor<4xf64>
        %p = arith.mulf %o, %e : f64
        %n = math.exp %p : f64
        scf.yield %n, %v : f64, tensor<4xf64>
      }
      scf.yield %m#0, %m#1 : f64, tensor<4xf64>
    }
    %next = arith.addi %k, %c1 : index
    scf.yield %q#0, %q#1, %next : f64, tensor<4xf64>, index
  }
  return %r#0, %r#1 : f64, tensor<4xf64>""",
)


def test_if_in_for_in_while():
    check(DEEP, rng.standard_normal(4), 0.8, order=2)


RNN = f(
    "%w: tensor<3x3xf64>, %x: tensor<5x3xf64>, %h0: tensor<3xf64>) -> tensor<3xf64>",
    """
  %n = arith.constant 5 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%h = %h0) -> (tensor<3xf64>) {
    %xi = tensor.extract_slice %x[%i, 0] [1, 3] [1, 1] : tensor<5x3xf64> to tensor<3xf64>
    %y = "blas.gemv"(%w, %h, %xi) <{alpha = 1.0 : f64, beta = 1.0 : f64}>
      : (tensor<3x3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
    %t = math.tanh %y : tensor<3xf64>
    scf.yield %t : tensor<3xf64>
  }
  return %r : tensor<3xf64>""",
)


def test_recurrent_network():
    check(
        RNN, 0.5 * rng.standard_normal((3, 3)), rng.standard_normal((5, 3)), rng.standard_normal(3), order=2
    )


TRIANGLE = f(
    "%a: tensor<4x4xf64>, %b: tensor<4xf64>) -> tensor<4xf64>",
    """
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%x = %b) -> (tensor<4xf64>) {
    %row = tensor.extract_slice %a[%i, 0] [1, %i] [1, 1] : tensor<4x4xf64> to tensor<?xf64>
    %part = tensor.extract_slice %x[0] [%i] [1] : tensor<4xf64> to tensor<?xf64>
    %dot = "blas.dot"(%row, %part) : (tensor<?xf64>, tensor<?xf64>) -> f64
    %bi = tensor.extract %x[%i] : tensor<4xf64>
    %num = arith.subf %bi, %dot : f64
    %d = tensor.extract %a[%i, %i] : tensor<4x4xf64>
    %q = arith.divf %num, %d : f64
    %y = tensor.insert %q into %x[%i] : tensor<4xf64>
    scf.yield %y : tensor<4xf64>
  }
  return %r : tensor<4xf64>""",
)


def test_dynamic_slices():
    check(TRIANGLE, rng.standard_normal((4, 4)) + 3 * np.eye(4), rng.standard_normal(4), order=2)


STENCIL = f(
    "%a: tensor<7xf64>, %w: f64, %n: index) -> tensor<7xf64>",
    """
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%x = %a) -> (tensor<7xf64>) {
    %l = tensor.extract_slice %x[0] [5] [1] : tensor<7xf64> to tensor<5xf64>
    %m = tensor.extract_slice %x[1] [5] [1] : tensor<7xf64> to tensor<5xf64>
    %h = tensor.extract_slice %x[2] [5] [1] : tensor<7xf64> to tensor<5xf64>
    %s = arith.addf %l, %h : tensor<5xf64>
    %ws = tensor.splat %w : tensor<5xf64>
    %p = arith.mulf %s, %ws : tensor<5xf64>
    %q = arith.mulf %p, %m : tensor<5xf64>
    %y = tensor.insert_slice %q into %x[1] [5] [1] : tensor<5xf64> into tensor<7xf64>
    scf.yield %y : tensor<7xf64>
  }
  return %r : tensor<7xf64>""",
)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_stencil(n):
    check(STENCIL, rng.standard_normal(7), 0.4, n, order=2)


READ_AFTER_WRITE_OF_THE_OLD = f(
    "%a: tensor<4xf64>) -> tensor<4xf64>",
    """
  %r = scf.for %i = %c1 to %c4 step %c1 iter_args(%x = %a) -> (tensor<4xf64>) {
    %p = tensor.extract %x[%c0] : tensor<4xf64>
    %s = math.sin %p : f64
    %y = tensor.insert %s into %x[%i] : tensor<4xf64>
    %old = tensor.extract %x[%i] : tensor<4xf64>
    %m = arith.mulf %old, %p : f64
    %z = tensor.insert %m into %y[%c0] : tensor<4xf64>
    scf.yield %z : tensor<4xf64>
  }
  return %r : tensor<4xf64>""",
)


def test_reading_the_old_tensor_after_a_write():
    check(READ_AFTER_WRITE_OF_THE_OLD, rng.standard_normal(4), order=2)


def test_branch_not_taken_gives_no_nan():
    text = f(
        "%x: f64) -> f64",
        """
      %p = arith.cmpf ogt, %x, %zero : f64
      %r = scf.if %p -> (f64) {
        %s = math.sqrt %x : f64
        scf.yield %s : f64
      } else {
        scf.yield %zero : f64
      }
      return %r : f64""",
    )
    assert gradient(text, -1.0) == [0.0]
    assert gradient(text, 4.0) == [0.25]


WHILE_IN_A_CONDITION = f(
    "%x: f64, %w: f64) -> f64",
    """
  %limit = arith.constant 2.5 : f64
  %r = scf.while (%a = %x) : (f64) -> (f64) {
    %q = scf.while (%b = %a) : (f64) -> (f64) {
      %go = arith.cmpf olt, %b, %half : f64
      scf.condition(%go) %b : f64
    } do {
    ^bb0(%b: f64):
      %e = math.exp %b : f64
      %m = arith.mulf %e, %w : f64
      scf.yield %m : f64
    }
    %s = math.sin %q : f64
    %t = arith.addf %s, %q : f64
    %go = arith.cmpf olt, %t, %limit : f64
    scf.condition(%go) %t : f64
  } do {
  ^bb0(%a: f64):
    %p = arith.mulf %w, %a : f64
    scf.yield %p : f64
  }
  return %r : f64""",
)


@pytest.mark.parametrize("x", [0.1, 0.6, 5.0])
def test_while_in_the_condition_of_a_while(x):
    check(WHILE_IN_A_CONDITION, x, 0.9, order=2)
