"""Vectors as sets: their elements in order, each once; how many is known only at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.numpy.searching import flatnonzero, isin, take, unique
from dialectad.frontend.numpy.sorting import sort
from dialectad.frontend.numpy.support import array, implements


def _flat(x: Any) -> Any:
    return np.ravel(array(x))


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """numpy.union1d"""
    return unique(np.concatenate([_flat(ar1), _flat(ar2)]))


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    """numpy.setdiff1d"""
    first = _flat(ar1) if assume_unique else unique(ar1)
    return take(first, flatnonzero(isin(first, ar2 if assume_unique else unique(ar2), invert=True)))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: Any = False, return_indices: Any = False) -> Any:
    """numpy.intersect1d"""
    first, second = array(ar1), array(ar2)
    if assume_unique:
        a, b, at_a, at_b = np.ravel(first), np.ravel(second), None, None
    else:
        (a, at_a), (b, at_b) = (unique(x, return_index=True) for x in (first, second))
    both = np.concatenate([a, b])
    order = np.argsort(both)
    ascending = take(both, order)
    pairs = flatnonzero(ascending[1:] == ascending[:-1])
    common = take(ascending, pairs)
    if not return_indices:
        return common
    one, other = take(order, pairs), take(order, pairs + 1) - a.shape[0]
    if at_a is not None and at_b is not None:
        one, other = take(at_a, one), take(at_b, other)
    return common, one, other


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    """numpy.setxor1d"""
    parts = [_flat(x) if assume_unique else unique(x) for x in (ar1, ar2)]
    ascending = sort(np.concatenate(parts))
    differs = ascending[1:] != ascending[:-1]
    alone = np.ones_like(ascending, bool)
    alone[1:] = differs
    alone[:-1] &= differs
    return take(ascending, flatnonzero(alone))


# --- with named results ------------------------------------------------------------------------


def _type_of_results(function: Any) -> Any:
    """The class of a function's results, which NumPy names only by giving one."""
    return type(function(np.zeros(1)))


_ALL, _COUNTS, _INVERSE = map(_type_of_results, (np.unique_all, np.unique_counts, np.unique_inverse))


@implements(np.unique_all)
def unique_all(x: Any) -> Any:
    """numpy.unique_all"""
    return _ALL(*unique(x, True, True, True, equal_nan=False))


@implements(np.unique_counts)
def unique_counts(x: Any) -> Any:
    """numpy.unique_counts"""
    return _COUNTS(*unique(x, return_counts=True, equal_nan=False))


@implements(np.unique_inverse)
def unique_inverse(x: Any) -> Any:
    """numpy.unique_inverse"""
    return _INVERSE(*unique(x, return_inverse=True, equal_nan=False))


@implements(np.unique_values)
def unique_values(x: Any) -> Any:
    """numpy.unique_values: in ascending order"""
    return unique(x, equal_nan=False)
