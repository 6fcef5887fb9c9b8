"""The most memory that a gradient needs beyond what the process held before, each time in a fresh process.

The process warms its library up on a small problem, compiles the gradient without running it, gives free
memory back to the system, resets the kernel's high-water mark of resident memory, and calls. So it counts
what calls touch and keep, results included, and not what importing and compiling took. The kernel counts to
about a quarter of a megabyte. Works on Linux only.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from benchmarks.case import Call

RESOLUTION = 2**18
"""Bytes: smaller peaks are lost in how the kernel counts pages."""
CALLS = 3
"""The peak over a few calls: none may need more than the first."""


@dataclass(frozen=True)
class MemoryCase:
    """One problem at one size; its module sets it up by `ahead(contender, *arguments)`."""

    problem: str
    name: str
    arguments: tuple[str | int, ...]
    contenders: Sequence[str]
    coordinates: Mapping[str, float] = field(default_factory=dict)
    """Where the case lies on the axes of the problem's plot."""


def measure(case: MemoryCase, contenders: Sequence[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Bytes per contender; and who failed, and how."""
    peaks: dict[str, int] = {}
    failures: dict[str, str] = {}
    for name in contenders:
        if name in case.contenders:
            try:
                peaks[name] = _fresh(case, name)
            except RuntimeError as error:
                failures[name] = str(error).splitlines()[-1]
    return peaks, failures


def _fresh(case: MemoryCase, contender: str) -> int:
    # NumPy's huge pages would round what is counted up to 2 MB.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", case.problem, contender, json.dumps(case.arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"},
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"exit status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _status(name: str) -> int:
    """A line of the kernel's account of this process, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def peak(call: Call) -> int:
    """Bytes of resident memory that calls need beyond what there is now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
    before = _status("VmRSS")
    for _ in range(CALLS):
        call()
    return max(0, _status("VmHWM") - before)


def _child(problem: str, contender: str, arguments: Sequence[str | int]) -> None:
    try:
        module = import_module(f"benchmarks.{problem}")
        module.ahead(contender, *module.SMALL)()
        bytes_ = peak(module.ahead(contender, *arguments))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    print(json.dumps(bytes_))


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
