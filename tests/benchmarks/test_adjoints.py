"""The adjoints by hand in C against finite differences, and every level against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import dialectad as da
from benchmarks import convolution_net, gru, lstm, neural_ode, normalize
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
    "kepler.EACH": (6,),
    "small_calls": (40,),
    "lstm": ((3, 2, 4, 5),),
    "normalize": (6,),
    "nbody": (5,),
    "floyd_warshall": (4,),
    "cholesky": (6,),
    "matmul_loops": (5,),
    "gaussian_process": (5, 7),
    "scalars": (),
    "log_sum_exp": (5,),
    "logistic_map": (),
}
"""Problem -> arguments of its `arguments`."""
MORE_SIZES: dict[str, tuple[Any, ...]] = {
    "attention": ((5, 4),),
    "attention.HEADED": ((2, 3, 8),),
    "gaussian_mixture": ((6, 3, 2),),
    "hand_tracking": (3,),
    "logistic_regression": ((37, 4),),
    "polynomial": ((300, 4),),
    "determinant": (4,),
    "lu": (5,),
    "gram_schmidt": ((6, 4),),
    "fft": (8,),
    "conjugate_gradients": (5,),
    "scalars.PLACES": (),
}
"""Those that take longer to compile: every level would be too much."""


REFUSALS = {("kepler", "graph")}
"""Problem and level: what a level can't do."""


@pytest.fixture(params=SIZES)
def problem(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Problem, Sequence[Any]]:
    """A problem with few steps, and small arguments."""
    return _small(request.param, monkeypatch)


@pytest.fixture(params=[*SIZES, *MORE_SIZES])
def any_problem(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[Problem, Sequence[Any]]:
    return _small(request.param, monkeypatch)


def _small(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Problem, Sequence[Any]]:
    file, _, which = name.partition(".")
    module = import_module(f"benchmarks.{file}")
    if hasattr(module, "STEPS"):
        monkeypatch.setattr(module, "STEPS", 3)
    made = normalize.problem() if file == "normalize" else getattr(module, which or "PROBLEM")
    arguments = module.places_arguments if which == "PLACES" else module.arguments
    return made, arguments(*(SIZES | MORE_SIZES)[name])


def _gradient_in_c(problem: Problem, args: Sequence[Any]) -> tuple[float, Sequence[np.ndarray]]:
    assert problem.c is not None
    adjoint = problem.c(*args)
    value = adjoint.gradient()
    assert adjoint.primal() == pytest.approx(value, rel=1e-13)
    first = [output.copy() for output in adjoint.outputs]
    assert adjoint.gradient() == value
    assert distance(adjoint.outputs, first) == 0, "a second call must not see what the first one left"
    return value, adjoint.outputs


def test_adjoint_in_c(any_problem: tuple[Problem, Sequence[Any]]):
    made, args = any_problem
    value, gradient = _gradient_in_c(made, args)
    assert value == pytest.approx(float(made.loss(*args)), rel=1e-12)
    if made.numpy is not None:
        assert distance(made.numpy(*args), (value, gradient)) < 1e-12
    for seed in range(3):
        direction = random_direction(_wanted(made, args), seed)
        if made.name == "floyd_warshall":  # the diagonal is at a kink: no path is shorter than none
            np.fill_diagonal(direction[0], 0.0)
        elif made.name == "conjugate_gradients":  # where it isn't symmetric, more iterations are needed
            direction = (direction[0] + direction[0].T, direction[1])
        expected = _difference(made, args, direction)
        assert inner(list(gradient), _flat(direction)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def _wanted(problem: Problem, args: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(args[n] for n in problem.argnums)


def _difference(problem: Problem, args: Sequence[Any], direction: Any) -> float:
    def along(moved: tuple[Any, ...]) -> Any:
        replaced = dict(zip(problem.argnums, moved, strict=True))
        return problem.loss(*(replaced.get(n, arg) for n, arg in enumerate(args)))

    return directional_difference(along, (_wanted(problem, args),), direction, 1e-6)


@pytest.mark.parametrize(
    ("problem", "args"),
    [
        (gru.PROBLEM, gru.arguments((3, 2, 2, 3))),
        (lstm.LAYERS, lstm.layers_arguments((3, 2, 3, 3))),
        (convolution_net.PROBLEM, convolution_net.arguments((2, 14, 3, 2, 2, 3), "float64")),
        (neural_ode.PROBLEM, neural_ode.arguments((2, 2, 3))),
    ],
    ids=["gru", "lstm", "convolution_net", "neural_ode"],
)
def test_without_adjoint_in_c(problem: Problem, args: Sequence[Any]):
    value, gradient = da.value_and_grad(problem.loss, problem.argnums)(*args)
    assert value == pytest.approx(float(problem.loss(*args)), rel=1e-12)
    direction = random_direction(_wanted(problem, args))
    assert inner(gradient, direction) == pytest.approx(
        _difference(problem, args, direction), rel=1e-6, abs=1e-8
    )


def _flat(tree: Any) -> list[Any]:
    return [leaf for item in tree for leaf in _flat(item)] if isinstance(tree, (tuple, list)) else [tree]


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


def test_ahead():
    """What memory is measured of: compiled and not run, and the same as what is timed."""
    module = import_module("benchmarks.gaussian_mixture")
    results = [module.ahead(contender, *module.SMALL)() for contender in ("dialectad", "c", "numpy")]
    assert distance(results[0], results[2]) < 1e-12
    assert distance(results[1], results[2]) < 1e-12


def test_blocks_of_jacobian(monkeypatch: pytest.MonkeyPatch):
    module = import_module("benchmarks.bundle_adjustment")
    monkeypatch.setattr(module, "SIZE", (2, 3, 4))
    cameras, points, weights, places, views = module.arguments(module.SIZE)
    value, blocks = module._c()()
    assert distance(value, module.residuals(cameras, points, weights, places, views)) < 1e-13
    assert distance(value, module._c(primal=True)()) == 0
    jacobian = da.jacfwd(module.residual, (0, 1, 2))
    for i, (camera, point) in enumerate(views):
        expected = jacobian(cameras[camera], points[point], weights[i], places[i])
        assert distance(tuple(block[i] for block in blocks), expected) < 1e-13


def test_k_means(monkeypatch: pytest.MonkeyPatch):
    module = import_module("benchmarks.k_means")
    monkeypatch.setattr(module, "SIZE", (9, 3, 2))
    expected = module._numpy()()
    for made in (module._c()(), module._dialectad("auto")()):
        assert distance(made, expected) < 1e-13


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
