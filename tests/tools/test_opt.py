"""`dialectad-opt`, called in this process."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from xdsl.passes import ModulePass

from dialectad import passes
from dialectad.tools import opt

ADD = """
func.func @f(%x: f64) -> f64 {
  %y = arith.addf %x, %x : f64
  func.return %y : f64
}
"""


@pytest.fixture
def source(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "source.mlir"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stdin", io.StringIO(ADD))
    assert opt.main([]) == 0
    assert "arith.addf" in capsys.readouterr().out


def test_what_it_prints_it_reads(source, capsys: pytest.CaptureFixture[str]):
    assert opt.main([source(ADD)]) == 0
    first = capsys.readouterr().out
    assert opt.main([source(first)]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    "text",
    [
        "func.func @f(",
        "}",
        "%x = ",
        "func.func @f() { func.return %x : f64 }",
        '"unknown.op"() : () -> ()',
        "func.func @f() -> tensor<4x {",
        "func.func @f() { cf.br ^nowhere }",
        "#map = affine_map<(d0) -> (d1)>",
        "func.func @f(%x: f64) { %y = arith.addf %x, %x : tensor<4xf64> func.return }",
        "func.func @f() { %0 = arith.constant dense<[1.0, 2.0]> : tensor<3xf64> func.return }",
        "func.func @f() { linalg.generic {} }",
        "\x00\x01",
        "func.func @f() { %0 = arith.constant 1e999999 : f64 func.return",
    ],
)
def test_malformed_text_is_an_error_with_a_place(text: str, source, capsys: pytest.CaptureFixture[str]):
    file = source(text)
    assert opt.main([file]) == 1
    err = capsys.readouterr().err
    assert f"{file}:1:" in err
    assert ": error: " in err
    assert "Traceback" not in err


def test_deep_nesting_is_an_error(source, capsys: pytest.CaptureFixture[str]):
    depth = 5000
    text = "func.func @f(%c: i1) {" + "scf.if %c {" * depth + "}" * depth + " func.return }"
    assert opt.main([source(text)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_other_chunks_go_on_after_an_error(source, capsys: pytest.CaptureFixture[str]):
    assert opt.main(["--split-input-file", source(f"func.func @g(\n// -----\n{ADD}")]) == 1
    captured = capsys.readouterr()
    assert "func.func @f" in captured.out
    assert "error" in captured.err


def test_a_missing_file_is_an_error(capsys: pytest.CaptureFixture[str]):
    assert opt.main(["/nonexistent.mlir"]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_bug_in_a_pass_is_told_from_an_error(source, capsys, monkeypatch: pytest.MonkeyPatch):
    class BrokenPass(ModulePass):
        name = "broken"

        def apply(self, ctx, op):
            raise KeyError("bug")

    monkeypatch.setattr(passes, "registered", lambda: {"broken": lambda: BrokenPass})
    assert opt.main(["-p", "broken", source(ADD)]) == 70
    assert "this is a bug in dialectad" in capsys.readouterr().err


def test_verification_after_each_pass(source, capsys, monkeypatch: pytest.MonkeyPatch):
    class SwapPass(ModulePass):
        """Moves the first op of a function behind the one that uses it."""

        name = "swap"

        def apply(self, ctx, op):
            block = next(iter(op.body.ops)).regions[0].block
            first, second = list(block.ops)[:2]
            first.detach()
            block.insert_op_after(first, second)

    monkeypatch.setattr(passes, "registered", lambda: {"swap": lambda: SwapPass})
    text = (
        "func.func @f(%x: f64) {\n%y = arith.addf %x, %x : f64\n%z = arith.mulf %y, %y : f64\nfunc.return\n}"
    )
    assert opt.main(["-p", "swap", source(text)]) == 1
    assert "does not dominate this use (verify after swap)" in capsys.readouterr().err
    assert opt.main(["-p", "swap", "--no-verify-each", source(text)]) == 0


def test_output_file(source, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "out.mlir"
    assert opt.main([source(ADD), "-o", str(target)]) == 0
    assert capsys.readouterr().out == ""
    assert "arith.addf" in target.read_text(encoding="utf-8")


TO_LLVM = "inline,bufferize,convert-linalg-to-loops,convert-scf-to-cf,convert-to-llvm"


def test_run_takes_arrays_from_files(source, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = """
    func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %c = arith.subf %a, %b : tensor<2x3xf32>
      func.return %c : tensor<2x3xf32>
    }
    """
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3).T.copy().T)
    args = [
        source(text),
        "-p",
        TO_LLVM,
        "--run",
        "f",
        "--args",
        str(tmp_path / "a.npy"),
        "[[1, 1, 1], [2, 2, 2]]",
    ]
    assert opt.main(args) == 0
    assert capsys.readouterr().out.split() == "tensor<2x3xf32>: [[-1., 0., 1.], [ 1., 2., 3.]]".split()


def test_run_on_random_arguments_repeats_with_the_seed(source, capsys: pytest.CaptureFixture[str]):
    outputs = []
    for seed in ("1", "1", "2"):
        assert opt.main([source(ADD), "-p", TO_LLVM, "--run", "f", "--seed", seed]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]


@pytest.mark.parametrize(
    ("type_", "text", "shown"),
    [
        ("f64", "-1.5", "-1.5"),
        ("f32", "0.25", "0.25"),
        ("f64", "nan", "nan"),
        ("i64", "-7", "-7"),
        ("index", "3", "3"),
        ("i32", "5", "5"),
        ("i8", "-3", "-3"),
        ("i1", "True", "True"),
        ("tensor<0xf64>", "[]", "[]"),
    ],
)
def test_run_gives_back_what_it_was_given(type_: str, text: str, shown: str, source, capsys):
    program = f"func.func @f(%x: {type_}) -> {type_} {{ func.return %x : {type_} }}"
    assert opt.main([source(program), "-p", TO_LLVM, "--run", "f", "--args", text]) == 0
    assert capsys.readouterr().out == f"{type_}: {shown}\n"
