"""`vmap` against a Python loop over the slices, and together with derivatives."""

import dataclasses

import numpy as np
import pytest

import dialectad as da

A = np.linspace(-1.0, 1.0, 24).reshape(2, 3, 4)
B = np.linspace(0.1, 0.9, 12).reshape(4, 3)


@dataclasses.dataclass
class Pair:
    first: object
    second: object


def control_flow(x, w):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0.2:
            total += x[i] * w
        while total > 1.0:
            total *= 0.5
    return total


_CASES = {
    "scalars": (lambda x: x * 2, 0, 0, (np.arange(3),)),
    "rows": (lambda x: np.sum(x) * x, 0, 0, (B,)),
    "columns": (lambda x: np.cumsum(x), 1, 1, (B,)),
    "last": (lambda x: x.T, -1, -1, (A,)),
    "middle": (lambda x, w: x @ w, (1, None), 1, (A, np.ones(4))),
    "none": (lambda x, n, name: {"a": x * n, "b": (x[0] > 0, len(name))}, (0, None, None), 0, (B, 3, "ab")),
    "pytrees": (
        lambda p, q: Pair(p["u"] + q[0], p["v"] * q[1]),
        ({"u": 1, "v": None}, 0),
        0,
        ({"u": B, "v": 2.0}, [np.ones((3, 4)), np.arange(3.0)]),
    ),
    "control flow": (control_flow, (0, None), 0, (B, 3.0)),
    "fortran": (lambda x: x[::-1], 0, 0, (np.asfortranarray(B),)),
    "strided": (lambda x: x * 1, 0, 0, (B[::2, ::-1],)),
    "empty": (lambda x: x + 1.0, 0, 0, (np.zeros((0, 2)),)),
    "one": (lambda x: np.max(x), 0, 0, (np.ones((1, 2), np.float32),)),
    "bools": (lambda x: x > 0, 0, 0, (A[0, 0],)),
}


def _flat(tree):
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in _flat(tree[key])]
    if isinstance(tree, Pair):
        return [*_flat(tree.first), *_flat(tree.second)]
    return [leaf for part in tree for leaf in _flat(part)] if isinstance(tree, list | tuple) else [tree]


def _axes(axes, tree):
    if isinstance(tree, dict):
        return [a for key in tree for a in _axes(axes[key] if isinstance(axes, dict) else axes, tree[key])]
    if isinstance(tree, list | tuple):
        parts = axes if isinstance(axes, tuple) else (axes,) * len(tree)
        return [a for part, inner in zip(parts, tree, strict=True) for a in _axes(part, inner)]
    return [axes]


def _sliced(args, axes, i):
    def take(tree, axes):
        if isinstance(tree, dict):
            return {k: take(v, axes[k] if isinstance(axes, dict) else axes) for k, v in tree.items()}
        if isinstance(tree, list):
            return [take(v, axes) for v in tree]
        return tree if axes is None else np.take(tree, i, axis=axes)

    axes = axes if isinstance(axes, tuple) else (axes,) * len(args)
    return [take(a, x) for a, x in zip(args, axes, strict=True)]


@pytest.mark.parametrize("case", _CASES)
def test_is_a_loop(case):
    f, in_axes, out_axes, args = _CASES[case]
    got = _flat(da.vmap(f, in_axes, out_axes)(*args))
    leaves, axes = _flat(list(args)), _axes(in_axes, args)
    count = next(np.shape(leaf)[a] for leaf, a in zip(leaves, axes, strict=True) if a is not None)
    if not count:
        assert [g.shape for g in got] == [args[0].shape]
        return
    rows = [_flat(f(*_sliced(args, in_axes, i))) for i in range(count)]
    for g, parts in zip(got, zip(*rows, strict=True), strict=True):
        expected = np.stack(parts, axis=out_axes)
        np.testing.assert_allclose(g, expected, rtol=1e-13)
        assert g.dtype == expected.dtype


@pytest.mark.parametrize("level", ["tape", "graph", "linalg", "loop", "llvm", "mixed", "auto"])
def test_nests_with_derivatives(level):
    def f(x, w):
        return np.sum(np.sin(x) * w) ** 2

    w = np.array([0.3, -0.2, 0.5])
    total = np.sum(np.sin(B) * w, axis=1)
    each = 2.0 * total[:, None] * np.cos(B) * w
    mapped = da.vmap(f, (0, None))
    gradient = da.grad(lambda w: np.sum(mapped(B, w)), level=level)(w)
    np.testing.assert_allclose(gradient, 2.0 * total @ np.sin(B), rtol=1e-12)
    np.testing.assert_allclose(da.vmap(da.grad(f, level=level), (0, None))(B, w), each, rtol=1e-12)
    tangent = da.jvp(mapped, (B, w), (np.ones_like(B), 0 * w), level=level)[1]
    np.testing.assert_allclose(tangent, each.sum(1), rtol=1e-12)
    if level in ("linalg", "loop"):
        hessian = da.vmap(da.hessian(f, level=level), (0, None))(B, w)
        jacobian = da.jacrev(lambda x: da.vmap(da.grad(f, level=level), (0, None))(x, w), level=level)(B)
        for k in range(len(B)):
            np.testing.assert_allclose(jacobian[k, :, k], hessian[k], atol=1e-12)


def test_nests_with_itself():
    outer = da.vmap(da.vmap(lambda x, y: x * y, (None, 0)), (0, None))
    np.testing.assert_array_equal(outer(B[0], B[1]), np.outer(B[0], B[1]))
    scale = np.arange(3.0)
    got = da.jit(lambda x: da.vmap(lambda row: row * scale + x[0])(x))(B)  # around values of a function
    np.testing.assert_allclose(got, B * scale + B[0])


def _writes(x):
    x[0] = 1.0
    return x


_BAD = {
    "differ in length": lambda: da.vmap(lambda x, y: x)(B, A),
    "nothing to map over": lambda: da.vmap(lambda x: x, None)(B),
    "can't be mapped over": lambda: da.vmap(lambda x: x)(1.0),
    "out of bounds": lambda: da.vmap(lambda x: x, 2)(B),
    "entries for": lambda: da.vmap(lambda x: x, (0, 0))(B),
    "doesn't fit": lambda: da.vmap(lambda x: x, ((0, 0),))(B),
    "writes into its argument": lambda: da.vmap(_writes)(B),
    "can't be None": lambda: da.vmap(lambda x: x, 0, None)(B),
}


@pytest.mark.parametrize("message", _BAD)
def test_refused(message):
    with pytest.raises(da.CompileError, match=message):
        _BAD[message]()
