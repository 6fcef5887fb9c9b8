"""Random programs with nested control flow, in both modes."""

import numpy as np
import pytest

from tests.ad.check import check
from tests.ad.programs import program


def _arguments(seed: int):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(), rng.standard_normal(4), rng.standard_normal((4, 4))


@pytest.mark.parametrize("seed", range(20))
def test_first_order(seed):
    check(program(seed), *_arguments(seed), tolerance=20)


@pytest.mark.parametrize("seed", range(100, 104))
def test_second_order(seed):
    check(program(seed, size=5), *_arguments(seed), order=2, tolerance=20)
