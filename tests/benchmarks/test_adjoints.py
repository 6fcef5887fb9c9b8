"""The adjoints by hand in C against finite differences, and every level against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import dialectad as da
from benchmarks import normalize
from benchmarks.c import build
from benchmarks.case import distance
from benchmarks.gradients import Problem
from tests.gradients import directional_difference, inner, random_direction


def _has_compiler() -> bool:
    try:
        build.compiler()
    except build.CompilerError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_compiler(), reason="no C compiler")

SIZES: dict[str, tuple[Any, ...]] = {
    "seidel": (7,),
    "heat": (9,),
    "lorenz": (),
    "kepler": (6,),
    "kepler_each": (6,),
    "small_calls": (40,),
    "lstm": ((3, 2, 4, 5),),
    "normalize": (6,),
    "nbody": (5,),
    "floyd_warshall": (4,),
    "cholesky": (6,),
    "matmul_loops": (5,),
    "gaussian_process": (5, 7),
}
"""Problem -> arguments of its `arguments`."""


REFUSALS = {("kepler", "graph")}
"""Problem and level: what a level can't do."""


@pytest.fixture(params=SIZES)
def problem(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Problem, Sequence[Any]]:
    """A problem with few steps, and small arguments."""
    name: str = request.param
    module = import_module(f"benchmarks.{name.removesuffix('_each')}")
    if hasattr(module, "STEPS"):
        monkeypatch.setattr(module, "STEPS", 3)
    if name == "normalize":
        made = normalize.problem()
    else:
        made = module.EACH if name.endswith("_each") else module.PROBLEM
    return made, module.arguments(*SIZES[name])


def _gradient_in_c(problem: Problem, args: Sequence[Any]) -> tuple[float, Sequence[np.ndarray]]:
    adjoint = problem.c(*args)
    value = adjoint.gradient()
    assert adjoint.primal() == pytest.approx(value, rel=1e-13)
    first = [output.copy() for output in adjoint.outputs]
    assert adjoint.gradient() == value
    assert distance(adjoint.outputs, first) == 0, "a second call must not see what the first one left"
    return value, adjoint.outputs


def test_adjoint_in_c(problem: tuple[Problem, Sequence[Any]]):
    made, args = problem
    value, gradient = _gradient_in_c(made, args)
    assert value == pytest.approx(float(made.loss(*args)), rel=1e-12)
    wanted = tuple(args[n] for n in made.argnums)

    def along(moved: tuple[Any, ...]) -> Any:
        replaced = dict(zip(made.argnums, moved, strict=True))
        return made.loss(*(replaced.get(n, arg) for n, arg in enumerate(args)))

    for seed in range(3):
        direction = random_direction(wanted, seed)
        if made.name == "floyd_warshall":  # the diagonal is at a kink: no path is shorter than none
            np.fill_diagonal(direction[0], 0.0)
        expected = directional_difference(along, (wanted,), direction, 1e-6)
        assert inner(list(gradient), _flat(direction)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def _flat(tree: Any) -> list[Any]:
    return [leaf for item in tree for leaf in _flat(item)] if isinstance(tree, tuple) else [tree]


@pytest.mark.parametrize("level", da.levels(), ids=lambda level: level.name)
def test_levels_agree_with_c(problem: tuple[Problem, Sequence[Any]], level: da.Level):
    made, args = problem
    _agrees(made, args, level)


def test_before_optimisation_agrees_with_c():
    made, args = normalize.problem(), normalize.arguments(6)
    for level in made.levels.values():
        _agrees(made, args, level)


def _agrees(problem: Problem, args: Sequence[Any], level: da.Level) -> None:
    gradient = da.value_and_grad(problem.loss, problem.argnums, level=level)
    if (problem.name, level.name) in REFUSALS:
        with pytest.raises(da.CompileError) as refusal:
            gradient(*args)
        assert refusal.value.level == level.name
        assert refusal.value.location is not None
    else:
        assert distance(gradient(*args), _gradient_in_c(problem, args)) < 1e-11


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mlp(monkeypatch: pytest.MonkeyPatch, dtype: str):
    mlp = import_module("benchmarks.mlp_gradient")
    monkeypatch.setattr(mlp, "SIZES", (7, 6, 5, 3))
    monkeypatch.setattr(mlp, "BATCH", 4)
    assert distance(mlp.c(dtype)(), mlp.numpy(dtype)()) < (1e-5 if dtype == "float32" else 1e-13)


def test_bind_takes_contiguous_arrays():
    x = np.zeros((4, 4))[:, 0]
    with pytest.raises(ValueError, match="contiguous"):
        build.library("small_calls").bind("small_calls_primal", x, 4)


def test_missing_compiler(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(build.CompilerError, match=r"\$CC=no-such-compiler"):
        build.compiler()
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(build.CompilerError, match="install one"):
        build.compiler()


def test_refused_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    (tmp_path / "broken.c").write_text("double f(void) { return x; }\n")
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    make: Callable[..., Any] = build.library
    with pytest.raises(build.CompilerError, match=r"broken\.c"):
        make("broken")
