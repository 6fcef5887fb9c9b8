"""`arith` and `math`, on scalars and on tensors."""

import numpy as np
import pytest

from tests.ad.check import check, gradient

SHAPES = {
    "": "{}",
    "0d": "tensor<{}>",
    "empty": "tensor<0x{}>",
    "one": "tensor<1x{}>",
    "many": "tensor<2x3x{}>",
}
SIZES = {"": (), "0d": (), "empty": (0,), "one": (1,), "many": (2, 3)}

UNARY = {
    "arith.negf": (-2, 2),
    "math.absf": (0.1, 2),
    "math.sqrt": (0.1, 2),
    "math.rsqrt": (0.1, 2),
    "math.cbrt": (0.1, 2),
    "math.exp": (-2, 2),
    "math.exp2": (-2, 2),
    "math.expm1": (-2, 2),
    "math.log": (0.1, 2),
    "math.log2": (0.1, 2),
    "math.log10": (0.1, 2),
    "math.log1p": (-0.5, 2),
    "math.sin": (-2, 2),
    "math.cos": (-2, 2),
    "math.tan": (-1, 1),
    "math.sinh": (-2, 2),
    "math.cosh": (-2, 2),
    "math.tanh": (-2, 2),
    "math.asin": (-0.9, 0.9),
    "math.acos": (-0.9, 0.9),
    "math.atan": (-2, 2),
    "math.asinh": (-2, 2),
    "math.acosh": (1.1, 2),
    "math.atanh": (-0.9, 0.9),
    "math.erf": (-2, 2),
    "math.floor": (0.1, 0.9),
    "math.ceil": (0.1, 0.9),
    "math.round": (0.1, 0.4),
    "math.roundeven": (0.1, 0.4),
    "math.trunc": (0.1, 0.9),
}
BINARY = {
    "arith.addf": (-2, 2),
    "arith.subf": (-2, 2),
    "arith.mulf": (-2, 2),
    "arith.divf": (0.5, 2),
    "arith.remf": (0.5, 2),
    "arith.maximumf": (-2, 2),
    "arith.minimumf": (-2, 2),
    "arith.maxnumf": (-2, 2),
    "arith.minnumf": (-2, 2),
    "math.powf": (0.5, 2),
    "math.atan2": (0.5, 2),
    "math.copysign": (0.5, 2),
}


def elementwise(op: str, type_: str, count: int) -> str:
    names = [f"%x{i}" for i in range(count)]
    signature = ", ".join(f"{n}: {type_}" for n in names)
    # Used twice and multiplied, so that the second derivative isn't trivial.
    return f"""
func.func @f({signature}) -> {type_} {{
  %r = {op} {", ".join(names)} : {type_}
  %s = arith.mulf %r, %x0 : {type_}
  return %s : {type_}
}}"""


def _cases(table: dict, count: int):
    for op, (low, high) in table.items():
        yield pytest.param(op, count, "", "f64", low, high, id=f"{op}-scalar")
    for op, (low, high) in table.items():
        yield pytest.param(op, count, "many", "f64", low, high, id=f"{op}-tensor")


@pytest.mark.parametrize(
    ("op", "count", "shape", "element", "low", "high"),
    [*_cases(UNARY, 1), *_cases(BINARY, 2), *_cases({"math.fma": (-2, 2)}, 3)],
)
def test_op(op, count, shape, element, low, high):
    rng = np.random.default_rng(3)
    args = [rng.uniform(low, high, SIZES[shape]) for _ in range(count)]
    check(elementwise(op, SHAPES[shape].format(element), count), *args, order=2 if shape else 1, tolerance=3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize(("op", "count"), [("math.tanh", 1), ("arith.divf", 2), ("arith.maximumf", 2)])
def test_shapes(op, count, shape, element):
    rng = np.random.default_rng(3)
    args = [rng.uniform(0.5, 2, SIZES[shape]) for _ in range(count)]
    check(elementwise(op, SHAPES[shape].format(element), count), *args)


def unary_at(op: str, x: float) -> float:
    text = f"func.func @f(%x: f64) -> f64 {{\n  %r = {op} %x : f64\n  return %r : f64\n}}"
    return gradient(text, x)[0]


def binary_at(op: str, x: float, y: float) -> tuple[float, float]:
    text = f"func.func @f(%x: f64, %y: f64) -> f64 {{\n  %r = {op} %x, %y : f64\n  return %r : f64\n}}"
    dx, dy = gradient(text, x, y)
    return dx, dy


def test_conventions():
    assert unary_at("math.absf", 0.0) == 0.0
    assert unary_at("math.sqrt", 0.0) == np.inf
    assert unary_at("math.cbrt", 0.0) == np.inf
    for op in ("arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf"):
        assert binary_at(op, 1.0, 1.0) == (0.5, 0.5)
    assert binary_at("arith.maxnumf", 1.0, np.nan) == (1.0, 0.0)
    assert binary_at("arith.minnumf", np.nan, 1.0) == (0.0, 1.0)
    assert binary_at("math.powf", 0.0, 0.0) == (0.0, 0.0)
    assert binary_at("math.powf", 0.0, 2.0) == (0.0, 0.0)
    assert binary_at("math.powf", 0.0, 1.0) == (1.0, 0.0)
    assert binary_at("math.powf", -2.0, 2.0)[0] == -4.0


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5])
def test_constant_power(exponent):
    text = f"""
    func.func @f(%x: f64) -> f64 {{
      %y = arith.constant {exponent} : f64
      %r = math.powf %x, %y : f64
      return %r : f64
    }}"""
    check(text, 1.7, order=2)


@pytest.mark.parametrize("n", [-2, 0, 1, 3])
def test_integer_power(n):
    text = """
    func.func @f(%x: tensor<2xf64>, %n: i32) -> tensor<2xf64> {
      %t = tensor.splat %n : tensor<2xi32>
      %r = math.fpowi %x, %t : tensor<2xf64>, tensor<2xi32>
      return %r : tensor<2xf64>
    }"""
    check(text, [1.7, -0.4], n, order=2)
    if n >= 0:
        assert np.all(np.isfinite(gradient(text, np.zeros(2), n)[0]))


def test_select_of_tensors():
    text = """
    func.func @f(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
      %z = arith.constant dense<0.0> : tensor<3xf64>
      %c = arith.cmpf ogt, %x, %z : tensor<3xf64>
      %xx = arith.mulf %x, %x : tensor<3xf64>
      %l = math.log %x : tensor<3xf64>
      %a = arith.mulf %l, %y : tensor<3xf64>
      %r = arith.select %c, %a, %xx : tensor<3xi1>, tensor<3xf64>
      return %r : tensor<3xf64>
    }"""
    check(text, [0.5, 2.0, 3.0], [1.0, 2.0, 3.0], order=2)
    dx, _ = gradient(text, np.array([-1.0, 2.0, -3.0]), np.ones(3))
    np.testing.assert_allclose(dx, [-2.0, 0.5, -6.0])


def test_select_of_scalars():
    text = """
    func.func @f(%x: f64, %y: f64, %c: i1) -> f64 {
      %xx = arith.mulf %x, %x : f64
      %r = arith.select %c, %xx, %y : f64
      return %r : f64
    }"""
    check(text, 0.5, 2.0, True, order=2)
    check(text, 0.5, 2.0, False, order=2)


def test_precision():
    text = """
    func.func @f(%x: f32, %y: f64) -> f64 {
      %w = arith.extf %x : f32 to f64
      %m = arith.mulf %w, %y : f64
      %t = arith.truncf %m : f64 to f32
      %s = math.sin %t : f32
      %r = arith.extf %s : f32 to f64
      return %r : f64
    }"""
    check(text, 0.5, 0.7)
