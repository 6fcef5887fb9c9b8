"""Traces: the names of functions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.numpy_like import agrees

X = np.arange(1.0, 6.0)


def sin(x):
    return np.sin(x) + 1.0


def tanh(x):
    return np.tanh(x).sum()


def malloc(x):
    return np.zeros((300, 100)).sum() + x


def memcpy(x):
    return x[::-1] + x.copy()


@pytest.mark.parametrize("function", [sin, tanh, malloc, memcpy, np.exp], ids=lambda f: f.__name__)
def test_functions_named_as_the_c_library_s(function):
    agrees(function, X)
