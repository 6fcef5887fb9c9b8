"""Every sample program, compiled and differentiated in both modes, against NumPy and differences."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.frontend import pytrees
from tests.gradients import directional_difference, double, fresh, inner, random_direction
from tests.samples import SAMPLES, Sample

LEVELS = [level.name for level in da.levels()]


def tolerance(sample: Sample) -> float:
    single = any(getattr(x, "dtype", None) == np.float32 for x in pytrees.flatten(sample.args)[0])
    return 2e-4 if single else 2e-6


@pytest.fixture(params=SAMPLES, ids=lambda s: s.name)
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param


def test_value(sample: Sample) -> None:
    expected = sample.function(*fresh(sample.args))
    found = da.jit(sample.function)(*fresh(sample.args))
    np.testing.assert_allclose(found, expected, rtol=tolerance(sample))
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert type(found) is type(expected)


@pytest.mark.parametrize("level", LEVELS)
def test_derivatives(sample: Sample, level: str) -> None:
    direction = random_direction(sample.args[0])
    expected = directional_difference(sample.function, double(fresh(sample.args)), direction, 1e-6)
    scale = max(1.0, abs(expected))

    value, gradient = da.value_and_grad(sample.function, level=level)(*fresh(sample.args))
    np.testing.assert_allclose(value, sample.function(*fresh(sample.args)), rtol=tolerance(sample))
    assert pytrees.flatten(gradient)[1] == pytrees.flatten(sample.args[0])[1]
    assert abs(inner(gradient, direction) - expected) < 10 * tolerance(sample) * scale

    rest = sample.args[1:]
    _, tangent = da.jvp(
        lambda first: sample.function(first, *fresh(rest)),
        (fresh(sample.args[0]),),
        (direction,),
        level=level,
    )
    assert abs(float(tangent) - expected) < 10 * tolerance(sample) * scale


@pytest.mark.parametrize("level", LEVELS)
def test_second_derivatives(sample: Sample, level: str) -> None:
    if not sample.smooth:
        return
    rest = sample.args[1:]

    def of_first(first):
        return sample.function(first, *rest)

    gradient = da.grad(of_first, level=level)
    first, along = double(fresh(sample.args[0])), random_direction(double(sample.args[0]), 1)
    other = random_direction(first, 2)
    expected = directional_difference(lambda x: inner(gradient(x), other), (first,), along, 1e-6)
    product = da.hvp(of_first, (first,), (along,), level=level)
    found = inner(product, other)
    scale = max(1.0, abs(expected))
    assert abs(found - expected) < 2e-5 * scale

    def slope(x):
        pulled = gradient(x)
        leaves, others = pytrees.flatten(pulled)[0], pytrees.flatten(other)[0]
        return sum(np.sum(g * o) for g, o in zip(leaves, others, strict=True))

    by_reverse = inner(da.grad(slope, level=level)(first), along)
    assert abs(by_reverse - expected) < 2e-5 * scale
