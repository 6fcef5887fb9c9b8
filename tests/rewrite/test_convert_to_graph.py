"""A static graph computes what the function does, fails where it fails, and has no control flow."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp
from xdsl.parser import Parser

from dialectad import passes, verifier
from dialectad.ad.algebra import is_differentiable
from dialectad.dialects import ad, context
from dialectad.errors import CompileError
from dialectad.rewrite import static_graph
from tests.evaluate import evaluate
from tests.rewrite.programs import Programs, inputs
from tests.rewrite.test_properties import assert_same


def graph(module: ModuleOp, name: str = "f") -> ModuleOp:
    """A copy of the module with the graph of function `name` in it, as `name.graph`."""
    module = module.clone()
    (f,) = (op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == name)
    request = func.FuncOp("request", (f.function_type.inputs.data, f.function_type.outputs.data))
    outputs = list(f.function_type.outputs.data)
    types = [*outputs, *(t for t in outputs if is_differentiable(t))]
    derivative = ad.JVPOp(name, request.body.block.args, [], types, "graph")
    request.body.block.add_ops([derivative, func.ReturnOp(*derivative.results[: len(outputs)])])
    module.body.block.add_op(request)
    passes.run(context(), module, "convert-to-graph")
    verifier.check(module)
    (made,) = (op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == f"{name}.graph")
    assert not any(op.name.startswith(("scf.", "func.call")) for op in made.walk())
    return module


def parse(text: str) -> ModuleOp:
    return Parser(context(), text).parse_module()


def with_constants(program: Programs, args: list[object]) -> ModuleOp:
    """The program with its index arguments, on which loop bounds depend, made constants."""
    module = program.module
    (f,) = (op for op in module.ops if isinstance(op, func.FuncOp))
    block = f.body.block
    assert block.first_op is not None
    for arg, value in zip(block.args, args, strict=True):
        if isinstance(arg.type, IndexType):
            assert isinstance(value, int)
            constant = arith.ConstantOp(IntegerAttr(value, arg.type))
            block.insert_op_before(constant, block.first_op)
            arg.replace_all_uses_with(constant.result)
    return module


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1_000_000), size=st.integers(1, 25))
def test_results_are_the_same(seed: int, size: int) -> None:
    program = Programs(seed, size)
    args = inputs(program, seed)
    module = with_constants(program, args)
    assert_same(evaluate(module, "f", args), evaluate(graph(module), "f.graph", args), exact=True)


IN_A_BRANCH = """
func.func @f(%c: i1, %i: index, %n: i64,
             %t: tensor<4xf64>, %e: tensor<0xf64>, %k: tensor<3xindex>) -> {type} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant {zero} : {type}
  %r = scf.if %c -> ({type}) {{
    {body}
    scf.yield %y : {type}
  }} else {{
    scf.yield %zero : {type}
  }}
  func.return %r : {type}
}}
"""

ARGUMENTS = [2, 3, np.arange(4.0), np.zeros(0), np.array([3, 0, 1])]
BAD = [9, 0, np.arange(4.0), np.zeros(0), np.array([3, -1, 9])]

BRANCHES = {
    "a division": ("i64", "%y = arith.floordivsi %n, %n : i64"),
    "a power": (
        "i64",
        "%one = arith.constant 1 : i64\n %m = arith.subi %n, %one : i64\n %y = math.ipowi %n, %m : i64",
    ),
    "an element": ("f64", "%y = tensor.extract %t[%i] : tensor<4xf64>"),
    "an element of nothing": (
        "f64",
        "%ok = arith.cmpi slt, %c0, %c0 : index\n %y = tensor.extract %e[%i] : tensor<0xf64>",
    ),
    "a write": (
        "f64",
        "%x = arith.constant 2.5 : f64\n %w = tensor.insert %x into %t[%i] : tensor<4xf64>\n"
        "%y = tensor.extract %w[%i] : tensor<4xf64>",
    ),
    "a slice": (
        "f64",
        "%s = tensor.extract_slice %t[%i] [2] [1] : tensor<4xf64> to tensor<2xf64>\n"
        "%y = tensor.extract %s[%c0] : tensor<2xf64>",
    ),
    "a write of a slice": (
        "f64",
        "%s = tensor.extract_slice %t[0] [2] [1] : tensor<4xf64> to tensor<2xf64>\n"
        "%w = tensor.insert_slice %s into %t[%i] [2] [1] : tensor<2xf64> into tensor<4xf64>\n"
        "%y = tensor.extract %w[%i] : tensor<4xf64>",
    ),
    "a gather": (
        "f64",
        "%o = tensor.empty() : tensor<3xf64>\n"
        "%g = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],"
        ' iterator_types = ["parallel"]} ins(%k : tensor<3xindex>) outs(%o : tensor<3xf64>) {\n'
        "^bb0(%at: index, %out: f64):\n %q = tensor.extract %t[%at] : tensor<4xf64>\n"
        " linalg.yield %q : f64\n} -> tensor<3xf64>\n %y = tensor.extract %g[%c0] : tensor<3xf64>",
    ),
    "a check": (
        "f64",
        "%four = arith.constant 4 : index\n %ok = arith.cmpi slt, %i, %four : index\n"
        'cf.assert %ok, "IndexError: no"\n %y = tensor.extract %t[%i] : tensor<4xf64>',
    ),
}


@pytest.mark.parametrize("what", BRANCHES)
def test_branch_that_is_not_taken_does_no_harm(what: str) -> None:
    type_, body = BRANCHES[what]
    zero = "0.0" if type_ == "f64" else "0"
    module = graph(parse(IN_A_BRANCH.format(type=type_, zero=zero, body=body)))
    if what != "an element of nothing":
        with np.errstate(all="raise"):
            expected = evaluate(module, "f", [True, *ARGUMENTS])
            assert evaluate(module, "f.graph", [True, *ARGUMENTS]) == expected
    assert evaluate(module, "f.graph", [False, *BAD]) == [0]


DERIVATIVES = {
    "sqrt": "%y = math.sqrt %x : f64",
    "division": "%y = arith.divf %one, %x : f64",
    "element": "%z = tensor.extract %t[%c0] : tensor<1xf64>\n %w = math.sqrt %z : f64\n"
    "%y = arith.addf %x, %w : f64",
    "elements": "%s = math.sqrt %t : tensor<1xf64>\n %y = tensor.extract %s[%c0] : tensor<1xf64>",
    "moved": "%u = tensor.insert %x into %t[%c0] : tensor<1xf64>\n %z = arith.addf %u, %t : tensor<1xf64>\n"
    "%s = math.log %z : tensor<1xf64>\n %y = tensor.extract %s[%c0] : tensor<1xf64>",
    "nested": "%y = scf.if %c -> (f64) {\n scf.yield %x : f64\n } else {\n %z = math.sqrt %x : f64\n"
    "scf.yield %z : f64\n }",
    "product": "%big = math.exp %huge : f64\n %y = arith.mulf %big, %x : f64",
    "captured": "%o = tensor.empty() : tensor<1xf64>\n"
    "%g = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],"
    ' iterator_types = ["parallel"]} ins(%t : tensor<1xf64>) outs(%o : tensor<1xf64>) {\n'
    "^bb0(%at: f64, %out: f64):\n %q = arith.divf %at, %x : f64\n"
    " linalg.yield %q : f64\n} -> tensor<1xf64>\n %y = tensor.extract %g[%c0] : tensor<1xf64>",
}


@pytest.mark.parametrize("what", DERIVATIVES)
def test_derivatives_of_a_branch_that_is_not_taken(what: str) -> None:
    """Infinite ones of it don't make NaN of those of the other."""
    module = parse(f"""
    func.func private @f(%x: f64, %t: tensor<1xf64>, %c: i1) -> f64 {{
      %c0 = arith.constant 0 : index
      %one = arith.constant 1.0 : f64
      %huge = arith.constant 1.0e9 : f64
      %r = scf.if %c -> (f64) {{
        {DERIVATIVES[what]}
        scf.yield %y : f64
      }} else {{
        %y = arith.addf %x, %x : f64
        scf.yield %y : f64
      }}
      func.return %r : f64
    }}
    func.func @gradient(%x: f64, %t: tensor<1xf64>, %c: i1, %dy: f64) -> (f64, f64, tensor<1xf64>) {{
      %y, %dx, %dt = "ad.vjp"(%x, %t, %c, %dy) <{{callee = @f, active = array<i64: 0, 1>,
        seeds = array<i64: 0>, level = "graph"}}> : (f64, tensor<1xf64>, i1, f64) -> (f64, f64, tensor<1xf64>)
      func.return %y, %dx, %dt : f64, f64, tensor<1xf64>
    }}""")
    passes.run(context(), module, "convert-to-graph,canonicalize,cse,dce,differentiate{level=graph},inline")
    assert not any(isinstance(op, ad.StopOp) for op in module.walk())
    _, dx, dt = evaluate(module, "gradient", [0.0, np.zeros(1), False, 1.0])
    assert (dx, dt) == (2.0, 0.0)
    y, dx, dt = evaluate(module, "gradient", [0.25, np.ones(1), True, 1.0])
    assert np.isfinite([y, dx]).all() or what == "product"
    assert (dx, dt) != (2.0, 0.0)


def test_checks_of_a_branch_that_is_taken() -> None:
    type_, body = BRANCHES["a check"]
    module = graph(parse(IN_A_BRANCH.format(type=type_, zero="0.0", body=body)))
    with pytest.raises(IndexError, match="no"):
        evaluate(module, "f.graph", [True, *BAD])


LONG_LOOP = """
func.func @f(%x: f64) -> f64 {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant {count} : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (f64) {{
    %b = arith.mulf %a, %x : f64
    scf.yield %b : f64
  }}
  func.return %r : f64
}}
"""


def test_size_is_limited() -> None:
    count = static_graph.LIMIT // 5
    assert len(list(graph(parse(LONG_LOOP.format(count=count))).walk())) > count
    with pytest.raises(CompileError, match="more than 50,000 operations"):
        graph(parse(LONG_LOOP.format(count=5 * count)))


def test_endless_loop_is_refused() -> None:
    text = """
    func.func @f(%x: f64) -> f64 {
      %true = arith.constant true
      %r = scf.while (%a = %x) : (f64) -> f64 {
        scf.condition(%true) %a : f64
      } do {
      ^bb0(%a: f64):
        scf.yield %a : f64
      }
      func.return %r : f64
    }"""
    with pytest.raises(CompileError, match="more than 50,000 operations"):
        graph(parse(text))


def test_time_grows_with_the_graph() -> None:
    def seconds(count: int) -> float:
        module = parse(LONG_LOOP.format(count=count))
        start = time.process_time()
        graph(module)
        return time.process_time() - start

    short, long = min(seconds(1000) for _ in range(3)), min(seconds(6000) for _ in range(2))
    assert long < 6 * 2.5 * short
