"""The mistakes of one line that `errors.md` lists: each is compiled with what its parameters stand for.

`x` is a vector, `z` one of complex numbers, `A` a matrix, `k` a vector of integers, `n` an integer.
"""

# pyright: reportCallIssue=false, reportArgumentType=false

from __future__ import annotations

import ast
import copy
import inspect
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

import dialectad as da
from dialectad.errors import CompileError

ARGUMENTS = {
    "x": np.arange(1.0, 5.0),
    "z": np.arange(1.0, 5.0) + 1j,
    "A": np.array([[2.0, 1.0], [1.0, 3.0]]),
    "k": np.arange(4),
    "n": 3,
    "rng": np.random.default_rng(0),
}
"""What the parameters of the lines below stand for, by name."""

rng_outside = np.random.default_rng(0)
_around = np.zeros(4)
_square = np.eye(2)
_masked = np.ma.array(np.zeros(4))


def total(x: Any) -> Any:
    return np.sum(x)


def with_vjp(function: Any, fwd: Any, bwd: Any) -> Any:
    custom = da.custom_vjp(function)
    custom.defvjp(fwd, bwd)
    return custom


def with_jvp(function: Any, rule: Any) -> Any:
    custom = da.custom_jvp(function)
    custom.defjvp(rule)
    return custom


_NO_RULE = da.custom_vjp(total)
_double = da.custom_jvp(lambda x, **options: 2.0 * x)
_double.defjvp(lambda primals, tangents: (2.0 * primals[0], 2.0 * tangents[0]))

Group = tuple[Callable[..., Any], ...]

LINES: dict[str, Group] = {
    "Values that are known only at run time": (
        lambda x: np.histogram(x, x[x > 1.0]),
        lambda x: da.jit(np.sin).lower(x),
        lambda x: da.jit(np.sin).compiled(x),
        lambda x, n: da.jit(lambda a: a)(np.sin(x[:n])).foo,
        lambda A, n: np.linalg.lstsq(A[:, :n], A[0]),
        lambda x: math.nextafter(x[0], 1.0) + math.perm(x[0]),
        lambda x, n: x[:: n + 1],
        lambda n: list(range(n)),
        lambda n: list(reversed(range(n))),
        lambda x, n: list(np.ndindex(n, 2)),
        lambda x: f"{x[0]}".upper(),
        lambda x: f"{x[0]}",
        lambda x: x.flags,
        lambda x: x.tobytes(),
        lambda x, n: np.may_share_memory(x[1:], x[n:]),
        lambda x: (i for i in x),
        lambda n: np.arange(0.0, n, 0.5),
        lambda x: np.random.default_rng(x[0]).random(),
        lambda x: rng_outside.random() + x,
        lambda x: np.random.random() + x,
        lambda x: time.time() + x,
        lambda x: random.random() + x,
        lambda k: int("7", k[0]),
        lambda x: math.fsum(x) + math.ulp(x[0]) + math.nextafter(x[0], 2.0, steps=2),
        lambda x, n: np.partition(x, n),
        lambda x, n: np.insert(x, n, 0.0),
        lambda x, n: np.add.reduceat(x, [0, n]),
        lambda x, n: np.histogram(x, bins=n),
        lambda x: np.histogram(x, bins="auto"),
        lambda x, n: np.fft.fft(x[:n]),
        lambda x, n: np.convolve(x[:n], x),
        lambda A, n: np.diagonal(A[:n]),
        lambda x, n: np.roll(x[:n], 1),
        lambda x, n: np.pad(x[:n], 1, mode="wrap"),
        lambda A, n: np.linalg.lstsq(A[:n], A[:n, 0]),
        lambda A, n: np.linalg.qr(A[:n], mode="complete"),
        lambda A, n: scipy.linalg.lu_factor(A[:n]),
        lambda x, n: scipy.special.polygamma(n, x),
    ),
    "Types and indices": (
        lambda x: x.__setitem__(np.array([[0, 1]]), np.ones((3, 1, 1))),
        lambda x: np.sum(object(), where=x > 0),
        lambda A: A.__setitem__(([0, 1], 0), np.ones(3)),
        lambda x: np.zeros(x[0]),
        lambda x: np.hypot(x, object()),
        lambda x: np.array(["a"]) + x,
        lambda k: k * np.array([2**64], dtype=object),
        lambda x: x.__setitem__([0, 1], np.ones(3)),
        lambda x: x.astype(np.longdouble),
        lambda k: k.astype(np.float16),
        lambda k: np.sqrt(k.astype(np.int8)),
        lambda k: k + 2**63,
        lambda x: np.array([x[0], None]),
        lambda x: np.array({"a": x[0]}),
        lambda x: [v + 1.0 for v in x[:1].reshape(())],
        lambda x: x[: x[0]],
        lambda x: np.where(x > 0, _masked, x),
        lambda x: np.array([1, "a"], dtype=object) + x,
        lambda x: np.bitwise_and(x, x),
        lambda x: x[True],
        lambda x: x["a"],
        lambda x: x[0, ..., ...],
        lambda x: x[np.array([0.5])],
        lambda x: x[::0],
        lambda x: x.__setitem__(x > 0, np.ones((2, 2))),
        lambda x: x.__setitem__(0, 1j),
        lambda x: x[:, None] + np.ones((3, 3)),
        lambda x: x[np.array([True, False])],
        lambda x: x[[0, 1]].__setitem__([0, 1], np.ones(3)),
        lambda x: 1.0 if x > 0 else 2.0,
        lambda x: min(x, x),
        lambda x: len(x[:1].reshape(())),
        lambda x: list(zip(x, x[:2], strict=True)),
        lambda n: range(0, n, 0),
        lambda x: range(x[0]),
        lambda x: math.floor(x),
    ),
    "Functions of NumPy and SciPy": (
        lambda x: np.hypot.accumulate(x[0]),
        lambda x: np.histogram(x, bins=2.5),
        lambda x: np.astype(x[:1].item(), int),
        lambda A: scipy.linalg.qr(A, pivoting=True),
        lambda x: np.lexsort(x[:0, None]),
        lambda x: x.astype(int, casting="safe"),
        lambda x: np.ones(4).item() + x.item(),
        lambda x: np.sum(x, axis=0.5),
        lambda x: np.zeros(1.5) + x,
        lambda x: np.sort(x, kind=3),
        lambda x: np.partition(x, 1.5),
        lambda x: np.searchsorted(x, 1.0, sorter=x),
        lambda x: np.take_along_axis(x, x, 0),
        lambda x: np.bincount(x),
        lambda x: np.histogram(x, bins=None),
        lambda x: np.place(2.0, x > 0, x),
        lambda x: np.add.accumulate(x[0]),
        lambda z: np.fft.rfft(z),
        lambda x: np.unravel_index(x, (2, 2)),
        lambda x: np.packbits(x),
        lambda x: np.unpackbits(x),
        lambda A: np.polyfit(A, A, 1),
        lambda x: np.polyfit(x[:0], x[:0], 1),
        lambda x: np.polyfit(x, x[:, None, None], 1),
        lambda x: np.polyfit(x, x[:2], 1),
        lambda x: np.polyfit(x, x, 1, w=x[:, None]),
        lambda x: np.polyfit(x, x, 1, w=x[:2]),
        lambda x: scipy.special.polygamma(-1, x),
        lambda A: scipy.linalg.eigh(A, subset_by_index=[0, 0]),
        lambda x: math.gcd(x[0], 2),
        lambda x: np.negative(x > 0),
        lambda x: np.fill_diagonal(_square, x[0]),
        lambda x: np.add.at([0.0], [0], x[0]),
        lambda x: np.put([0.0], [0], x[:1]),
        lambda x: np.add(x, x, out=[0.0]),
        lambda x: np.real_if_close(x),
        lambda x: np.isnat(x),
        lambda x: scipy.special.fresnel(x),
        lambda x: np.add(x, x, order="F"),
        lambda x: np.add(x, x, where=x > 0),
        lambda x: np.add(x, x, out=_around),
        lambda x: np.add.at(_around, [0], x[0]),
        lambda x: np.add.outer(x, x, dtype=object),
        lambda x: np.less.accumulate(x),
        lambda x: np.sum(x, spam=1),
        lambda x: np.max(x, where=x > 0),
        lambda x: np.put(_around, [0], x[:1]),
        lambda x: np.vectorize(np.sum, signature="(n)->()")(x),
        lambda x: np.einsum(x, [0], x, [0]),
        lambda x: np.gradient(x, x),
        lambda A: np.fill_diagonal(A, 1.0, wrap=True),
        lambda x: np.pad(x, 1, mode="linear_ramp"),
        lambda x: np.round(x > 0),
        lambda k: np.round(k, -1),
        lambda x: np.quantile(x, 0.5, weights=x, method="inverted_cdf"),
        lambda A: np.unique(A, axis=0),
        lambda A: np.linalg.qr(A, mode="raw"),
        lambda A: np.linalg.pinv(A, hermitian=True),
        lambda A: np.linalg.svd(A, hermitian=True),
        lambda A: np.poly(A),
        lambda A: scipy.linalg.solve(A, A, assume_a="banded"),
        lambda A: scipy.linalg.lu(np.stack([A, A])),
        lambda A: scipy.linalg.block_diag(np.stack([A, A])),
    ),
    "Complex numbers": (
        lambda z: np.count_nonzero(z, spam=1),
        lambda z: np.add(z, z, out=z, casting="no", dtype=np.complex64),
        lambda z: da.host_callback(np.sum, 1j, z),
        lambda z: np.cumsum(z, spam=1),
        lambda z: np.ldexp(z, z),
        lambda z: np.add(z, z, out=np.zeros(4, np.complex64), casting="no"),
        lambda z: np.add(z, 1.0, out=np.zeros(4)),
        lambda x, z: np.interp(z, x, x),
        lambda x, z: np.clip(x, z, z),
        lambda x, z: np.bincount([0, 1], z),
        lambda z: np.arctan2(z, z),
        lambda z: np.sum(z, 0, 0, 0, 0, 0, 0, 0, 0),
        lambda z: float(z[0]),
        lambda z: np.floor(z),
        lambda z: np.floor_divide(z, 2.0),
        lambda z: np.histogram(z),
        lambda z: z.astype(float, casting="safe"),
        lambda z: np.logaddexp.reduce(z),
        lambda z: np.add(z, z, where=z.real > 0),
        lambda z: np.add(z, z, order="F"),
        lambda x, z: np.add(x, z, out=x),
        lambda z: np.where(z > 0, z, z),
        lambda z: np.sum(z, spam=1),
        lambda x, z: np.digitize(x, z),
        lambda x, z: np.searchsorted(x, z),
        lambda z: da.host_callback(np.sin, np.zeros(4, complex), z),
        lambda z: da.jacrev(np.abs)(z),
        lambda z: da.jacrev(np.abs, holomorphic=True)(z),
        lambda x: da.jacrev(np.sin, holomorphic=True)(x),
    ),
    "Random numbers": (
        lambda x: np.random.default_rng().random() + x,
        lambda rng: rng.random(dtype=int),
        lambda rng: rng.random(out=np.zeros(2, int)),
        lambda rng: rng.dirichlet([1.0, 1.0]),
        lambda x: np.random.Generator(np.random.MT19937(0)).random() + x,
        lambda rng: rng.standard_exponential(method="inv"),
        lambda rng, k: rng.integers(k, k + 1),
        lambda rng: rng.integers(3, dtype=np.uint8),
        lambda rng: rng.shuffle([1, 2, 3]),
        lambda rng: rng.choice(4, 2, replace=False, p=np.full(4, 0.25)),
    ),
    "What is differentiated": (
        lambda x: da.grad(lambda x: "a")(x),
        lambda x: da.grad(lambda x: x * 2.0)(x),
        lambda x: da.grad(lambda x: np.sum(x > 0))(x),
        lambda x: da.grad(lambda x: None)(x),
        lambda x: da.grad(lambda x: (x[0], x[1]))(x),
        lambda z: da.grad(lambda z: np.sum(z))(z),
        lambda k: da.grad(lambda k: np.sum(k * 0.5))(k),
        lambda x: da.grad(lambda x: np.sum(x), argnums=2)(x),
        lambda x: da.grad(lambda x: x[0], has_aux=True)(x),
        lambda x: da.grad(lambda x: ((x[0], x[1]), x), has_aux=True)(x),
        lambda x: da.jvp(np.sin, (x,), ()),
        lambda x: da.jvp(np.sin, (x,), ((x, x),)),
        lambda x: da.jvp(np.sin, (x,), (x[:2],)),
        lambda x: da.vjp(np.sin, x)[1]((x, x)),
        lambda x: da.vjp(np.sin, x)[1](x[:2]),
        lambda x: da.jacrev(lambda x: x > 0)(x),
        lambda x: da.jacrev(lambda t: t[0])([x, x]),
        lambda x: da.grad(lambda x: x[0], level="tapes")(x),
        lambda x: da.grad(lambda x: x[0], level=da.Level("graph", tune=True))(x),
        lambda x: da.grad(lambda x: x[0], level=da.Level("linalg", without=("cse", "magic")))(x),
        lambda x: da.at_level("tape")(np.sin)(x),
        lambda x: da.at_level("loop")(da.at_level("linalg")(np.sin))(x),
        lambda x: da.jvp(
            with_vjp(np.sin, lambda x: (np.sin(x), x), lambda r, d: (d * np.cos(r),)), (x,), (x,)
        ),
    ),
    "Functions with derivatives of their own": (
        lambda x: da.grad(with_vjp(lambda y: y.sort() or y[0], lambda y: (y[0], y), lambda r, d: (r,)))(x),
        lambda x: da.grad(lambda y: da.host_callback(np.sum, 0.0, y, vjp=lambda y, d: d * y))(x),
        lambda x: da.host_callback(np.sum, x, x),
        lambda x: da.host_callback(lambda a: (a, a), x, x),
        lambda x: da.grad(_NO_RULE)(x),
        lambda x: da.grad(lambda x: np.sum(_double(x, a=1.0)))(x),
        lambda x: da.grad(with_vjp(total, total, lambda r, d: (r * d,)))(x),
        lambda x: da.grad(with_vjp(total, lambda x: (x, x), lambda r, d: (r * d,)))(x),
        lambda x: da.grad(with_vjp(total, lambda x: ((x[0], x[1]), x), lambda r, d: (r * d,)))(x),
        lambda x: da.grad(with_vjp(total, lambda x: (True, x), lambda r, d: (r * d,)))(x),
        lambda x: da.grad(with_vjp(total, lambda x: (np.sum(x), x), lambda r, d: r * d))(x),
        lambda x: da.grad(with_vjp(total, lambda x: (np.sum(x), x), lambda r, d: ((r, d),)))(x),
        lambda x: da.grad(with_vjp(total, lambda x: (np.sum(x), x), lambda r, d: (r[:2],)))(x),
        lambda x: da.grad(with_jvp(total, lambda p, t: np.sum(t[0])))(x),
        lambda x: da.grad(with_jvp(total, lambda p, t: (np.sum(p[0]), (t[0], t[0]))))(x),
        lambda x: da.host_callback(np.sin, "like this", x),
        lambda x: da.grad(lambda y: da.host_callback(np.sum, 0.0, y))(x),
    ),
    "Shapes with names": (
        lambda x: da.jit(np.sin, dynamic_shapes={"y": "n"})(x),
        lambda x: da.jit(np.sin, dynamic_shapes="n - 1")(x),
        lambda x: da.jit(np.sin, dynamic_shapes="n, m")(x),
        lambda x: da.jit(np.sin, dynamic_shapes="5")(x),
        lambda x: da.jit(np.sin, dynamic_shapes=(["n"],))(x),
        lambda x: da.jit(np.sin, dynamic_shapes="n")(2.0),
        lambda x: da.jit(lambda x: x)(np.array([None])),
    ),
    "Functions that are mapped": (
        lambda x: da.vmap(np.sin, in_axes=(0, 0))(x),
        lambda x: da.vmap(lambda row: row.sort())(x[:, None]),
        lambda x: da.vmap(np.sin, in_axes=((0, 0),))(x),
        lambda x: da.vmap(lambda x, name: x)(x, "name"),
        lambda x: da.vmap(np.sin, in_axes=1)(x),
        lambda x: da.vmap(np.sin, in_axes=None)(x),
        lambda x: da.vmap(np.add)(x, x[:2]),
        lambda x: da.vmap(np.sin, out_axes=None)(x),
    ),
}

DIRECT = frozenset({"Shapes with names"})
"""The groups of lines that compile something themselves, and are run as they are."""


@dataclass(frozen=True)
class Line:
    """A function of one line that can't be compiled."""

    function: Callable[..., Any]
    is_direct: bool

    @property
    def line(self) -> int:
        return self.function.__code__.co_firstlineno

    @property
    def source(self) -> str:
        """What the function computes."""
        return ast.unparse(_TREES[self.line].body)

    def run(self, function: Callable[..., Any]) -> Any:
        given = [ARGUMENTS[name] for name in inspect.signature(self.function).parameters]
        return function(*copy.deepcopy(given))

    @cached_property
    def error(self) -> CompileError:
        """What compiling it raises."""
        try:
            self.run(self.function if self.is_direct else da.jit(self.function))
        except CompileError as error:
            return error
        raise AssertionError(f"{self.source} can be compiled")

    def is_refused_by_numpy(self) -> bool:
        """Whether it raises an exception without the compiler, too."""
        try:
            self.run(self.function)
        except Exception:
            return True
        return False


_TREES = {
    node.lineno: node
    for node in reversed(list(ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))))
    if isinstance(node, ast.Lambda)
}
"""The outermost function that begins in a line."""

GROUPS = {name: tuple(Line(function, name in DIRECT) for function in group) for name, group in LINES.items()}
