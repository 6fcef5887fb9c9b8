"""`dialectad compare` as one calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dialectad.tools.cli import main

PROGRAM = """
import numpy as np
import neighbour

def loss(x, n):
    for _ in range(n):
        x = np.tanh(neighbour.scaled(x))
    return np.sum(x)

def loss_args():
    return np.linspace(0.1, 1.0, 4), 3

def other(x):
    return np.sum(x * x)

example_args = (np.ones(2),)
mine = (np.ones(3),)
three = 3

def vector_args():
    return np.ones(3)

def vector(x):
    return np.sum(x)

def failing(x):
    return np.sum(x)

def failing_args():
    return np.ones(3) / [1, 0][2]
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "neighbour.py").write_text("def scaled(x):\n    return 0.5 * x\n")
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "program", raising=False)
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    return file


def compare(target: str, *options: str) -> int:
    return main(["compare", target, "--seconds", "0.005", *options])


def test_table_and_files(program, tmp_path, capsys):
    files = [str(tmp_path / name) for name in ("f.json", "f.html", "f.svg")]
    options = ("--json", files[0], "--html", files[1], "--plot", files[2])
    assert compare(f"{program}:loss", "--levels", "linalg,loop", *options) == 0
    out = capsys.readouterr().out
    assert "loss(float64[4], 3)" in out
    figures = json.loads(Path(files[0]).read_text())
    assert [level["level"] for level in figures["levels"]] == ["linalg", "loop"]
    assert Path(files[1]).read_text().startswith("<!doctype html>")
    assert "<svg" in Path(files[2]).read_text()


def test_levels_with_options(program, capsys):
    assert compare(f"{program}:loss", "--levels", "linalg(optimize_first=False), loop") == 0
    out = capsys.readouterr().out
    assert "(optimize_first=False)" in out
    assert "loop" in out


def test_arguments_by_other_names(program, capsys):
    assert compare(f"{program}:other", "--levels", "linalg") == 0
    assert "other(float64[2])" in capsys.readouterr().out
    assert compare(f"{program}:other", "--levels", "linalg", "--args", "mine") == 0
    assert "other(float64[3])" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("nowhere.py:loss", (), "there is no file nowhere.py"),
        ("program.txt:loss", (), "is not a Python file"),
        ("loss", (), "is not a Python file"),
        ("{program}:", (), "no function is named"),
        ("{program}:losss", (), "did you mean 'loss'?"),
        ("{program}:three", (), "is no function, but int"),
        ("{program}:loss", ("--args", "nothing"), "has no nothing to call 'loss' with"),
        ("{program}:vector", (), "vector_args gives ndarray; a tuple"),
        ("{program}:failing", (), "failing_args() raised IndexError"),
        ("{program}:loss", ("--levels", "nonsense"), "there is no level 'nonsense'"),
        ("{program}:loss", ("--levels", ""), "there is no level ''"),
        ("{program}:loss", ("--levels", "linalg(optimize_first=3)"), "can't read the option"),
        ("{program}:loss", ("--levels", "linalg(nonsense=True)"), "can't read the option"),
        ("{program}:loss", ("--levels", "loop(optimize_first=False)"), "has no option"),
        ("{program}:loss", ("--seconds", "0"), "have to be positive"),
        ("{program}:loss", ("--argnums", "1"), "by which nothing can be differentiated"),
        ("{program}:loss", ("--argnums", "5"), "out of range"),
    ],
)
def test_bad_input(program, capsys, target, options, message):
    assert compare(target.format(program=program), *options) == 1
    assert message in capsys.readouterr().err


def test_a_file_without_arguments(tmp_path, capsys):
    file = tmp_path / "bare_program.py"
    file.write_text("def loss(x):\n    return x\n")
    assert compare(f"{file}:loss") == 1
    error = capsys.readouterr().err
    assert "has no loss_args and no example_args" in error
    assert "def loss_args():" in error


def test_a_syntax_error_is_located(tmp_path, capsys):
    file = tmp_path / "broken_program.py"
    file.write_text("def loss(x):\n    return x +\n")
    assert compare(f"{file}:loss") == 1
    error = capsys.readouterr().err
    assert "SyntaxError: invalid syntax" in error
    assert f"{file}:2:" in error
    assert "    return x +\n" in error


def test_a_file_that_raises_is_located(tmp_path, capsys):
    file = tmp_path / "raising_program.py"
    file.write_text("x = 1\ny = x.nothing\n")
    assert compare(f"{file}:loss") == 1
    error = capsys.readouterr().err
    assert "AttributeError: 'int' object has no attribute 'nothing'" in error
    assert f"{file}:2:" in error


@pytest.mark.parametrize(
    "arguments", [[], ["compare"], ["nonsense"], ["compare", "f.py:g", "--argnums", "x"]]
)
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    assert "usage:" in capsys.readouterr().err


def test_the_example_runs_from_the_shell():
    example = Path(__file__).parent.parent.parent / "examples" / "compare_levels.py"
    done = subprocess.run(
        [sys.executable, "-m", "dialectad.tools.cli", "compare", f"{example}:loss", "--seconds", "0.01",
         "--levels", "linalg"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "loss(float64[64, 64], float64[50, 64])" in done.stdout
