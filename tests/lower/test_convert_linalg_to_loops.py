"""`convert-linalg-to-loops` computes what the ops mean, in loops of the form that machines like."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from xdsl.dialects import memref, scf
from xdsl.dialects.builtin import ModuleOp

from dialectad import passes, verifier
from dialectad.dialects import context
from tests.evaluate import evaluate
from tests.lower.machine import Compiled, parse, random_arguments


def lowered(text: str) -> ModuleOp:
    """The module after the pass."""
    module = parse(text)
    passes.run(context(), module, "convert-linalg-to-loops")
    verifier.check(module)
    return module


def generic(
    maps: list[str], iterators: str, ins: list[str], outs: list[str], body: str, prologue: str = ""
) -> str:
    """A function of one linalg.generic on its arguments; in the body, operands are %a0, %a1, ..."""
    operands = [*ins, *outs]
    names = [f"%m{i}" for i in range(len(operands))]
    arguments = ", ".join(f"{name}: {t}" for name, t in zip(names, operands, strict=True))
    maps_text = ", ".join(f"affine_map<{m}>" for m in maps)
    kinds = ", ".join({"p": '"parallel"', "r": '"reduction"'}[i] for i in iterators)
    elements = [
        t.rstrip(">").split(",")[0].split("x")[-1].removeprefix("memref<").rstrip(">") for t in operands
    ]
    block = ", ".join(f"%a{i}: {e}" for i, e in enumerate(elements))
    ins_text = f"ins({', '.join(names[: len(ins)])} : {', '.join(ins)})" if ins else ""
    return f"""
    func.func @f({arguments}) attributes {{dialectad.outs = {len(outs)} : i64}} {{
      {prologue}
      linalg.generic {{indexing_maps = [{maps_text}], iterator_types = [{kinds}]}} {ins_text}
          outs({", ".join(names[len(ins) :])} : {", ".join(outs)}) {{
      ^bb0({block}):
        {body}
      }}
      return
    }}"""


ADD = "%r = arith.addf %a0, %a1 : f64\n linalg.yield %r : f64"
FMA = "%p = arith.mulf %a0, %a1 : f64\n %r = arith.addf %p, %a2 : f64\n linalg.yield %r : f64"
ID2 = "(i, j) -> (i, j)"

CASES = {
    "elementwise": generic(
        [ID2] * 3,
        "pp",
        ["memref<3x4xf64>", "memref<3x4xf64>"],
        ["memref<3x4xf64>"],
        "%r = arith.mulf %a0, %a1 : f64\n linalg.yield %r : f64",
    ),
    "sum": generic(["(i, j) -> (i, j)", "(i, j) -> ()"], "rr", ["memref<3x4xf64>"], ["memref<f64>"], ADD),
    "sum of rows": generic([ID2, "(i, j) -> (i)"], "pr", ["memref<3x4xf64>"], ["memref<3xf64>"], ADD),
    "sum of columns": generic([ID2, "(i, j) -> (j)"], "rp", ["memref<3x4xf64>"], ["memref<4xf64>"], ADD),
    "sum of no rows": generic([ID2, "(i, j) -> (i)"], "pr", ["memref<3x0xf64>"], ["memref<3xf64>"], ADD),
    "scalar": generic(["() -> ()"] * 2, "", ["memref<f64>"], ["memref<f64>"], ADD),
    "broadcast row": generic(
        ["(i, j) -> (j)", ID2], "pp", ["memref<4xf64>"], ["memref<3x4xf64>"], "linalg.yield %a0 : f64"
    ),
    "broadcast by constant": generic(
        ["(i, j) -> (0, j)", ID2], "pp", ["memref<1x4xf64>"], ["memref<3x4xf64>"], "linalg.yield %a0 : f64"
    ),
    "transpose": generic(
        ["(i, j) -> (j, i)", ID2], "pp", ["memref<4x3xf64>"], ["memref<3x4xf64>"], "linalg.yield %a0 : f64"
    ),
    "reversed": generic(
        ["(i) -> (-i + 3)", "(i) -> (i)"], "p", ["memref<4xf64>"], ["memref<4xf64>"], "linalg.yield %a0 : f64"
    ),
    "shifted and strided": generic(
        ["(i) -> (i * 2 + 1)", "(i) -> (i)"],
        "p",
        ["memref<9xf64>"],
        ["memref<4xf64>"],
        "linalg.yield %a0 : f64",
    ),
    "convolution": generic(
        ["(i, k) -> (i + k)", "(i, k) -> (k)", "(i, k) -> (i)"],
        "pr",
        ["memref<8xf64>", "memref<3xf64>"],
        ["memref<6xf64>"],
        FMA,
    ),
    "diagonal": generic(
        ["(i) -> (i, i)", "(i) -> (i)"], "p", ["memref<4x4xf64>"], ["memref<4xf64>"], "linalg.yield %a0 : f64"
    ),
    "matmul": generic(
        ["(i, j, k) -> (i, k)", "(i, j, k) -> (k, j)", "(i, j, k) -> (i, j)"],
        "ppr",
        ["memref<3x5xf64>", "memref<5x4xf64>"],
        ["memref<3x4xf64>"],
        FMA,
    ),
    "matmul of dynamic size": generic(
        ["(i, j, k) -> (i, k)", "(i, j, k) -> (k, j)", "(i, j, k) -> (i, j)"],
        "ppr",
        ["memref<?x?xf64>", "memref<?x?xf64>"],
        ["memref<?x?xf64>"],
        FMA,
    ),
    "batched": generic(
        ["(b, i, j, k) -> (b, i, k)", "(b, i, j, k) -> (b, j, k)", "(b, i, j, k) -> (b, i, j)"],
        "pppr",
        ["memref<2x3x5xf64>", "memref<2x4x5xf64>"],
        ["memref<2x3x4xf64>"],
        FMA,
    ),
    "two outputs": generic(
        ["(i) -> (i)", "(i) -> ()", "(i) -> ()"],
        "r",
        ["memref<5xf64>"],
        ["memref<f64>", "memref<f64>"],
        "%r = arith.addf %a0, %a1 : f64\n %m = arith.maximumf %a0, %a2 : f64\nlinalg.yield %r, %m : f64, f64",
    ),
    "an output with and one without the loop": generic(
        ["(i) -> (i)", "(i) -> (i)", "(i) -> ()"],
        "r",
        ["memref<5xf64>"],
        ["memref<5xf64>", "memref<f64>"],
        "%r = arith.addf %a0, %a2 : f64\n linalg.yield %r, %r : f64, f64",
    ),
    "index": generic(
        [ID2],
        "pp",
        [],
        ["memref<3x4xi64>"],
        "%i = linalg.index 0 : index\n %j = linalg.index 1 : index\n %s = arith.muli %i, %j : index\n"
        "%t = arith.addi %s, %j : index\n %r = arith.index_cast %t : index to i64\n linalg.yield %r : i64",
    ),
    "captured scalar and scalar operand": generic(
        ["(i) -> ()", "(i) -> (i)", "(i) -> (i)"],
        "p",
        ["f64", "memref<5xf64>"],
        ["memref<5xf64>"],
        "%q = arith.mulf %a0, %a1 : f64\n %r = arith.addf %q, %c : f64\n linalg.yield %r : f64",
        "%c = arith.constant 2.5 : f64",
    ),
    "gather": generic(
        ["(i) -> (i)", "(i) -> (i)"],
        "p",
        ["memref<4xi64>"],
        ["memref<4xf64>"],
        "%k = arith.index_cast %a0 : i64 to index\n %r = memref.load %t[%k] : memref<9xf64>\n"
        "linalg.yield %r : f64",
        "%t = memref.alloca() : memref<9xf64>\n %c = arith.constant 3.0 : f64\n"
        "linalg.fill ins(%c : f64) outs(%t : memref<9xf64>)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_generic(case: str) -> None:
    """The interpreter gives the same before and after, and so does the machine."""
    text = CASES[case]
    module = parse(text)
    types = next(iter(module.ops)).function_type.inputs.data  # pyright: ignore
    args = random_arguments(types)
    expected = copy.deepcopy(args)
    evaluate(module, "f", expected)
    for run in (lambda a: evaluate(lowered(text), "f", a), lambda a: Compiled(text)("f", *a)):
        actual = copy.deepcopy(args)
        run(actual)
        for got, want in zip(actual, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)


NAMED = {
    "linalg.matmul": (["memref<3x5xf64>", "memref<5x4xf64>"], "memref<3x4xf64>", ""),
    "linalg.matvec": (["memref<3x5xi64>", "memref<5xi64>"], "memref<3xi64>", ""),
    "linalg.vecmat": (["memref<5xf64>", "memref<5x3xf64>"], "memref<3xf64>", ""),
    "linalg.dot": (["memref<5xf64>", "memref<5xf64>"], "memref<f64>", ""),
    "linalg.transpose": (["memref<2x3x4xf64>"], "memref<4x2x3xf64>", " permutation = [2, 0, 1]"),
    "linalg.broadcast": (["memref<3xf64>"], "memref<3x4xf64>", " dimensions = [1]"),
}


@pytest.mark.parametrize("name", NAMED)
def test_named(name: str) -> None:
    ins, out, rest = NAMED[name]
    arguments = ", ".join(f"%m{i}: {t}" for i, t in enumerate([*ins, out]))
    operands = ", ".join(f"%m{i}" for i in range(len(ins)))
    text = f"""
    func.func @f({arguments}) attributes {{dialectad.outs = 1 : i64}} {{
      {name} ins({operands} : {", ".join(ins)}) outs(%m{len(ins)} : {out}){rest}
      return
    }}"""
    args = random_arguments(parse(text).body.block.first_op.function_type.inputs.data)  # pyright: ignore
    expected = copy.deepcopy(args)
    evaluate(parse(text), "f", expected)
    assert Compiled(text)("f", *args) == 0
    for got, want in zip(args, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_fill_into_a_reduction() -> None:
    """The fill goes, and the register starts from its value; also when the sum is over nothing."""
    for n in (4, 0):
        text = generic([ID2, "(i, j) -> (i)"], "pr", [f"memref<3x{n}xf64>"], ["memref<3xf64>"], ADD)
        fill = "%z = arith.constant 1.0 : f64\n linalg.fill ins(%z : f64) outs(%m1 : memref<3xf64>)"
        text = text.replace("linalg.generic", f"{fill}\n linalg.generic", 1)
        assert sum(isinstance(op, scf.ForOp) for op in lowered(text).walk()) == 2
        x, out = np.arange(3.0 * n).reshape(3, n), np.full(3, np.nan)
        assert Compiled(text)("f", x, out) == 0
        np.testing.assert_allclose(out, x.sum(1) + 1.0)


def test_fill_into_a_reduction_that_runs_through_memory() -> None:
    text = generic([ID2, "(i, j) -> (j)"], "rp", ["memref<3x4xf64>"], ["memref<4xf64>"], ADD)
    fill = "%z = arith.constant 1.0 : f64\n linalg.fill ins(%z : f64) outs(%m1 : memref<4xf64>)"
    text = text.replace("linalg.generic", f"{fill}\n linalg.generic", 1)
    x, out = np.arange(12.0).reshape(3, 4), np.full(4, np.nan)
    assert Compiled(text)("f", x, out) == 0
    np.testing.assert_allclose(out, x.sum(0) + 1.0)


def _innermost(module: ModuleOp) -> list[scf.ForOp]:
    loops = [op for op in module.walk() if isinstance(op, scf.ForOp)]
    return [op for op in loops if not any(isinstance(o, scf.ForOp) for o in op.body.walk())]


@pytest.mark.parametrize("case", ["sum of columns", "transpose", "matmul", "batched", "broadcast row"])
def test_the_innermost_store_is_contiguous(case: str) -> None:
    """Or it isn't in the innermost loop at all."""
    (loop,) = _innermost(lowered(CASES[case]))
    for op in loop.body.ops:
        if isinstance(op, memref.StoreOp):
            assert op.indices[-1] is loop.body.block.args[0]


def test_contiguous_dimensions_are_one_loop() -> None:
    assert sum(isinstance(op, scf.ForOp) for op in lowered(CASES["elementwise"]).walk()) == 1
    assert sum(isinstance(op, scf.ForOp) for op in lowered(CASES["sum"]).walk()) == 1


def test_copies() -> None:
    """Contiguous ones stay, to become a memcpy; others are loops."""
    gap = "memref<3x2xf64, strided<[4, 1], offset: 1>>"
    text = f"""
    func.func @f(%a: memref<3x4xf64>, %b: memref<3x2xf64>, %c: memref<3x4xf64>)
        attributes {{dialectad.outs = 2 : i64}} {{
      %v = memref.subview %a[0, 1] [3, 2] [1, 1] : memref<3x4xf64> to {gap}
      "memref.copy"(%v, %b) : ({gap}, memref<3x2xf64>) -> ()
      "memref.copy"(%a, %c) : (memref<3x4xf64>, memref<3x4xf64>) -> ()
      return
    }}"""
    assert sum(isinstance(op, memref.CopyOp) for op in lowered(text).walk()) == 1
    a, b, c = np.arange(12.0).reshape(3, 4), np.zeros((3, 2)), np.zeros((3, 4))
    assert Compiled(text)("f", a, b, c) == 0
    np.testing.assert_array_equal(b, a[:, 1:3])
    np.testing.assert_array_equal(c, a)
