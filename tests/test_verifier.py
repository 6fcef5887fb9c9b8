"""The strict verifier on IR built in memory; its rules are tested in `filecheck/verify`."""

from __future__ import annotations

import time

import pytest
from xdsl.dialects import arith, cf, func, scf
from xdsl.dialects.builtin import ModuleOp, f64
from xdsl.ir import Block, Region

from dialectad import verifier
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.tools import parsing
from dialectad.verify.dominance import dominator_tree


def parse(text: str) -> ModuleOp:
    return parsing.parse(context(), parsing.Chunk("program.mlir", text))


def test_check_raises_the_first_error_with_its_place():
    module = parse(
        "func.func @f(%x: f64) -> f64 {\n  %y = arith.extf %x : f64 to f32\n  func.return %x : f64\n}"
    )
    with pytest.raises(CompileError, match="a type wider than f64 expected") as caught:
        verifier.check(module)
    assert str(caught.value.location) == "program.mlir:2:3"


def test_a_value_of_an_inner_region_does_not_reach_the_outer_one():
    """The parser refuses such text; a faulty pass can make such IR."""
    block = Block(arg_types=[f64])
    inner = arith.AddfOp(block.args[0], block.args[0])
    condition = arith.ConstantOp.from_int_and_width(1, 1)
    branch = scf.IfOp(condition, [], Region(Block([inner, scf.YieldOp()])))
    block.add_ops([condition, branch, func.ReturnOp(inner.result)])
    module = ModuleOp([func.FuncOp("f", ([f64], [f64]), Region(block))])
    module.verify()  # xDSL lets it pass
    with pytest.raises(CompileError, match="operand #0 does not dominate this use"):
        verifier.check(module)


def test_a_value_of_another_function_is_not_visible():
    first, second = Block(arg_types=[f64]), Block(arg_types=[f64])
    first.add_op(func.ReturnOp(first.args[0]))
    second.add_op(func.ReturnOp(first.args[0]))
    module = ModuleOp([func.FuncOp(n, ([f64], [f64]), Region(b)) for n, b in (("f", first), ("g", second))])
    assert any("does not dominate" in error.message for error in verifier.errors(module))


def test_rungs():
    module = parse("func.func @f(%x: tensor<4xf64>) -> tensor<4xf64> {\n  func.return %x : tensor<4xf64>\n}")
    verifier.check(module, "linalg")
    with pytest.raises(CompileError, match="not legal on the loop rung"):
        verifier.check(module, "loop")
    with pytest.raises(CompileError, match="not legal on the llvm rung"):
        verifier.check(module, "llvm")


def test_dominator_tree_of_a_loop_with_two_exits():
    entry, head, body, exit_, early = blocks = [Block() for _ in range(5)]
    condition = arith.ConstantOp.from_int_and_width(1, 1)
    entry.add_ops([condition, cf.BranchOp(head)])
    head.add_op(cf.ConditionalBranchOp(condition, body, [], exit_, []))
    body.add_op(cf.ConditionalBranchOp(condition, head, [], early, []))
    early.add_op(cf.BranchOp(exit_))
    exit_.add_op(func.ReturnOp())
    Region(blocks)
    tree = dominator_tree(entry)
    assert {parent: set(children) for parent, children in tree.items()} == {
        entry: {head},
        head: {body, exit_},
        body: {early},
    }


def _straight(n: int) -> str:
    body = "".join(f"%x{i + 1} = arith.addf %x{i}, %x{i} : f64\n" for i in range(n))
    return f"func.func @f(%x0: f64) -> f64 {{\n{body}func.return %x{n} : f64\n}}"


def _blocks(n: int) -> str:
    body = "".join(f"^a{i}:\n%y{i} = arith.addf %x, %x : f64\ncf.br ^a{i + 1}\n" for i in range(n))
    return f"func.func @f(%x: f64) -> f64 {{\ncf.br ^a0\n{body}^a{n}:\nfunc.return %x : f64\n}}"


@pytest.mark.parametrize("make", [_straight, _blocks])
def test_time_is_linear(make):
    def seconds(n: int) -> float:
        module = parse(make(n))
        best = float("inf")
        for _ in range(7):
            start = time.process_time()  # whatever else the machine does
            assert not list(verifier.errors(module))
            best = min(best, time.process_time() - start)
        return best

    assert seconds(1600) < 8 * seconds(400)  # 4 times the work; 16 times would be quadratic
