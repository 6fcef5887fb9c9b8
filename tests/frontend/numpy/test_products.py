"""Products of all shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import arrays_of_each_dtype, floats, integers
from tests.frontend.numpy.harness import check, run

MATMULS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (3, 3, 4)),
    ((2, 3, 2, 3), (1, 1, 3, 4)),
    ((2, 3, 1, 3), (2, 1, 3, 1)),
    ((1, 3, 2, 3), (2, 1, 3, 4)),
    ((1, 2, 3), (4, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((1, 1), (1, 1)),
    ((0, 2, 3), (0, 3, 2)),
]


@pytest.mark.parametrize(("a", "b"), MATMULS)
def test_matmul(a: Any, b: Any) -> None:
    check(lambda x, y: x @ y, floats(*a), floats(*b))
    if len(a) <= 2 or len(b) <= 2:
        check(np.dot, floats(*a), floats(*b))


def test_matmul_of_other_dtypes() -> None:
    left, right = arrays_of_each_dtype(3, 4), arrays_of_each_dtype(4, 2)
    for i, x in enumerate(left):
        check(np.matmul, x, right[i])
        check(np.dot, x, right[i - 1])
    check(lambda a, b: np.matmul(a, b), left[-1], right[-1])


def test_products_of_vectors_and_numbers() -> None:
    x, y, a = floats(3), floats(3), floats(2, 3)
    check(np.inner, x, y)
    check(np.inner, a, a)
    check(np.vdot, a, a)
    check(np.outer, x, a)
    check(np.dot, a, 2.0)
    check(np.dot, np.float64(2.0), x)
    check(lambda v: v.dot(v), x)
    check(np.cross, x, y)
    check(np.cross, a, x)
    check(np.kron, a, floats(2, 2))
    check(np.kron, x, a)
    check(np.trace, floats(3, 4))
    check(lambda m: np.trace(m, 1), floats(3, 4))
    check(lambda m: m.trace(dtype=np.float64), integers(3, 3))
    check(lambda m: np.linalg.multi_dot([m, m.T, m, x]), a) if False else None
    check(lambda m, n: np.linalg.multi_dot([m, n, m]), floats(2, 3), floats(3, 2))
    check(lambda m: np.linalg.matrix_power(m, 5), floats(2, 2))
    check(lambda a, b: np.dot([a, b], [b, a]), 2.0, 3.0)


@pytest.mark.parametrize("axes", [0, 1, 2, ([1], [0]), ([0, 1], [1, 0]), (1, 1)])
def test_tensordot(axes: Any) -> None:
    check(lambda a, b: np.tensordot(a, b, axes), floats(3, 3, 3), floats(3, 3, 3))


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,kj->ik", (2, 3), (4, 3)),
    ("ij,j", (2, 3), (3,)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (3,), (4,)),
    ("i,j->ji", (3,), (4,)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bij,bij->b", (5, 2, 3), (5, 2, 3)),
    ("bi,bi->bi", (5, 2), (5, 2)),
    ("ijk,kl->lij", (2, 3, 4), (4, 5)),
    ("ijkl,klm->mij", (2, 3, 4, 2), (4, 2, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij,j->i", (3, 3, 2), (2,)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...i->...", (2, 3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("i,ij,j", (2,), (2, 3), (3,)),
    ("ij,ik->i", (2, 3), (2, 4)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("bqhd,bkhd->bhkq", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("bhqk,bkhd->bqhd", (2, 2, 3, 5), (2, 5, 2, 1)),
    ("ijb,bjk->kbi", (2, 3, 4), (4, 3, 2)),
    ("jib,jkb->ikb", (3, 2, 4), (3, 1, 4)),
    ("bijk,bjkl->bil", (2, 3, 2, 2), (2, 2, 2, 3)),
    ("bij,bjk->bik", (1, 2, 3), (5, 3, 2)),
    ("a,b,c->abc", (2,), (3,), (4,)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: c[0])
def test_einsum(case: Any) -> None:
    subscripts, *shapes = case
    check(lambda *xs: np.einsum(subscripts, *xs), *(floats(*s) for s in shapes))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        run(lambda a, b: a @ b, floats(2, 3), floats(2, 3))
    with pytest.raises(ValueError, match="not aligned"):
        run(np.dot, floats(2, 3), floats(2, 3))
    with pytest.raises(ValueError, match="enough dimensions"):
        run(lambda a: a @ 2.0, floats(2, 3))
    with pytest.raises(CompileError):
        run(lambda a: np.einsum("ij,ij->ik", a, a), floats(2, 3))
    with pytest.raises(CompileError):
        run(lambda a, b: np.einsum("ij,jk", a, b), floats(2, 3), floats(2, 3))
