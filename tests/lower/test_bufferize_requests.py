"""Requests for derivatives in memory form: the same results, nothing written that is still read."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import func, memref

from dialectad import passes, verifier
from dialectad.dialects import ad, context
from dialectad.errors import CompileError
from dialectad.lower.bufferize import bufferize
from tests import requests
from tests.lower.tensor_programs import Generator, Statement
from tests.lower.test_bufferize import check, count, module_of

CALLEE = """
func.func private @g(%a: tensor<4xf64> {dialectad.inout = 1 : i64}, %b: tensor<3x4xf64>, %s: f64)
    -> (f64, tensor<4xf64>, tensor<3x4xf64>) {
  %c1 = arith.constant 1 : index
  %x = tensor.extract %a[%c1] : tensor<4xf64>
  %y = arith.mulf %x, %s : f64
  %row = tensor.extract_slice %b[1, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %p = arith.mulf %a, %row : tensor<4xf64>
  %q = tensor.insert %y into %p[%c1] : tensor<4xf64>
  %r = tensor.insert_slice %p into %b[2, 0] [1, 4] [1, 1] : tensor<4xf64> into tensor<3x4xf64>
  func.return %y, %q, %r : f64, tensor<4xf64>, tensor<3x4xf64>
}
"""
"""Polynomials, of which the differences of the interpreter are exact up to rounding."""

_INPUTS = ("4", "3x4", "f64")
_OUTPUTS = ("f64", "4", "3x4")


def _type(shape: str) -> str:
    return shape if shape == "f64" else f"tensor<{shape}xf64>"


class WithRequests(Generator):
    """Programs that differentiate `@g`, everywhere."""

    def simple(self) -> Sequence[Statement]:
        return [*super().simple(), *[WithRequests.request] * 6]

    def request(self, scope: dict[str, list[str]]) -> None:
        r = self.random
        reverse = r.random() < 0.7
        active = sorted(r.sample(range(3), r.randint(1, 3)))
        seeds = sorted(r.sample(range(3), r.randint(1, 3))) if reverse else []
        shapes = [*_INPUTS, *(_OUTPUTS[s] for s in seeds)]
        results = [*_OUTPUTS]
        if reverse:
            results += [_INPUTS[a] for a in active]
        else:
            shapes += [_INPUTS[a] for a in active]
            results += _OUTPUTS
        operands = [self.pick(scope, shape) for shape in shapes]
        names = [self.name() for _ in results]
        positions = f"active = array<i64: {', '.join(map(str, active))}>"
        if reverse:
            positions += f", seeds = array<i64: {', '.join(map(str, seeds))}>"
        self.emit(
            f'{", ".join(names)} = "ad.{"vjp" if reverse else "jvp"}"({", ".join(operands)})'
            f' <{{callee = @g, {positions}, level = "{r.choice(["loop", "llvm"])}"}}>'
            f" : ({', '.join(map(_type, shapes))}) -> ({', '.join(map(_type, results))})"
        )
        for name, shape in zip(names, results, strict=True):
            scope[shape].append(name)


def program(seed: int) -> str:
    return CALLEE + WithRequests(Random(seed)).program()


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_random_programs(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "_STEP", 1.0)
        check(program(seed))


@pytest.mark.parametrize("seed", range(40))
def test_memory_can_be_planned(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "_STEP", 1.0)
        check(program(seed), "bufferize,plan-memory,convert-linalg-to-loops,canonicalize,cse")


SCALE = """
func.func private @g(%a: tensor<4xf64>, %s: f64) -> tensor<4xf64> {
  %t = tensor.splat %s : tensor<4xf64>
  %r = arith.mulf %a, %t : tensor<4xf64>
  func.return %r : tensor<4xf64>
}
"""
ONE_ROW = "[%i, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>"

# Text, copies, allocations, fills.
COSTS = {
    "the primal result and the gradient go where they belong, a uniform seed is filled in": (
        """
func.func @f(%a: tensor<4xf64>, %s: f64) -> (tensor<4xf64>, tensor<4xf64>) {
  %one = arith.constant dense<1.0> : tensor<4xf64>
  %y, %da = "ad.vjp"(%a, %s, %one)
    <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}>
    : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %y, %da : tensor<4xf64>, tensor<4xf64>
}""",
        0,
        1,
        2,
    ),
    "a seed that nobody reads again is given away": (
        """
func.func @f(%a: tensor<4xf64>, %s: f64) -> (tensor<4xf64>, tensor<4xf64>) {
  %d = math.exp %a : tensor<4xf64>
  %y, %da = "ad.vjp"(%a, %s, %d)
    <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}>
    : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %y, %da : tensor<4xf64>, tensor<4xf64>
}""",
        0,
        1,
        1,
    ),
    "a seed that is read again, or is an argument too, is copied": (
        """
func.func @f(%a: tensor<4xf64>, %s: f64) -> (tensor<4xf64>, tensor<4xf64>) {
  %d = math.exp %a : tensor<4xf64>
  %y, %da = "ad.vjp"(%d, %s, %d)
    <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}>
    : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %y, %da : tensor<4xf64>, tensor<4xf64>
}""",
        1,
        2,
        1,
    ),
    "scalar shadows are in memory": (
        """
func.func @f(%a: tensor<4xf64>, %s: f64) -> f64 {
  %one = arith.constant dense<1.0> : tensor<4xf64>
  %y, %ds = "ad.vjp"(%a, %s, %one)
    <{callee = @g, active = array<i64: 1>, seeds = array<i64: 0>, level = "loop"}>
    : (tensor<4xf64>, f64, tensor<4xf64>) -> (tensor<4xf64>, f64)
  func.return %ds : f64
}""",
        0,
        3,
        2,
    ),
    "forward mode: a tangent is only read": (
        """
func.func @f(%a: tensor<4xf64>, %s: f64) -> tensor<4xf64> {
  %y, %ty = "ad.jvp"(%a, %s, %a, %s) <{callee = @g, active = array<i64: 0, 1>, level = "loop"}>
    : (tensor<4xf64>, f64, tensor<4xf64>, f64) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %ty : tensor<4xf64>
}""",
        0,
        1,
        0,
    ),
    "a row is copied, for its layout isn't that of the argument": (
        f"""
func.func @f(%m: tensor<3x4xf64>, %s: f64, %i: index) -> tensor<4xf64> {{
  %a = tensor.extract_slice %m{ONE_ROW}
  %y, %ty = "ad.jvp"(%a, %s, %s) <{{callee = @g, active = array<i64: 1>, level = "loop"}}>
    : (tensor<4xf64>, f64, f64) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %ty : tensor<4xf64>
}}""",
        1,
        2,
        0,
    ),
}


@pytest.mark.parametrize("name", COSTS)
def test_costs(name: str) -> None:
    text, copies, allocations, fills = COSTS[name]
    module = check(SCALE + text)
    assert (count(module, memref.CopyOp), count(module, memref.AllocOp)) == (copies, allocations)
    caller = next(op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == "f")
    assert sum(op.name == "linalg.fill" for op in caller.walk()) == fills


def test_extents_known_at_run_time() -> None:
    text = """
func.func private @g(%a: tensor<?xf64>) -> f64 {
  %zero = arith.constant dense<0.0> : tensor<f64>
  %s = linalg.reduce ins(%a : tensor<?xf64>) outs(%zero : tensor<f64>) dimensions = [0] (%x: f64, %acc: f64) {
    %p = arith.mulf %x, %x : f64
    %t = arith.addf %p, %acc : f64
    linalg.yield %t : f64
  }
  %r = tensor.extract %s[] : tensor<f64>
  func.return %r : f64
}
func.func @f(%m: tensor<8xf64>, %n: index) -> (f64, tensor<8xf64>) {
  %a = tensor.extract_slice %m[0] [%n] [1] : tensor<8xf64> to tensor<?xf64>
  %one = arith.constant 1.0 : f64
  %y, %da = "ad.vjp"(%a, %one)
    <{callee = @g, active = array<i64: 0>, seeds = array<i64: 0>, level = "loop"}>
    : (tensor<?xf64>, f64) -> (f64, tensor<?xf64>)
  %r = tensor.insert_slice %da into %m[0] [%n] [1] : tensor<?xf64> into tensor<8xf64>
  func.return %y, %r : f64, tensor<8xf64>
}"""
    for n in (0, 1, 5, 8):
        check(text, args=[np.arange(8.0), n])


def test_a_public_function_keeps_what_it_writes() -> None:
    text = """
func.func @g(%a: tensor<4xf64> {dialectad.inout = 0 : i64}) -> tensor<4xf64> {
  %r = math.exp %a : tensor<4xf64>
  func.return %r : tensor<4xf64>
}
func.func @f(%a: tensor<4xf64>) -> tensor<4xf64> {
  %y, %ty = "ad.jvp"(%a, %a) <{callee = @g, active = array<i64: 0>, level = "loop"}>
    : (tensor<4xf64>, tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>)
  func.return %ty : tensor<4xf64>
}"""
    module = check(text)
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    assert [len(f.function_type.inputs) for f in functions.values()] == [1, 2, 2]
    (request,) = (op for op in module.walk() if isinstance(op, ad.JVPOp))
    assert request.callee.root_reference.data == "g.primal"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "func.func private @g(%a: f64) -> f64 { func.return %a : f64 }\nfunc.func @f(%a: f64) -> f64 {\n"
            '%y, %t = "ad.jvp"(%a, %a) <{callee = @g, active = array<i64: 0>, level = "linalg"}>'
            " : (f64, f64) -> (f64, f64)\nfunc.return %t : f64 }",
            'a derivative at the level "linalg" is left',
        ),
        (
            "func.func private @g(%x: f64) -> tensor<?xf64> {\n%i = arith.fptosi %x : f64 to i64\n"
            "%n = func.call @size(%i) : (i64) -> index\n%e = tensor.empty(%n) : tensor<?xf64>\n"
            "func.return %e : tensor<?xf64> }\nfunc.func private @size(i64) -> index\n"
            "func.func @f(%x: f64) -> f64 {\n"
            '%y, %t = "ad.jvp"(%x, %x) <{callee = @g, active = array<i64: 0>, level = "loop"}>'
            " : (f64, f64) -> (tensor<?xf64>, tensor<?xf64>)\nfunc.return %x : f64 }",
            "whose shape depends on data",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        bufferize(module_of(text))


def test_the_verifier_knows_the_memory_form() -> None:
    module = module_of(SCALE + COSTS["scalar shadows are in memory"][0])
    passes.run(context(), module, "bufferize")
    (request,) = (op for op in module.walk() if isinstance(op, ad.VJPOp))
    verifier.check(module, "loop")
    request.operands = request.operands[:-1]
    with pytest.raises(CompileError, match="operands are"):
        verifier.check(module, "loop")
