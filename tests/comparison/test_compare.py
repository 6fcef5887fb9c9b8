"""`da.compare`: gradients are checked, refusals are part of the result, and bad input is refused at once."""

from __future__ import annotations

import json
import math
import re
import time
from typing import Any

import numpy as np
import pytest

import dialectad as da
import dialectad.comparison.compare as module
from dialectad.comparison.inspection import rung_of
from dialectad.comparison.timing import Timing
from dialectad.frontend import transforms
from tests.comparison import losses

LEVELS = [level.name for level in da.levels()]
QUICK = {"seconds": 0.005}


def compare(*args: Any, **kwargs: Any) -> Any:
    return da.compare(*args, **QUICK, **kwargs)


@pytest.mark.parametrize(
    ("function", "args", "argnums"),
    [
        (losses.smooth, (losses.X,), 0),
        (losses.smooth, (losses.X.astype(np.float32),), 0),
        (losses.smooth, (np.zeros(0),), 0),
        (losses.of_pytree, (losses.LAYERS, losses.X), 0),
        (losses.of_pytree, (losses.LAYERS, losses.X), (1, 0)),
        (losses.of_scalars, (0.7, 5), 0),
        (losses.of_scalars, (np.float32(0.7), 5), 0),
        (losses.writes, (losses.X,), 0),
        (losses.recurrent, (losses.BIG, losses.BIG), (0, 1)),
        (losses.relu, (losses.X,), -1),
        (losses.recurrent, (losses.BIG, losses.BIG), (0, -2)),
        (losses.constant, (losses.X,), 0),
    ],
)
def test_levels_agree(function, args, argnums):
    before = [np.copy(arg) for arg in args if isinstance(arg, np.ndarray)]
    found = compare(function, *args, argnums=argnums)
    assert found.ok
    assert found.levels == tuple(LEVELS)
    ran = [r for r in found if r.ran]
    assert [r.status for r in ran] == ["agrees"] * len(ran)
    assert found["linalg"].ran
    after = [arg for arg in args if isinstance(arg, np.ndarray)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    for result in ran:
        assert result.value == pytest.approx(found.primal.value, rel=1e-5)
        assert result.timing.median > 0
        assert result.compile_seconds > 0 or result.level.name == "tape"
        assert result.memory > 0
        assert np.asarray(result.error if result.error is not None else 0.0) < 1e-4


def test_gradient_is_that_of_grad():
    found = compare(losses.of_pytree, losses.LAYERS, losses.X, levels="linalg")
    expected = da.grad(losses.of_pytree, level="linalg")(losses.LAYERS, losses.X)
    np.testing.assert_array_equal(found["linalg"].gradient["first"].W, expected["first"].W)


def test_what_a_level_refuses_is_told():
    found = compare(losses.to_convergence, losses.X, levels=["graph", "linalg"])
    assert found["graph"].status == "refused"
    assert "losses.py" in found["graph"].reason
    assert "while abs(z * z - y)" in found["graph"].reason
    assert found["linalg"].status == "agrees"
    assert found.ok
    assert "graph can't do this program" in str(found)


def test_no_level_can():
    found = compare(losses.unsupported, losses.X, levels=["linalg"])
    assert found["linalg"].status == "refused"
    assert found.primal.reason
    assert found.primal.numpy is not None
    assert not found.ok
    assert "the loss can't be compiled" in str(found)


def patched(monkeypatch: pytest.MonkeyPatch, level: str, change: Any) -> None:
    """Let the gradient of a level be `change` of the right one."""
    original = transforms.value_and_grad

    def value_and_grad(function, argnums=0, *, level):
        right = original(function, argnums, level=level)
        return change(right) if level.name == broken else right

    broken = level
    monkeypatch.setattr(transforms, "value_and_grad", value_and_grad)


class Changed:
    """A compiled gradient whose result is changed."""

    def __init__(self, right, change):
        self.right, self.change = right, change

    def __call__(self, *args):
        found = self.right(*args)
        return self.change(*found) if isinstance(found, tuple) else self.change(found)

    def __getattr__(self, name):
        return getattr(self.right, name)


def test_a_wrong_gradient_is_told_loudly(monkeypatch):
    patched(monkeypatch, "loop", lambda right: Changed(right, lambda value, g: (value, g * 1.001)))
    found = compare(losses.smooth, losses.X, levels=["linalg", "loop", "auto"])
    assert found["loop"].status == "disagrees"
    assert found["loop"].error == pytest.approx(1e-3, rel=0.05)
    assert found["loop"].apart == pytest.approx(1e-3, rel=0.05)
    assert found["linalg"].status == found["auto"].status == "agrees"
    assert not found.ok
    assert "loop is WRONG" in str(found)
    assert found.fastest.name != "loop"


def test_what_auto_has_chosen_is_told():
    found = compare(losses.two_halves, losses.BIG, levels=["linalg", "auto"])
    assert found["linalg"].chosen == ""
    assert re.fullmatch(r"mixed \(loop from .*losses.py:\d+:\d+\)", found["auto"].chosen)
    assert found["auto"].status == "agrees"
    assert f"The level auto is {found['auto'].chosen} here." in str(found).replace("\n", " ")
    assert found.to_dict()["levels"][1]["chosen"] == found["auto"].chosen


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e-5])
def test_an_error_in_one_entry_is_found(monkeypatch, bad):
    def spoil(value, g):
        g[2] += bad
        return value, g

    patched(monkeypatch, "loop", lambda right: Changed(right, spoil))
    found = compare(losses.smooth, losses.X, levels=["linalg", "loop", "auto"])
    assert [r.status for r in found] == ["agrees", "disagrees", "agrees"]


def test_a_wrong_value_is_told(monkeypatch):
    patched(monkeypatch, "loop", lambda right: Changed(right, lambda value, g: (value + 1e-3, g)))
    found = compare(losses.smooth, losses.X, levels=["linalg", "loop"])
    assert found["loop"].status == "disagrees"
    assert "value" in found["loop"].reason


def test_a_wrong_compiled_loss_is_told(monkeypatch):
    original = module.jit
    monkeypatch.setattr(module, "jit", lambda f: Changed(original(f), lambda value: value + 1e-3))
    found = compare(losses.smooth, losses.X, levels=["linalg"])
    assert not found.ok
    assert found["linalg"].status == "agrees"
    assert found["linalg"].ratio is None
    assert "the compiled loss is WRONG" in str(found)


def test_slow_numpy_is_differenced_compiled(monkeypatch):
    monkeypatch.setattr(module, "_QUICK", 0.0)
    found = compare(losses.smooth, losses.X, levels=["linalg"])
    assert found["linalg"].error < 1e-9


def test_a_wrong_gradient_is_found_without_a_majority(monkeypatch):
    patched(monkeypatch, "linalg", lambda right: Changed(right, lambda value, g: (value, -g)))
    found = compare(losses.smooth, losses.X, levels=["linalg", "loop"])
    assert [r.status for r in found] == ["disagrees", "agrees"]


def test_a_bug_in_a_level_does_not_hide_the_others(monkeypatch):
    def fail(value, g):
        raise KeyError("a bug")

    patched(monkeypatch, "loop", lambda right: Changed(right, fail))
    found = compare(losses.smooth, losses.X, levels=["linalg", "loop"])
    assert found["loop"].status == "failed"
    assert found["loop"].reason == "KeyError: 'a bug'"
    assert "raise KeyError" in found["loop"].traceback
    assert found["linalg"].status == "agrees"
    assert not found.ok


def test_nonsense_for_llvm_is_a_bug_and_no_refusal(monkeypatch):
    def fail(value, g):
        raise da.CompileError("LLVM can't take its input", pass_name="llvm")

    patched(monkeypatch, "loop", lambda right: Changed(right, fail))
    assert compare(losses.smooth, losses.X, levels=["loop"])["loop"].status == "failed"


def test_a_slow_level_is_given_up(monkeypatch):
    def endless(value, g):
        while True:
            time.sleep(0.001)

    patched(monkeypatch, "loop", lambda right: Changed(right, endless))
    found = compare(losses.smooth, losses.X, levels=["linalg", "loop"], timeout=1.5)
    assert found["loop"].status == "timeout"
    assert found["linalg"].status == "agrees"
    assert found.ok


def test_a_level_without_machine_code_has_memory_and_no_ir(monkeypatch):
    class Eager:
        def __init__(self, right):
            self.right = right

        def __call__(self, *args):
            kept = np.ones(1_000_000)
            value, g = self.right(*args)
            return value, g * kept[0]

        def compiled(self, *args):
            raise da.CompileError("a record of a run has no machine code")

    patched(monkeypatch, "auto", Eager)
    found = compare(losses.smooth, losses.X, levels=["linalg", "auto"])
    assert found["auto"].status == "agrees"
    assert found["auto"].memory >= 8_000_000
    assert found["auto"].no_ir == "a record of a run has no machine code"
    assert found["auto"].blas is None
    assert "no machine code" in found.to_dict()["levels"][1]["no_ir"]


def test_a_level_that_runs_python_has_no_ir(monkeypatch):
    patched(monkeypatch, "auto", lambda right: lambda *args: right(*args))
    found = compare(losses.smooth, losses.X, levels=["auto"])
    assert found["auto"].status == "agrees"
    assert found["auto"].no_ir == "Python runs the function: there is no IR"


def test_stop_gradient_leaves_no_reference():
    found = compare(losses.stopped, losses.X)
    assert found.ok
    assert found["linalg"].error is None
    assert any("stop_gradient" in note for note in found.notes)


def test_levels_that_agree_at_a_kink():
    found = compare(losses.at_a_kink, np.zeros(3))
    ran = [r for r in found if r.ran]
    assert all(r.apart == 0.0 for r in ran)
    assert any("kink" in note for note in found.notes)


def test_a_loss_that_is_not_finite():
    found = compare(losses.not_finite, losses.X, levels=["linalg", "loop"])
    assert all(r.error is None for r in found)
    assert any("not finite" in note or "isn't finite" in note for note in found.notes)
    assert json.loads(found.json())["primal"]["value"] == "nan"


def test_figures_of_a_recurrent_network():
    found = compare(losses.recurrent, losses.BIG, losses.BIG, levels=["linalg"])
    result = found["linalg"]
    assert result.blas.calls == {"dgemv": 8, "dgemm": 1}
    assert result.blas.flops == (8 + 4) * 2 * 128 * 128
    assert result.blas_sites == {"dgemv": 2, "dgemm": 1}
    assert found.primal.blas.calls == {"dgemv": 4}
    assert [(c.times, c.bytes) for c in result.caches] == [(4, 4 * 1024)] * 2
    assert result.caches[1].name == "h = np.tanh(W @ h + x[t])"
    assert result.memory >= 128 * 128 * 8
    assert list(result.ops) == list(result.stages) == ["traced", "linalg", "loop", "llvm", "llvm-ir"]
    assert all(result.ops.values())


def test_growing_caches_have_no_size():
    result = compare(losses.to_convergence, losses.X, levels=["linalg"])["linalg"]
    assert result.caches
    assert all(c.times is None and c.bytes is None for c in result.caches)


def test_the_own_rung_of_each_level():
    rungs = {level.name: rung_of(level) for level in da.levels()}
    assert rungs["linalg"] == "linalg"
    assert rungs["loop"] == "loop"


def test_options_of_levels_have_names_of_their_own():
    levels = ["linalg", da.Level("linalg", optimize_first=False), "linalg"]
    found = compare(losses.smooth, losses.X, levels=levels)
    assert found.levels == ("linalg", "linalg(optimize_first=False)")
    assert found[da.Level("linalg", optimize_first=False)] is found["linalg(optimize_first=False)"]
    with pytest.raises(KeyError, match="was not compared"):
        found["loop"]


def test_a_compiled_function_and_a_method_can_be_compared():
    class Model:
        scale = 2.0

        def loss(self, x):
            return self.scale * np.sum(x * x)

    assert compare(da.jit(losses.smooth), losses.X, levels=["linalg"]).ok
    assert compare(Model().loss, losses.X, levels=["linalg"]).ok


def test_noise_is_told():
    steady, noisy = Timing((1.0,) * 8), Timing((1.0, 2.0) * 4)
    assert module._noise({"a": steady}) == module._noise({}) == []
    assert module._noise({"a": steady, "b": noisy}) == [
        "The machine was busy: run times are uncertain, by ±33% for b."
    ]


def test_arguments_may_change_while_comparing():
    """What is compared are the arguments as they were."""
    x = losses.X.copy()

    def loss(y):
        x[0] += 1.0
        return np.sum(y * y)

    assert compare(loss, x, levels=["linalg"]).primal.value == pytest.approx(np.sum(losses.X**2))


@pytest.mark.parametrize(
    ("function", "args", "options", "message"),
    [
        (losses.smooth, (losses.X,), {"levels": ["nonsense"]}, "there is no level 'nonsense'"),
        (losses.smooth, (losses.X,), {"levels": []}, "no level to compare"),
        (losses.smooth, (), {}, "needs the arguments"),
        (losses.smooth, (losses.X,), {"argnums": 1}, "argnums 1 is out of range"),
        (losses.smooth, (np.arange(3),), {}, "a value of type int64"),
        (losses.of_scalars, (0.5, 3), {"argnums": (0, 1)}, "a value of type int"),
        (losses.vector, (losses.X,), {}, r"not an array of shape \(6,\)"),
        (losses.integer, (losses.X,), {}, "not int"),
        (losses.pair, (losses.X,), {}, "not tuple"),
        (3.0, (losses.X,), {}, "a function is expected, not float"),
    ],
)
def test_bad_input(function, args, options, message):
    with pytest.raises(da.CompileError, match=message):
        compare(function, *args, **options)


def test_what_the_loss_itself_raises_is_raised():
    with pytest.raises(IndexError):
        compare(losses.out_of_range, losses.X)


def test_a_refused_loss_is_located():
    with pytest.raises(da.CompileError) as caught:
        compare(losses.vector, losses.X)
    assert "def vector(x):" in str(caught.value)


def test_json(tmp_path):
    found = compare(losses.smooth, losses.X)
    text = found.json(tmp_path / "new" / "figures.json")
    assert (tmp_path / "new" / "figures.json").read_text() == text
    figures = json.loads(text)
    assert [level["level"] for level in figures["levels"]] == LEVELS
    assert figures["function"] == "smooth"
    assert math.isclose(figures["primal"]["value"], found.primal.value)


def test_table():
    found = compare(losses.to_convergence, losses.X)
    text = str(found)
    assert repr(found) == text
    assert text.startswith("to_convergence(float64[6])\n")
    assert all(name in text for name in LEVELS)
    assert "loss, NumPy" in text
