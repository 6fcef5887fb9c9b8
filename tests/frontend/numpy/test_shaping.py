"""Shapes, joining, views that are written through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import bools, floats, integers
from tests.frontend.numpy.harness import check, run

CASES = {
    "reshape": lambda a: a.reshape(4, 6),
    "reshape unknown": lambda a: a.reshape(-1, 2),
    "reshape tuple": lambda a: np.reshape(a, (6, 4)),
    "reshape F": lambda a: a.reshape((6, 4), order="F"),
    "ravel": np.ravel,
    "ravel F": lambda a: a.ravel(order="F"),
    "ravel T": lambda a: a.T.ravel(),
    "flatten": lambda a: a.flatten(),
    "transpose": np.transpose,
    "transpose axes": lambda a: a.transpose(1, 2, 0),
    "T": lambda a: a.T,
    "mT": lambda a: a.mT,
    "swapaxes": lambda a: a.swapaxes(0, -1),
    "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "moveaxis several": lambda a: np.moveaxis(a, (0, 1), (-1, 0)),
    "rollaxis": lambda a: np.rollaxis(a, 2),
    "rollaxis start": lambda a: np.rollaxis(a, 0, 3),
    "expand_dims": lambda a: np.expand_dims(a, (0, -1)),
    "squeeze": lambda a: np.squeeze(a[:1, :, None]),
    "squeeze axis": lambda a: a[:1].squeeze(axis=0),
    "atleast": lambda a: (np.atleast_3d(a[0]), np.atleast_2d(a[0, 0]), np.atleast_1d(a[0, 0, 0])),
    "atleast 3": lambda a: np.atleast_3d(a[0, 0]),
    "flip": np.flip,
    "flip axis": lambda a: np.flip(a, (0, 2)),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": lambda a: [np.rot90(a, k) for k in range(5)],
    "rot90 axes": lambda a: np.rot90(a, 1, (2, 1)),
    "roll": lambda a: np.roll(a, 5),
    "roll axis": lambda a: np.roll(a, -1, axis=1),
    "roll axes": lambda a: np.roll(a, (1, 2), axis=(0, 2)),
    "roll zero": lambda a: np.roll(a, 0, axis=0),
    "tile": lambda a: np.tile(a, (2, 1, 3)),
    "tile more": lambda a: np.tile(a, (2, 1, 1, 2)),
    "tile one": lambda a: np.tile(a, 2),
    "repeat": lambda a: np.repeat(a, 3),
    "repeat axis": lambda a: a.repeat(2, axis=1),
    "repeat several": lambda a: np.repeat(a, [1, 0, 2], axis=1),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "broadcast_arrays": lambda a: list(np.broadcast_arrays(a, a[:, :1], 1.0)),
    "concatenate": lambda a: np.concatenate([a, a[:, :2]], axis=1),
    "concatenate None": lambda a: np.concatenate([a, a[0]], axis=None),
    "concatenate dtypes": lambda a: np.concatenate([a[0, 0], np.arange(3)]),
    "concatenate empty": lambda a: np.concatenate([a[0, 0], a[0, 0, :0]]),
    "stack": lambda a: np.stack([a, a + 1], axis=1),
    "stack last": lambda a: np.stack((a, a, a), axis=-1),
    "stack array": lambda a: np.stack(a, axis=1),
    "stack numbers": lambda a: np.stack([a[0, 0, 0], 1.0, 2]),
    "hstack": lambda a: np.hstack([a[0], a[1]]),
    "hstack vectors": lambda a: np.hstack([a[0, 0], 1.0, [2, 3]]),
    "vstack": lambda a: np.vstack([a[0, 0], a[0]]),
    "dstack": lambda a: np.dstack([a[0], a[1]]),
    "column_stack": lambda a: np.column_stack([a[0, :, 0], a[1]]),
    "append": lambda a: np.append(a, 3.0),
    "append axis": lambda a: np.append(a, a[:, :1], axis=1),
    "insert": lambda a: np.insert(a, 1, 9.0, axis=1),
    "block": lambda a: np.block([[a[0], a[0]], [a[1], np.zeros((3, 4))]]),
    "split": lambda a: np.split(a, 2, axis=2),
    "split places": lambda a: np.split(a, [1, 3], axis=2),
    "array_split": lambda a: np.array_split(a, 3, axis=2),
    "hsplit": lambda a: np.hsplit(a, 3),
    "vsplit": lambda a: np.vsplit(a, 2),
    "dsplit": lambda a: np.dsplit(a, 2),
    "diag": lambda a: np.diag(a[0]),
    "diag offset": lambda a: np.diag(a[0], 1),
    "diag below": lambda a: np.diag(a[0], -1),
    "diag vector": lambda a: np.diag(a[0, 0]),
    "diag vector offset": lambda a: (np.diag(a[0, 0], 2), np.diag(a[0, 0], -1)),
    "diagonal": lambda a: a.diagonal(0, 1, 2),
    "diagonal outer": lambda a: np.diagonal(a, -1, 2, 0),
    "tril": lambda a: np.tril(a),
    "triu": lambda a: np.triu(a, 1),
    "tril offset": lambda a: np.tril(a, -1),
    "take": lambda a: np.take(a, [0, 2, 2], axis=2),
    "take flat": lambda a: np.take(a, 7),
    "take modes": lambda a: (a.take([5, -9], axis=1, mode="wrap"), a.take([5, -9], axis=1, mode="clip")),
    "take_along_axis": lambda a: np.take_along_axis(a, np.argmax(a, axis=1, keepdims=True), axis=1),
    "pad": lambda a: np.pad(a, 1),
    "pad values": lambda a: np.pad(a[0], ((1, 2), (0, 3)), constant_values=4.0),
    "pad several values": lambda a: np.pad(a[0], 1, constant_values=((1, 2), (3, 4))),
    "pad edge": lambda a: np.pad(a, ((0, 0), (1, 2), (3, 0)), mode="edge"),
    "pad reflect": lambda a: np.pad(a, ((0, 0), (1, 2), (3, 2)), mode="reflect"),
    "pad symmetric": lambda a: np.pad(a, ((2, 2), (1, 2), (3, 6)), mode="symmetric"),
    "pad wrap": lambda a: np.pad(a, ((2, 1), (1, 2), (3, 6)), mode="wrap"),
    "where": lambda a: np.where(a > 0, a, 0),
    "where broadcast": lambda a: np.where(a[0] > 0, a, a[1]),
    "where number": lambda a: np.where(True, a, 1.0),
    "select": lambda a: np.select([a > 1, a > 0], [a * 2, a], default=-1.0),
    "choose": lambda a: np.choose((a > 0).astype(int), [a, -a]),
    "clip": lambda a: np.clip(a, -0.5, 0.5),
    "clip one": lambda a: a.clip(min=0),
    "clip array": lambda a: np.clip(a, a[0], 1),
    "nan_to_num": lambda a: np.nan_to_num(a / (a > 0)),
    "isclose": lambda a: (np.isclose(a, a + 1e-9), np.allclose(a, a), np.isclose(a, np.nan, equal_nan=True)),
    "array_equal": lambda a: (np.array_equal(a, a), np.array_equal(a, a + 1), np.array_equal(a, a[0])),
    "searchsorted": lambda a: np.searchsorted(np.array([-1.0, 0.0, 0.5]), a),
    "searchsorted right": lambda a: np.searchsorted(
        np.array([0, 1, 1, 2]), (a * 2).astype(int), side="right"
    ),
    "interp": lambda a: np.interp(a, np.array([-1.0, 0.0, 0.5]), np.array([1.0, 3.0, 2.0])),
    "interp ends": lambda a: np.interp(a, [-1.0, 0.5], [1.0, 3.0], left=-7, right=9),
    "round": lambda a: (np.round(a), a.round(2), np.round(a * 100, -1), np.round(a.astype(int))),
    "fix": lambda a: np.fix(a * 3),
    "meshgrid": lambda a: list(np.meshgrid(a[0, 0], a[0, :, 0])),
    "meshgrid ij": lambda a: list(np.meshgrid(a[0, 0], a[0, :, 0], indexing="ij", sparse=True)),
    "copy": lambda a: (a.copy(), np.copy(a), a.astype(np.float32), a.astype(int)),
    "questions": lambda a: (np.shape(a), np.size(a), np.ndim(a), np.size(a, 1), np.isscalar(a[0, 0, 0])),
    "types": lambda a: (np.iscomplexobj(a), np.real(a), a.real),
    "tolist": lambda a: a[0].tolist(),
    "item": lambda a: (a[0, 0, 0].item(), a.item(5), a.item(0, 1, 2), a[:1, :1, :1].item()),
    "methods": lambda a: (a.sum(0), a.mean(), a.max(axis=1), a.argmin(), a.cumsum(), a.dot(a[0].T)),
    "vander": lambda a: np.power.outer(a[0, 0], np.arange(3)),
}


@pytest.mark.parametrize("case", CASES)
def test_functions(case: str) -> None:
    check(CASES[case], floats(2, 3, 4))


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.split()[0] in "reshape ravel flip roll stack split concatenate tile".split()],
)
def test_functions_of_integers_and_bools(case: str) -> None:
    check(CASES[case], integers(2, 3, 4))
    if "dtypes" not in case and "numbers" not in case and case != "stack":
        check(CASES[case], bools(2, 3, 4))


def writes(view: Any) -> Any:
    """Writes through a view of its argument."""

    def function(a: Any) -> None:
        part = view(a)
        part[...] = np.arange(part.size).reshape(part.shape)

    return function


VIEWS = {
    "reshape": lambda a: a.reshape(6, 4),
    "reshape of a copy": lambda a: a.T.reshape(-1),
    "reshape of rows": lambda a: a[1:].reshape(-1),
    "reshape of a slice": lambda a: a[:, 1:].reshape(-1),
    "reshape of slices in the middle": lambda a: a[:, 1:2].reshape(2, 4),
    "reshape of a step": lambda a: a[:, ::2].reshape(2, 2, 2, 2),
    "ravel": np.ravel,
    "ravel of a transposed array": lambda a: a.T.ravel(),
    "flatten": lambda a: a.flatten(),
    "transpose": lambda a: a.transpose(2, 0, 1),
    "swapaxes": lambda a: a[0].swapaxes(0, 1),
    "expand_dims": lambda a: np.expand_dims(a[1], 1),
    "squeeze": lambda a: a[:1].squeeze(),
    "flip": lambda a: np.flip(a, 1),
    "rot90": lambda a: np.rot90(a[0]),
    "split": lambda a: np.split(a, 2, axis=2)[1],
    "moveaxis": lambda a: np.moveaxis(a, 0, 2)[1],
    "atleast": lambda a: np.atleast_2d(a[0, 1]),
    "asarray": np.asarray,
    "array": np.array,
    "a view of views": lambda a: a.T[::-1].reshape(4, 6)[1:3, ::2].T,
}


@pytest.mark.parametrize("case", VIEWS)
def test_writes_through_views(case: str) -> None:
    check(writes(VIEWS[case]), floats(2, 3, 4))


def test_flip_of_an_unknown_size() -> None:
    def function(a: Any) -> Any:
        total = np.zeros(4)
        for k in range(4):
            total[: k + 1] += np.flip(a[0, 0, : k + 1]) * k
            np.flip(a[1, :, :k])[0] = total[:k]
        return total

    check(function, floats(2, 3, 4))


def test_in_place_functions() -> None:
    def function(a: Any, m: Any) -> None:
        np.copyto(a, 1.0, where=m)
        np.putmask(a, a > 2, a * 2)
        a[0].fill(3)
        np.fill_diagonal(a, 7.0)
        np.put_along_axis(a, np.argmin(a, axis=1, keepdims=True), 5.0, axis=1)

    check(function, floats(3, 4), bools(3, 4))


def test_mistakes() -> None:
    a = floats(2, 3)
    for function, message in [
        (lambda a: a.reshape(4, 2), "cannot reshape array of size 6 into shape"),
        (lambda a: a.reshape(-1, -1), "one unknown dimension"),
        (lambda a: a.reshape(-1, 4), "cannot reshape"),
        (lambda a: a.transpose(0), "axes don't match"),
        (lambda a: np.concatenate([a, a[:, :2]]), "must match exactly"),
        (lambda a: np.concatenate([a, a[0]]), "must match"),
        (lambda a: np.stack([a, a[0]]), "same shape"),
        (lambda a: np.split(a, 2, axis=1), "equal division"),
        (lambda a: np.squeeze(a, 0), "not equal to one"),
        (lambda a: np.broadcast_to(a, (2, 4)), "broadcast"),
        (lambda a: np.pad(a, 1, mode="mean"), "not supported"),
        (lambda a: a.astype(np.float16), "float16 is not supported"),
        (lambda a: np.expand_dims(a, 5), "out of bounds"),
    ]:
        with pytest.raises(CompileError, match=message):
            run(function, a)
