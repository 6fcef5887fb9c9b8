"""The page of what is supported is what the tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np


def _generator() -> Any:
    path = Path(__file__).parents[3] / "docs" / "numpy_coverage.py"
    spec = importlib.util.spec_from_file_location("numpy_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date() -> None:
    generator = _generator()
    if np.__version__.startswith("2.4"):  # it lists what this NumPy has
        assert generator.PAGE.read_text() == generator.page()
        assert not generator.unexplained()
