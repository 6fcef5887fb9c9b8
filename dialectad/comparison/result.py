"""What a comparison found, and the forms in which it is shown."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dialectad.comparison.caches import CachedValue
from dialectad.comparison.meter import Blas
from dialectad.comparison.stages import Line
from dialectad.comparison.timing import Timing
from dialectad.errors import CompileError, Location
from dialectad.levels import Level

Status = Literal["agrees", "disagrees", "refused", "failed", "timeout"]

BAD: tuple[Status, ...] = ("disagrees", "failed")
"""What no level should do."""


@dataclass(frozen=True)
class Primal:
    """The loss itself."""

    value: float
    numpy: Timing | None
    """Plain NumPy; None where it takes too long."""
    compiled: Timing | None
    """Compiled by `jit`; None where that fails, for `reason`."""
    reason: str = ""
    wrong: bool = False
    """Whether the reason is a bug."""
    compile_seconds: float | None = None
    memory: int | None = None
    blas: Blas | None = None


@dataclass
class LevelResult:
    """What a level did with the program."""

    level: Level
    status: Status = "agrees"
    reason: str = ""
    """Why not, where the level refused or failed; what is wrong with its gradient, where it disagrees."""
    traceback: str = ""
    """Where it failed, for a bug report."""
    value: float | None = None
    gradient: Any = None
    """As `value_and_grad` gives it."""
    error: float | None = None
    """The largest relative error along random directions, by differences of the loss."""
    apart: float | None = None
    """The relative distance to the gradient of the majority of the levels."""
    compile_seconds: float | None = None
    """How much longer the first call takes than a later one, without the cache on disk."""
    timing: Timing | None = None
    """Of value and gradient."""
    ratio: float | None = None
    """The run time over that of the compiled loss."""
    memory: int | None = None
    """The peak of memory beyond the arguments, in bytes, results included."""
    rung: str = ""
    """The stage at whose end the gradient is in the level's own dialects."""
    ops: Mapping[str, int] = field(default_factory=dict)
    """Stage -> ops of the whole module, instructions for "llvm-ir"."""
    blas: Blas | None = None
    """BLAS calls in one run; None where NumPy makes them."""
    blas_sites: Mapping[str, int] = field(default_factory=dict)
    """BLAS routine -> places in the code that call it."""
    caches: tuple[CachedValue, ...] = ()
    """The values that the reverse sweep finds kept."""
    stages: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    """Stage -> the text of the program at its end."""
    no_ir: str = ""
    """Why there is no IR to look at."""
    chosen: str = ""
    """What the level `auto` has chosen, and for which parts."""

    @property
    def name(self) -> str:
        """The level with its options."""
        return str(self.level)

    @property
    def ran(self) -> bool:
        """Whether there is a gradient."""
        return self.gradient is not None

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all but the gradient and the IR."""
        return {
            "level": self.name,
            "status": self.status,
            "reason": self.reason,
            "value": self.value,
            "error": self.error,
            "apart": self.apart,
            "compile_seconds": self.compile_seconds,
            **_timing("run", self.timing),
            "ratio": self.ratio,
            "memory_bytes": self.memory,
            "rung": self.rung,
            "no_ir": self.no_ir,
            "chosen": self.chosen,
            "ops": dict(self.ops),
            **_blas(self.blas),
            "blas_sites": dict(self.blas_sites),
            "cached": [
                {
                    "name": c.name,
                    "type": c.type,
                    "location": str(c.location) if c.location else None,
                    "times": c.times,
                    "bytes": c.bytes,
                    "reason": c.reason,
                }
                for c in self.caches
            ],
        }


def _timing(name: str, timing: Timing | None) -> dict[str, Any]:
    return {
        f"{name}_seconds": timing.median if timing else None,
        f"{name}_samples": list(timing.samples) if timing else [],
    }


def _blas(blas: Blas | None) -> dict[str, Any]:
    return {
        "blas_calls": dict(blas.calls) if blas else None,
        "blas_flops": blas.flops if blas else None,
        "blas_uncounted": list(blas.uncounted) if blas else [],
    }


@dataclass
class Comparison:
    """The same program at every level, as `da.compare` found it.

    Printing it gives a table; `plot` and `html` write files; a notebook shows it richly.
    """

    name: str
    """Of the function."""
    location: Location | None
    arguments: str
    """Their types."""
    argnums: int | tuple[int, ...]
    primal: Primal
    results: tuple[LevelResult, ...]
    notes: tuple[str, ...] = ()
    """What one has to know to read the figures."""
    machine: str = ""

    def __getitem__(self, level: str | Level) -> LevelResult:
        for result in self.results:
            if level in (result.level, result.name):
                return result
        known = ", ".join(self.levels)
        raise KeyError(f"{level} was not compared; the levels are: {known}")

    def __iter__(self) -> Iterator[LevelResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def levels(self) -> tuple[str, ...]:
        """The names of the compared levels, in order."""
        return tuple(result.name for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether no gradient is wrong, no level failed by a fault of its own, and one has a gradient."""
        bad = self.primal.wrong or any(r.status in BAD for r in self.results)
        return not bad and any(r.ran for r in self.results)

    @property
    def fastest(self) -> LevelResult | None:
        """The fastest level that is right."""
        right = [r for r in self.results if r.status == "agrees" and r.timing is not None]
        return min(right, key=lambda r: r.timing.median if r.timing else 0.0, default=None)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data, without gradients and IR."""
        primal = self.primal
        return {
            "function": self.name,
            "location": str(self.location) if self.location else None,
            "arguments": self.arguments,
            "argnums": self.argnums if isinstance(self.argnums, int) else list(self.argnums),
            "machine": self.machine,
            "notes": list(self.notes),
            "primal": {
                "value": primal.value,
                **_timing("numpy", primal.numpy),
                **_timing("compiled", primal.compiled),
                "reason": primal.reason,
                "compile_seconds": primal.compile_seconds,
                "memory_bytes": primal.memory,
                **_blas(primal.blas),
            },
            "levels": [result.to_dict() for result in self.results],
        }

    def json(self, path: str | os.PathLike[str] | None = None) -> str:
        """`to_dict` as JSON text, also written to `path` if given; what isn't finite becomes a string."""
        text = json.dumps(_finite(self.to_dict()), indent=2) + "\n"
        if path is not None:
            _write(Path(path), text)
        return text

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Write bars of run time, memory and compile time by level, as PNG, SVG or PDF by the ending.

        Needs matplotlib: `pip install dialectad[plot]`.
        """
        try:
            from dialectad.comparison.plot import write
        except ModuleNotFoundError as error:
            raise CompileError(
                "plotting needs matplotlib, which isn't installed", hint="pip install dialectad[plot]"
            ) from error
        return write(self, Path(path))

    def html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that needs nothing else: the table, the bars, and the IR of every stage."""
        from dialectad.comparison.html import page

        return _write(Path(path), page(self))

    def show(self) -> None:
        """Print the table, in colour where the terminal has it."""
        from rich.console import Console

        if sys.stdout.isatty():
            Console().print(self)
        else:
            print(self)

    def __rich__(self) -> Any:
        from dialectad.comparison.table import ForTerminal

        return ForTerminal(self)

    def __str__(self) -> str:
        from dialectad.comparison.table import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from dialectad.comparison.notebook import fragment

        return fragment(self)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _finite(data: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return data
