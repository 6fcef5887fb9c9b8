"""`compare`: the same code at every level."""

from __future__ import annotations

import inspect
import platform
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dialectad.comparison import agreement, meter, reference, timing
from dialectad.comparison.arguments import Arguments, check_given, place_of
from dialectad.comparison.inspection import inspect as look
from dialectad.comparison.inspection import rung_of
from dialectad.comparison.limits import TimeUp, within
from dialectad.comparison.meter import Metered
from dialectad.comparison.result import Comparison, LevelResult, Primal
from dialectad.comparison.timing import Contender, Timing
from dialectad.errors import CompileError, ShapeError, UnsupportedTypeError
from dialectad.frontend import transforms
from dialectad.frontend.function import Function, jit
from dialectad.levels import Level
from dialectad.levels import levels as registered
from dialectad.levels import of as level_of
from dialectad.runtime import cache, engine, host

_NUMPY, _COMPILED = "the loss in NumPy", "the compiled loss"
_QUICK = 0.02
"""Seconds: a loss that takes no longer in NumPy is differenced there, and otherwise compiled."""

_NOISY = 0.15
"""Spread of run times that is worth a remark."""
_ONCE = 1.0
"""Seconds: compiling that takes longer isn't measured again."""


def compare(
    function: Callable[..., Any],
    *args: Any,
    levels: Sequence[str | Level] | str | Level | None = None,
    argnums: int | Sequence[int] = 0,
    seconds: float = 0.5,
    timeout: float = 60.0,
    seed: int = 0,
) -> Comparison:
    """Differentiate the same program at every level, check the gradients, and measure.

    Parameters
    ----------
    function : callable
        Returns a float scalar.
    *args
        What to call it with. They are copied for each run, so a function may write into them.
    levels : sequence of str or Level, optional
        All registered levels by default.
    argnums : int or sequence of int
        The positional arguments to differentiate by.
    seconds : float
        About how long to time each level for. A level so slow that it runs once in this time runs once.
    timeout : float
        How many seconds a level may take to compile and run for the first time before it is given up.
    seed : int
        Of the random directions along which gradients are checked.

    Returns
    -------
    Comparison
        Per level the error of the gradient, compile time, run time, memory, ops, BLAS calls and cached
        values, or the reason why there is no gradient. Print it; `.plot(path)`, `.html(path)`, `.json()`.

    Raises
    ------
    CompileError
        For an unknown level, or a function that gives no float scalar. What a level can't do doesn't raise:
        it is part of the result.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> def loss(x):
    ...     return np.sum(np.tanh(x) ** 2)
    >>> comparison = da.compare(loss, np.linspace(0.0, 1.0, 5), levels=["linalg"], seconds=0.01)
    >>> comparison["linalg"].status
    'agrees'
    """
    check_given(function, args)
    if not (seconds > 0 and timeout > 0):
        raise CompileError(f"seconds and timeout have to be positive, not {seconds} and {timeout}")
    run = _Run(function, Arguments.of(args, argnums, place_of(function)), seconds, timeout)
    return run(_chosen(levels), seed)


def _chosen(levels: Sequence[str | Level] | str | Level | None) -> list[Level]:
    if isinstance(levels, str | Level):
        levels = [levels]
    chosen = list(dict.fromkeys(level_of(level) for level in (registered() if levels is None else levels)))
    if not chosen:
        raise CompileError("there is no level to compare", hint="leave out `levels` for all of them")
    return chosen


@dataclass
class _Run:
    """One comparison under way."""

    function: Callable[..., Any]
    arguments: Arguments
    seconds: float
    timeout: float

    def __call__(self, levels: Sequence[Level], seed: int) -> Comparison:
        self.plain = inspect.unwrap(self.function)
        self.notes: list[str] = []
        self.contenders: dict[str, Contender] = {}
        self.writes = self.stops = False
        self.by_numpy: Timing | None = None
        value = self._numpy()
        compiled, primal = self._compiled(value)
        results = [self._level(level) for level in levels]
        quick = self.by_numpy is not None and self.by_numpy.median <= _QUICK
        self._judge(results, self.plain if quick or compiled is None else compiled, primal.value, seed)
        timings = timing.interleaved(self.contenders, self.seconds)
        self._time(results, timings)
        self.notes += _noise(timings)
        return Comparison(
            getattr(self.plain, "__name__", "loss"),
            place_of(self.function),
            self.arguments.describe(),
            self.arguments.argnums,
            self._timed(primal, timings),
            tuple(results),
            tuple(self.notes),
            machine(),
        )

    # The loss itself

    def _numpy(self) -> float | None:
        """The value by plain NumPy; None where it takes too long."""
        args = self.arguments.fresh()
        start = time.perf_counter()
        try:
            value = within(self.timeout, lambda: self.plain(*args))
        except TimeUp:
            self.notes.append(f"Plain NumPy was given up after {self.timeout:g} s.")
            return None
        self.by_numpy = Timing((time.perf_counter() - start,))
        self.writes = self.arguments.changed_in(args)
        self._check_scalar(value)
        if self.by_numpy.median <= self.seconds:
            self.contenders[_NUMPY] = Contender(self.plain, self.arguments, self.writes)
        return float(value)

    def _check_scalar(self, value: Any) -> None:
        place = place_of(self.function)
        if not isinstance(value, float | np.floating | np.ndarray):
            raise UnsupportedTypeError(
                f"compare needs a loss, which returns a float scalar, not {type(value).__name__}", place
            )
        if np.ndim(value):
            raise ShapeError(
                f"compare needs a loss, which returns a scalar, not an array of shape {np.shape(value)}",
                place,
                hint="reduce it, by numpy.sum or numpy.mean",
            )
        if np.asarray(value).dtype.kind != "f":
            raise UnsupportedTypeError(
                f"compare needs a loss, which returns a float scalar, not {np.asarray(value).dtype}", place
            )

    def _compiled(self, value: float | None) -> tuple[Function | None, Primal]:
        """The loss by `jit`, called once; or why not. `value` is what NumPy gives."""
        try:
            with cache.disabled():
                compiled, first, found, metered = within(self.timeout, self._compile)
        except CompileError as problem:
            return None, self._uncompiled(value, str(problem))
        except TimeUp:
            return None, self._uncompiled(value, f"compiling it was given up after {self.timeout:g} s")
        except Exception as problem:  # a bug in one way to the loss mustn't hide the others
            last = traceback.format_exception_only(problem)[-1].strip()
            return None, self._uncompiled(value, last, wrong=True)
        self._check_scalar(found)
        if value is not None and not self._same(float(found), value):
            complaint = f"its value is {float(found)!r}, NumPy's is {value!r}"
            return None, self._uncompiled(value, complaint, wrong=True)
        self.contenders[_COMPILED] = Contender(compiled, self.arguments, self.writes)
        known = float(found) if value is None else value
        primal = Primal(known, None, None, compile_seconds=first, memory=metered.memory, blas=metered.blas)
        return compiled, primal

    def _compile(self) -> tuple[Function, float, Any, Metered]:
        compiled, first, found = self._first_call(lambda: jit(self.function))
        args = self.arguments.fresh()
        return compiled, first, found, meter.of_compiled(compiled.compiled(*args), args)

    def _uncompiled(self, value: float | None, reason: str, wrong: bool = False) -> Primal:
        if value is None:
            raise CompileError(
                f"the loss takes over {self.timeout:g} s under NumPy, and it can't be compiled:\n{reason}",
                place_of(self.function),
            )
        return Primal(value, None, None, reason, wrong)

    def _same(self, found: float, value: float) -> bool:
        tolerance = 1e-3 if self.arguments.single else 1e-8
        return bool(np.isclose(found, value, rtol=tolerance, atol=tolerance, equal_nan=True))

    def _timed(self, primal: Primal, timings: dict[str, Timing]) -> Primal:
        """The loss with its run times."""
        by_numpy, mine = timings.get(_NUMPY, self.by_numpy), timings.get(_COMPILED)
        if mine is None:
            return replace(primal, numpy=by_numpy)
        assert primal.compile_seconds is not None
        compile_seconds = max(0.0, primal.compile_seconds - mine.median)
        return replace(primal, numpy=by_numpy, compiled=mine, compile_seconds=compile_seconds)

    def _first_call(self, make: Callable[[], Function]) -> tuple[Function, float, Any]:
        """A new compiled function, how long its first call takes, and what it gives.

        If that is quick, it is done once more: what the first compilation loads, the second one finds.
        """
        made = self._call_once(make())
        if made[1] > _ONCE:
            return made
        return min(made, self._call_once(make()), key=lambda m: m[1])

    def _call_once(self, function: Function) -> tuple[Function, float, Any]:
        args = self.arguments.fresh()
        start = time.perf_counter()
        found = function(*args)
        elapsed = time.perf_counter() - start
        self.writes = self.writes or self.arguments.changed_in(args)
        return function, elapsed, found

    # The levels

    def _level(self, level: Level) -> LevelResult:
        result = LevelResult(level, rung=rung_of(level))
        try:
            with cache.disabled():
                within(self.timeout, lambda: self._differentiate(result))
        except CompileError as problem:
            # LLVM can't blame a line of the program: it was given nonsense.
            broken = problem.pass_name == engine.PASS_NAME and problem.location is None
            _give_up(result, "failed" if broken else "refused", str(problem))
            result.traceback = traceback.format_exc() if broken else ""
        except TimeUp:
            _give_up(result, "timeout", f"given up after {self.timeout:g} s")
        except Exception as problem:  # a bug in a level mustn't hide what the others do
            _give_up(result, "failed", traceback.format_exception_only(problem)[-1].strip())
            result.traceback = traceback.format_exc()
        return result

    def _differentiate(self, result: LevelResult) -> None:
        def make() -> Function:
            return transforms.value_and_grad(
                self.function, argnums=self.arguments.argnums, level=result.level
            )

        gradient, first, (value, leaves) = self._first_call(make)
        result.compile_seconds = first
        result.value, result.gradient = float(value), leaves
        self._inspect(result, gradient)
        self.contenders[result.name] = Contender(gradient, self.arguments, self.writes)

    def _inspect(self, result: LevelResult, gradient: Function) -> None:
        """Look at the IR and count a run; a level that runs Python, as it just did, has no machine code."""
        args = self.arguments.fresh()
        compile_for = getattr(gradient, "compiled", None)
        try:
            compiled = compile_for(*args) if compile_for is not None else None
            result.no_ir = "" if compiled is not None else "Python runs the function: there is no IR"
        except CompileError as problem:
            compiled, result.no_ir = None, str(problem)
        if compiled is None:
            result.memory = meter.of_python(gradient, args).memory
            return
        seen = look(gradient.lower(*args), compiled)
        result.stages, result.ops = seen.stages, seen.ops
        result.blas_sites, result.caches = seen.sites, seen.caches
        self.stops = self.stops or seen.stops
        if seen.chosen:
            result.chosen = seen.chosen
            self.notes.append(f"The level {result.name} is {seen.chosen} here.")
        metered = meter.of_compiled(compiled, args)
        result.memory, result.blas = metered.memory, metered.blas

    def _time(self, results: Sequence[LevelResult], timings: dict[str, Timing]) -> None:
        primal = timings.get(_COMPILED)
        for result in results:
            if (mine := timings.get(result.name)) is None:
                continue
            result.timing = mine
            assert result.compile_seconds is not None
            result.compile_seconds = max(0.0, result.compile_seconds - mine.median)
            if primal is not None:
                result.ratio = mine.median / primal.median

    def _judge(
        self, results: Sequence[LevelResult], loss: Callable[..., Any], value: float, seed: int
    ) -> None:
        """Set the errors of all gradients, and the status of those that are wrong."""
        ran = [r for r in results if r.ran]
        gradients = {r.name: self.arguments.gradient_leaves(r.gradient) for r in ran}
        slopes = reference.slopes(loss, self.arguments, seed)
        verdicts = agreement.verdicts(self.arguments, gradients, () if self.stops else slopes)
        for result in ran:
            verdict = verdicts[result.name]
            result.error, result.apart = verdict.error, verdict.apart
            complaint = verdict.complaint
            assert result.value is not None
            if not self._same(result.value, value):
                complaint = f"the value of the loss is {result.value!r}; NumPy's is {value!r}"
            if complaint:
                result.status, result.reason = "disagrees", complaint
        self.notes += _notes(results, slopes, self.stops)


def _give_up(result: LevelResult, status: Any, reason: str) -> None:
    result.status, result.reason = status, reason
    result.value = result.gradient = result.compile_seconds = None


def _notes(results: Sequence[LevelResult], slopes: Sequence[reference.Slope], stopped: bool) -> list[str]:
    """What to know about the column of errors."""
    ran = [r for r in results if r.ran]
    if stopped:
        return ["The loss uses stop_gradient, so differences of it are no reference: levels are compared."]
    if not any(np.isfinite(s.derivative) for s in slopes):
        return ["Differences of the loss don't settle (it isn't finite, or not smooth): levels are compared."]
    wrong = [r for r in ran if r.status == "disagrees"]
    if len(ran) > 1 and len(wrong) == len(ran) and all((r.apart or 0.0) < 1e-8 for r in ran):
        return [
            "All levels agree with one another, and differences of the loss contradict all of them: the"
            " arguments are at a kink, or the loss is not what is differentiated."
        ]
    return []


def _noise(timings: dict[str, Timing]) -> list[str]:
    """Whether run times are to be taken with a grain of salt."""
    name, worst = max(timings.items(), key=lambda item: item[1].spread, default=("", None))
    if worst is None or worst.spread <= _NOISY:
        return []
    return [f"The machine was busy: run times are uncertain, by ±{worst.spread:.0%} for {name}."]


def machine() -> str:
    """The CPU, and what runs on it."""
    return (
        f"{host.host().cpu}, one thread; Python {platform.python_version()}, NumPy {np.__version__},"
        f" {platform.system()}"
    )
