"""What the documentation shows is what happens: docstring examples, and the README's."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dialectad

ROOT = Path(__file__).parent.parent

MODULES = sorted(m.name for m in pkgutil.walk_packages(dialectad.__path__, "dialectad."))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_public_names_have_examples() -> None:
    for name in dialectad.__all__:
        thing = getattr(dialectad, name)
        if isinstance(thing, type) and (issubclass(thing, Exception) or name == "Function"):
            continue
        assert ">>>" in (thing.__doc__ or ""), f"da.{name} has no example"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_readme_example(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    program = next(b for b in blocks(text, "python") if "print(value" in b)
    shown = text.split(program, 1)[1].split("```\n", 2)[2].split("```", 1)[0]
    file = tmp_path / "example.py"
    file.write_text(program, encoding="utf-8")
    run = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True)
    assert run.stdout == shown


def test_readme_commands_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
