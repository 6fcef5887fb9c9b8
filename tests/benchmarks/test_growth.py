"""`benchmarks/growth.py`: the programs that grow are differentiated right."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import growth


@pytest.mark.parametrize("family", growth.FAMILIES)
def test_gradient(family: str) -> None:
    write, arguments = growth.FAMILIES[family]
    loss, (first, *others) = write(np, iter, 12), arguments()
    value, gradient = growth._ours(family, 12)()
    step = np.random.default_rng(0).standard_normal(np.shape(first)) * 1e-6
    difference = loss(first + step, *others) - loss(first - step, *others)
    np.testing.assert_allclose(value, loss(first, *others), rtol=1e-12)
    np.testing.assert_allclose(np.sum(gradient * step), difference / 2, rtol=1e-6)


def test_as_many_operations_as_it_says() -> None:
    counts = {case.coordinates["ops"] for case in growth.cases()}
    assert counts == set(growth.SIZES)
    assert max(counts) == 20_000
