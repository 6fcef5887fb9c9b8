"""The levels at which a program can be differentiated, and the pipeline of each, as data.

A request for a derivative (`ad.vjp`, `ad.jvp`) names the *point* of the pipeline that replaces it. Every
program goes through one pipeline, which has the points that its requests name:

    traced    linalg-unoptimized
    linalg    graph, linalg        after the rung's optimisations, before fusion
    loop      loop                 after bufferization
    llvm      llvm                 after LLVM's own optimisation
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from dialectad import places
from dialectad.dialects.ad import point_of
from dialectad.errors import CompileError

STAGES = ("traced", "linalg", "loop", "llvm")
"""Where a pipeline can stop: as traced, and at the end of each rung."""

_CLEAN = "canonicalize,cse,dce,raise-to-blas"
_PRODUCTS = "dce,order-products,solve-systems,stack-products"

_CACHES = "fuse-sweeps,batch-caches,group-caches"
_TUNE_LOOPS = "gather-adjoints,split-loops,convert-branches,promote-scalars,mark-parallel,run-forward"

_LIFT = "lift-cf-to-scf{differentiated=true}"
_TO_LLVM = "convert-scf-to-cf,convert-to-llvm"

_PASSES: dict[str, tuple[tuple[str | None, str], ...]] = {
    "traced": (),
    "linalg": (
        ("auto", "choose-level"),
        ("linalg-unoptimized", "differentiate{level=linalg-unoptimized},inline"),
        (None, f"canonicalize,hoist,cse,dce,raise-loops,raise-to-blas,{_PRODUCTS}"),
        ("graph", f"convert-to-graph,{_CLEAN},differentiate{{level=graph}}"),
        ("linalg", "differentiate"),
        ("mixed", "augment-calls"),
        (None, "inline"),
        (None, f"{_CLEAN},hoist,{_PRODUCTS},batch-products"),
        (None, "canonicalize,fuse-elementwise,cse,dce"),
    ),
    "loop": (
        (None, "bufferize"),
        ("loop", "number-buffers,differentiate{level=loop},inline,canonicalize,cse,dce"),
        ("llvm", "number-buffers"),
        (None, f"{_CACHES},convert-linalg-to-loops,fuse-loops,plan-memory"),
        (None, "halve-products,lower-blas,convert-linalg-to-loops,canonicalize,cse"),
        (None, _TUNE_LOOPS),
    ),
    "llvm": (
        (None, _TO_LLVM),
        (
            "llvm",
            f"optimize-llvm,{_LIFT},differentiate{{level=llvm}},convert-linalg-to-loops,canonicalize,cse",
        ),
        ("llvm", f"{_CACHES},{_TUNE_LOOPS},{_TO_LLVM}"),
        (None, "cut-functions"),
    ),
}
"""Stage -> its passes; those with a point only where a request names that point."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "tape": ("compile_trace",),
    "graph": ("fastmath", "without"),
    "linalg": ("optimize_first", "fastmath", "without"),
    "loop": ("blas_rules", "fastmath", "without"),
    "llvm": ("optimize_first", "fastmath", "without"),
    "mixed": ("fastmath", "without"),
    "auto": ("tune", "fastmath", "without"),
}
"""The levels, from the highest rung to the lowest, and the options that each takes."""

OPTIONAL = (
    *("hoist", "raise-loops", "raise-to-blas", "order-products", "stack-products", "batch-products"),
    *("fuse-loops", "halve-products"),
)
"""Passes that a program can do without."""

FAST = ("solve-systems",)
"""Passes that are there with `fastmath` only."""

_MAY_BECOME = {"auto": ("linalg", "loop", "mixed")}
"""Points that others are chosen for."""

_PARTS = {"mixed": ("loop",)}
"""Levels that `choose-level` makes parts for, which have these levels."""


@dataclass(frozen=True)
class Level:
    """The point of the pipeline at which differentiation runs, and how.

    Raises
    ------
    CompileError
        If there is no such level, or it doesn't have the option.

    Examples
    --------
    >>> import dialectad as da
    >>> da.Level("linalg").pipeline("linalg").split(",")[17:20]
    ['order-products', 'stack-products', 'batch-products']
    >>> da.Level("linalg", optimize_first=False).pipeline("linalg").split(",")[0]
    'differentiate{level=linalg-unoptimized}'
    """

    name: str
    """One of `levels()`."""
    optimize_first: bool = True
    """Whether the rung's optimisations run before differentiation too (as Diffractor and Enzyme do) or only
    after it (as Zygote does)."""
    blas_rules: bool = True
    """Whether the adjoint of a matrix product is one; if not, products are loops before they are
    differentiated."""
    compile_trace: bool = False
    """Whether the record of a run is compiled, to be played back where control flow takes the same path."""
    tune: bool = False
    """Whether the level is chosen by measuring."""
    fastmath: bool = False
    """Whether all numbers may be taken to be finite: products by inverses, and systems with Cholesky factors,
    are solved by the shortest way."""
    without: tuple[str, ...] = ()
    """Rewrites that are left out: some of "hoist", "raise-loops", "raise-to-blas", "order-products",
    "stack-products", "batch-products" and "halve-products"."""

    def __post_init__(self):
        if self.name not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise _error(f"there is no level {self.name!r}", f"the levels are: {known}")
        for option in fields(self)[1:]:
            if getattr(self, option.name) != option.default and option.name not in _OPTIONS[self.name]:
                takers = [name for name, options in _OPTIONS.items() if option.name in options]
                raise _error(
                    f"the level {self.name!r} has no option {option.name!r}",
                    f"it belongs to: {', '.join(takers) or 'no level'}",
                )
        if unknown := [name for name in self.without if name not in OPTIONAL]:
            raise _error(f"the pass {unknown[0]!r} can't be left out", f"what can: {', '.join(OPTIONAL)}")

    @property
    def point(self) -> str:
        """The point of the pipeline that replaces the requests of this level."""
        point = self.name
        if not self.optimize_first:
            point += "-unoptimized"
        if not self.blas_rules:
            point += "-no-blas"
        return point

    def pipeline(self, stage: str = "llvm") -> str:
        """The passes, in the syntax of `dialectad-opt -p`, from the traced program to the end of a rung."""
        return pipeline([self.point], stage, without=self.left_out)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The passes that aren't run."""
        return self.without if self.fastmath else (*self.without, *FAST)

    def __str__(self) -> str:
        options = [
            f"{option.name}={getattr(self, option.name)}"
            for option in fields(self)[1:]
            if getattr(self, option.name) != option.default
        ]
        return f"{self.name}({', '.join(options)})" if options else self.name


def _error(message: str, hint: str) -> CompileError:
    return CompileError(message, places.running(), hint=hint)


def of(level: str | Level) -> Level:
    """The level of a name, or the level itself."""
    return level if isinstance(level, Level) else Level(level)


def levels() -> tuple[Level, ...]:
    """The registered levels.

    Returns
    -------
    tuple of Level
        In the order from the highest rung to the lowest; `auto`, which chooses, is the last.

    Examples
    --------
    >>> import dialectad as da
    >>> "linalg" in [level.name for level in da.levels()]
    True
    """
    return tuple(Level(name) for name in _OPTIONS)


def pipeline(
    points: Iterable[str], stage: str = "llvm", auto: str = "", without: Collection[str] = FAST
) -> str:
    """The passes up to the end of a stage, for a program whose requests name these points.

    `auto` is the level that stands for `auto`; without one it is chosen for each request. The passes
    `without` are left out.
    """
    if stage not in STAGES:
        raise ValueError(f"stage {stage!r}: one of {', '.join(STAGES)} expected")
    wanted: set[str | None] = {None, "linalg"}
    for point in points:
        chosen = (auto, *_PARTS.get(auto, ())) if auto else _MAY_BECOME.get(point, ())
        wanted |= {point, point_of(point), *chosen, *map(point_of, chosen)}
    choose = f"choose-level{{only={auto}}}" if auto else "choose-level"
    parts = [
        choose if point == "auto" else ",".join(p for p in passes.split(",") if p not in without)
        for name in STAGES[: STAGES.index(stage) + 1]
        for point, passes in _PASSES[name]
        if point in wanted
    ]
    return ",".join(parts)
