"""Every sample program, compiled, gives what NumPy gives. `tests/test_levels.py` has their derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from tests.gradients import fresh
from tests.samples import SAMPLES, Sample


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_value(sample: Sample) -> None:
    ours, theirs = fresh(sample.args), fresh(sample.args)
    expected = sample.function(*theirs)
    found = da.jit(sample.function)(*ours)
    np.testing.assert_allclose(found, expected, rtol=sample.tolerance)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert type(found) is type(expected)
    np.testing.assert_equal(ours, theirs)


def test_names_are_unique() -> None:
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES)
