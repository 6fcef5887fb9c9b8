"""The page of errors: each example is refused at the line that it says, and no error lacks an example."""

from __future__ import annotations

import ast
import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dialectad.errors import CompileError

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dialectad"

LIBRARIES = (["numpy"], ["random"], ["scipy_linalg"], ["special"])
"""The parts of the frontend that stand for a library, whose own errors aren't the compiler's."""

OWN = ("CompileError", "UnsupportedTypeError")
"""The kinds of errors that say what the compiler can't do; the others are those that NumPy raises, too."""

HELPERS = ("error", "_error", "refuse")

ELSEWHERE = {
    ("frontend/aliasing.py", "this loop binds"): "tests/frontend/test_aliasing.py",
    ("frontend/rewriting/source.py", "can't be found"): "tests/frontend/rewriting/test_source.py",
    ("frontend/rewriting/source.py", "the code that is running"): "tests/frontend/rewriting/test_source.py",
    ("frontend/outlining.py", "would cost more"): "which the frontend catches itself",
    ("frontend/outlining.py", "turns out to call itself"): "which the frontend catches itself",
    ("frontend/call_rules.py", "that calls itself uses values"): "a guard: no program is known to get there",
    ("frontend/call_rules.py", "zeros of a shape"): "a guard: no program is known to get there",
    ("frontend/outlining.py", "one of its surroundings"): "a guard: no program is known to get there",
    ("frontend/rewriting/source.py", "told apart"): "a guard: CPython 3.11 knows the columns of both",
}
"""Errors that a page can't show, by file and part of the message: what raises them instead."""


def _load(name: str) -> ModuleType:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


PAGE = _load("errors")
MISTAKES = [*PAGE.MISTAKES, *(line for group in PAGE.GROUPS.values() for line in group)]


@pytest.fixture(scope="module", autouse=True)
def places() -> Iterator[dict[CompileError, set[tuple[str, int]]]]:
    """For each error: the lines of the package that were running when it was made."""
    found: dict[CompileError, set[tuple[str, int]]] = {}
    initialise = CompileError.__init__

    def recorded(self: CompileError, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **kwargs)
        frames = traceback.walk_stack(sys._getframe(1))
        found[self] = {(frame.f_code.co_filename, line) for frame, line in frames}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompileError, "__init__", recorded)
        yield found


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.function.__name__}:{m.line}")
def test_each_is_found_at_its_line(mistake) -> None:
    location = mistake.error.location
    assert location is not None
    assert (location.file, location.line) == (mistake.function.__code__.co_filename, mistake.line)


def test_each_says_what_to_do() -> None:
    for mistake in MISTAKES:
        assert PAGE.remedy(mistake, mistake.error.hint)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.PAGE.read_text(encoding="utf-8") == PAGE.page()


# --- every error is there ----------------------------------------------------------------------


def _errors(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every error that a file makes: its kind, and the call that makes it (or calls the helper that does)."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    helpers = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in HELPERS]
    inside = {id(node) for helper in helpers for node in ast.walk(helper)}
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=keywords) if name in HELPERS:
                yield next((ast.unparse(k.value) for k in keywords if k.arg == "kind"), "CompileError"), node
            case ast.Call(func=ast.Name(id=("CompileError" | "UnsupportedTypeError" | "ShapeError") as kind)):
                yield kind, node
            case ast.Call(func=ast.Attribute(attr="refuse")):
                yield "CompileError", node


def _required() -> Iterator[tuple[str, ast.Call]]:
    """The errors that the page has to show, by file."""
    for file in (PACKAGE / "levels.py", *sorted((PACKAGE / "frontend").rglob("*.py"))):
        name = file.relative_to(PACKAGE).as_posix()
        for kind, call in _errors(file):
            if kind in OWN or name.split("/")[1:2] not in LIBRARIES:
                yield name, call


def _message(name: str, call: ast.Call) -> tuple[str, str]:
    """What tells an error from others: two calls that say the same in one file are one error."""
    return name, " ".join(map(ast.unparse, call.args))


def test_no_error_lacks_an_example(places) -> None:
    shown = set().union(*(places[mistake.error] for mistake in MISTAKES))
    lines: dict[tuple[str, str], set[tuple[str, int]]] = {}
    for name, call in _required():
        covered = range(call.lineno, (call.end_lineno or call.lineno) + 1)
        lines.setdefault(_message(name, call), set()).update((str(PACKAGE / name), n) for n in covered)
    missing = {message for message, found in lines.items() if found.isdisjoint(shown)}
    excused = {m for m in missing for file, part in ELSEWHERE if m[0] == file and part in m[1]}
    assert missing == excused
    assert len(excused) == len(ELSEWHERE), "an error that is excused is shown, or isn't there any more"
