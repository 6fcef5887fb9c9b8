"""The levels at which a program can be differentiated, and the pipeline of each, as data."""

from __future__ import annotations

from dataclasses import dataclass

from dialectad.errors import CompileError

STAGES = ("traced", "linalg", "loop", "llvm")
"""Where a pipeline can stop: as traced, and at the end of each rung."""

_OPTIMIZE = "canonicalize,cse,dce,raise-to-blas"
_DIFFERENTIATE = "differentiate,inline"
_FUSE = "canonicalize,cse,dce,raise-to-blas,hoist,fuse-elementwise,cse,dce"
_TO_LOOP = "bufferize,plan-memory,lower-blas,convert-linalg-to-loops,canonicalize,cse"
_TO_LLVM = "convert-scf-to-cf,convert-to-llvm"


@dataclass(frozen=True)
class Level:
    """The point of the pipeline at which differentiation runs.

    Examples
    --------
    >>> import dialectad as da
    >>> da.Level("linalg").pipeline("linalg").split(",")[4]
    'differentiate'
    """

    name: str
    """One of `levels()`."""

    def __post_init__(self):
        if self.name not in _PIPELINES:
            known = ", ".join(_PIPELINES)
            raise CompileError(f"there is no level {self.name!r}", hint=f"the levels are: {known}")

    def pipeline(self, stage: str = "llvm") -> str:
        """The passes, in the syntax of `dialectad-opt -p`, from the traced program to the end of a rung."""
        if stage not in STAGES:
            raise ValueError(f"stage {stage!r}: one of {', '.join(STAGES)} expected")
        parts = _PIPELINES[self.name][: STAGES.index(stage)]
        return ",".join(parts)


_PIPELINES: dict[str, tuple[str, ...]] = {
    "linalg": (f"{_OPTIMIZE},{_DIFFERENTIATE},{_FUSE}", _TO_LOOP, _TO_LLVM),
}

DEFAULT = "linalg"
"""What `level="auto"` means."""


def of(level: str | Level) -> Level:
    """The level of a name, or the level itself."""
    if isinstance(level, Level):
        return level
    return Level(DEFAULT if level == "auto" else level)


def levels() -> tuple[Level, ...]:
    """The registered levels.

    Returns
    -------
    tuple of Level
        In the order from the highest rung to the lowest.

    Examples
    --------
    >>> import dialectad as da
    >>> [level.name for level in da.levels()]
    ['linalg']
    """
    return tuple(Level(name) for name in _PIPELINES)


def pipeline(level: str | Level = DEFAULT, stage: str = "llvm") -> str:
    """The pipeline of a level up to the end of a rung."""
    return of(level).pipeline(stage)
