"""The parts of a comparison by themselves."""

from __future__ import annotations

import subprocess
import sys
import time
from contextvars import ContextVar
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import dialectad as da
from dialectad.comparison import meter, timing
from dialectad.comparison.agreement import distance, majority
from dialectad.comparison.arguments import Arguments
from dialectad.comparison.caches import caches_of
from dialectad.comparison.limits import TimeUp, within
from dialectad.comparison.reference import extrapolated
from dialectad.comparison.stages import lines_of
from dialectad.comparison.timing import Contender
from tests.comparison import losses


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (lambda t: np.exp(3.0 * t), 3.0),
        (lambda t: np.sin(50.0 * t), 50.0),
        (lambda t: 1e8 + t, 1.0),
        (lambda t: 7.0, 0.0),
        (lambda t: abs(t - 1e-3), -1.0),
        (lambda t: np.sqrt(1e-2 + t) if t > -1e-2 else np.nan, 5.0),
    ],
)
def test_extrapolated_differences(function, derivative):
    found, uncertainty = extrapolated(function)
    assert abs(found - derivative) <= 10 * uncertainty
    assert uncertainty < 1e-2
    assert found == pytest.approx(derivative, rel=1e-4, abs=1e-6)


def test_differences_of_what_is_not_finite_say_nothing():
    found, uncertainty = extrapolated(lambda t: np.nan)
    assert np.isnan(found)
    assert uncertainty == np.inf


def test_differences_of_a_step_are_in_doubt():
    _, uncertainty = extrapolated(lambda t: 1.0 if t > 0 else 0.0)
    assert uncertainty > 1.0


def test_distance():
    a, b = np.array([1.0, np.nan, np.inf]), np.array([1.0, np.nan, np.inf])
    assert distance([a], [b]) == 0.0
    assert distance([a], [np.array([1.0, 0.0, np.inf])]) == np.inf
    assert distance([np.array([2.0, 0.0])], [np.array([2.0, 1e-9])]) == pytest.approx(5e-10)
    assert distance([np.zeros(2)], [np.zeros(3)]) == np.inf
    assert distance([np.zeros((0, 3))], [np.zeros((0, 3))]) == 0.0


def test_majority():
    one, two = [np.ones(2)], [np.full(2, 2.0)]
    assert majority({"a": one, "b": two, "c": two}, {}, 1e-9) == ["b", "c"]
    assert majority({"a": one, "b": two}, {"a": 1.0, "b": 1e-9}, 1e-9) == ["b"]
    assert majority({}, {}, 1e-9) == []


def test_one_array_in_two_places_stays_one():
    x = np.ones(3)
    a, b = Arguments.of((x, x), 0).fresh()
    assert a is b
    assert a is not x


def test_moved_arguments_keep_their_structure():
    arguments = Arguments.of(({"a": np.float32(2.0), "b": 1.0}, np.arange(3)), 0)
    direction = arguments.direction(np.random.default_rng(0))
    (moved, index) = arguments.moved(direction, 0.5)
    assert type(moved["a"]) is np.float64
    assert type(moved["b"]) is float
    assert moved["b"] == 1.0 + 0.5 * direction[1]
    np.testing.assert_array_equal(index, np.arange(3))


def test_writes_are_noticed():
    arguments = Arguments.of((np.array([1.0, np.nan]),), 0)
    assert not arguments.changed_in(arguments.fresh())
    (x,) = arguments.fresh()
    x[0] = 2.0
    assert arguments.changed_in((x,))


def test_contenders_take_turns():
    arguments = Arguments.of((1.0,), 0)
    calls = []
    contenders = {
        "quick": Contender(lambda x: calls.append("quick"), arguments, False),
        "slow": Contender(lambda x: (calls.append("slow"), time.sleep(0.02)), arguments, True),
    }
    found = timing.interleaved(contenders, 0.1)
    assert len(found["quick"].samples) == timing.ROUNDS
    assert 1 <= len(found["slow"].samples) < timing.ROUNDS
    assert found["slow"].median > 0.02 > found["quick"].median
    assert found["slow"].spread >= 0.0
    assert calls != sorted(calls)


def test_what_is_too_slow_runs_once():
    calls = []
    arguments = Arguments.of((1.0,), 0)
    contender = Contender(lambda x: (calls.append(x), time.sleep(0.05)), arguments, False)
    assert len(timing.interleaved({"slow": contender}, 0.01)["slow"].samples) == 1
    assert len(calls) == 1


def _endless():
    while True:
        pass


def test_time_limit_stops_python():
    start = time.perf_counter()
    with pytest.raises(TimeUp):
        within(0.05, _endless)
    assert time.perf_counter() - start < 5.0


class _Swallows:
    """Python ignores what is raised in a destructor."""

    def __del__(self):
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            pass


def _swallow():
    _Swallows()
    end = time.perf_counter() + 10.0
    while time.perf_counter() < end:
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_time_limit_is_not_lost_in_a_destructor():
    start = time.perf_counter()
    with pytest.raises(TimeUp):
        within(0.05, _swallow)
    assert time.perf_counter() - start < 9.0


def test_time_limit_leaves_nothing_behind():
    """Limits that come just when the body ends, under a profiler: nothing strikes later or is printed."""
    program = """
import sys, threading, time
from dialectad.comparison.limits import TimeUp, within
for _ in range(50):
    try:
        within(0.001, lambda: time.sleep(0.001))
    except TimeUp:
        pass
assert threading.active_count() == 1
sys.setprofile(lambda *_: None)
end = time.perf_counter() + 1.5
while time.perf_counter() < end:
    pass
(lambda: print("went on"))()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("went on\n", "")


def test_time_limit_hands_on_what_the_body_does():
    with pytest.raises(KeyError):
        within(10.0, lambda: {}["x"])
    here = ContextVar("here", default=0)
    here.set(1)
    assert within(10.0, here.get) == 1


def _metered(function, *args):
    compiled = da.jit(function)
    return meter.of_compiled(compiled.compiled(*args), args)


def test_memory_is_counted_in_bytes():
    small = _metered(losses.recurrent, losses.BIG, losses.BIG)
    assert small.memory < 8192  # the state lives in the frame
    assert small.blas.calls == {"dgemv": 4}

    def product(x):
        return np.sum((x @ x) * (x @ x.T))

    big = _metered(product, losses.BIG)
    assert 2 * 128 * 128 * 8 <= big.memory < 2.2 * 128 * 128 * 8
    assert big.blas.calls == {"dgemm": 1, "dsyrk": 1}
    assert big.blas.flops == (2 + 1) * 128**3  # one half of the symmetric product


def test_single_precision_blas_is_counted():
    x = losses.BIG.astype(np.float32)

    def product(x):
        return np.sum(x @ x)

    assert _metered(product, x).blas.calls == {"sgemm": 1}


def test_metering_twice_gives_the_same():
    first, second = (_metered(losses.to_convergence, losses.X) for _ in range(2))
    assert first == second


def test_memory_of_python_code():
    metered = meter.of_python(lambda n: np.sum(np.ones(n)), (100_000,))
    assert 800_000 <= metered.memory < 900_000
    assert metered.blas is None


def test_lines_know_where_they_come_from():
    lowered = da.value_and_grad(losses.recurrent, level="linalg").lower(losses.BIG, losses.BIG)
    lines = lines_of(lowered.module("linalg"))
    assert "\n".join(line.text for line in lines) == lowered.text("linalg")
    (tanh,) = (line for line in lines if " = math.tanh" in line.text)
    source = Path(losses.__file__).read_text(encoding="utf-8").split("\n")
    assert "np.tanh(W @ h + x[t])" in source[tanh.location.line - 1]
    assert tanh.role is None
    (gemm,) = (line for line in lines if "blas.gemm" in line.text)
    assert gemm.role == "adjoint"
    assert {line.role for line in lines if "ad.pop" in line.text} == {"cache"}


def test_a_reason_in_the_ir_is_told():
    from xdsl.dialects.builtin import StringAttr

    from dialectad.dialects import ad

    module = da.value_and_grad(losses.recurrent).lower(losses.BIG, losses.BIG).module("linalg")
    op = next(op for op in module.walk() if isinstance(op, ad.CacheOp))
    op.attributes["dialectad.reason"] = StringAttr("it is overwritten")
    assert caches_of(module)[0].reason == "it is overwritten"


@pytest.mark.parametrize(("width", "tables"), [(160, 1), (80, 2)])
def test_narrow_terminals_get_two_tables(width, tables):
    found = da.compare(losses.recurrent, losses.BIG, losses.BIG, levels=["linalg"], seconds=0.005)
    console = Console(width=width, record=True, file=StringIO())
    console.print(found)
    text = console.export_text()
    assert text.count("loss, compiled") == tables
    assert "…" not in text
