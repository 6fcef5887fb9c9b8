"""Stock MLIR as a judge of the text of our IR."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable

import pytest

SEPARATOR = "// -----\n"


def tool() -> str | None:
    """The path of a stock `mlir-opt`, preferably of version 19, or None."""
    return shutil.which("mlir-opt-19") or shutil.which("mlir-opt")


def assert_valid_mlir(texts: str | Iterable[str]) -> None:
    """Fail unless a stock `mlir-opt` parses and verifies each text; all of them in one process.

    Ops of our own dialects are printed in the generic form, which any dialect may have.
    """
    if (mlir_opt := tool()) is None:
        pytest.skip("mlir-opt isn't installed (Debian: apt-get install mlir-19-tools)")
    pieces = [texts] if isinstance(texts, str) else list(texts)
    source = SEPARATOR.join(piece.rstrip("\n") + "\n" for piece in pieces)
    done = subprocess.run(
        [mlir_opt, "--allow-unregistered-dialect", "--split-input-file", "-o", "/dev/null"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\nin:\n{_numbered(source)}"


def _numbered(text: str) -> str:
    return "\n".join(f"{number:5} {line}" for number, line in enumerate(text.splitlines(), 1))
