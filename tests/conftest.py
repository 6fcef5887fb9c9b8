"""Options of the test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--programs", type=int, default=100, help="how many random programs to check (default: 100)"
    )
    parser.addoption("--size", type=int, help="about how many statements a random program has")
    parser.addoption(
        "--levels", help="check random programs at these levels, as in 'linalg loop(blas_rules=False)'"
    )
    parser.addoption(
        "--every-mode", action="store_true", help="check every mode of a random program at every level"
    )
