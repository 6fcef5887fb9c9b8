"""The page of errors: each example is refused at the line that it says, and the page is up to date."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _generator() -> ModuleType:
    path = Path(__file__).parent.parent / "docs" / "errors.py"
    spec = importlib.util.spec_from_file_location("error_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


@pytest.mark.parametrize("mistake", GENERATOR.MISTAKES, ids=lambda m: m.function.__name__)
def test_each_is_found_at_its_line(mistake) -> None:
    error = mistake.error()
    assert error.location is not None
    assert (Path(error.location.file).name, error.location.line) == ("errors.py", mistake.line)


def test_the_page_is_up_to_date() -> None:
    assert GENERATOR.PAGE.read_text(encoding="utf-8") == GENERATOR.page()
