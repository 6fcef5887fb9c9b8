"""Imports point one way: a package may import from its own layer and from those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "dialectad"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "locations", "passes", "places", "remarks", "walk"}),
    frozenset({"dialects"}),
    frozenset({"verify", "verifier"}),
    frozenset({"ad", "rewrite", "lower", "lift"}),
    frozenset({"levels"}),
    frozenset({"frontend", "runtime"}),
    frozenset({"tape"}),
    frozenset({"comparison"}),
    frozenset({"", "tools"}),
)
"""From the bottom up; '' is `dialectad/__init__.py`, the public API."""

RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

FILES = sorted(ROOT.rglob("*.py"))


def part_of(file: Path) -> str:
    """The package or top-level module that a file belongs to."""
    top = file.relative_to(ROOT).parts[0]
    return "" if top == "__init__.py" else top.removesuffix(".py")


def imported_parts(file: Path) -> Iterator[tuple[int, str]]:
    """Line and part of every import of the project's own code, those inside functions included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(level=0, module="dialectad", names=names):
                modules = [f"dialectad.{alias.name}" for alias in names]
            case ast.ImportFrom(level=0, module=str(module)):
                modules = [module]
            case ast.ImportFrom(level=level):
                assert not level, f"{file}:{node.lineno}: relative import"
                modules = []
            case _:
                continue
        for module in modules:
            head, _, rest = module.partition(".")
            if head == "dialectad":
                yield node.lineno, rest.split(".")[0] if _is_part(rest.split(".")[0]) else ""


def _is_part(name: str) -> bool:
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_down(file: Path):
    part = part_of(file)
    assert part in RANK, f"{part!r} is in no layer: add it to LAYERS"
    wrong = [
        f"{file}:{line}: {part or 'the public API'} must not import from {other or 'the public API'}"
        for line, other in imported_parts(file)
        if RANK[other] > RANK[part]
    ]
    assert not wrong, "\n".join(wrong)
