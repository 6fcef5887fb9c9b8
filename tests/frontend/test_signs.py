"""Unsigned integers: what NumPy gives, in compiled code and at every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, ModuleOp, Signedness
from xdsl.ir import Block

import dialectad as da
from dialectad.frontend import dtypes, emit, pytrees
from dialectad.frontend.program import Signature, trace_program
from dialectad.frontend.tracing import Trace, tracing
from tests.gradients import fresh

u8, u16, u32, u64 = np.uint8, np.uint16, np.uint32, np.uint64
LEVELS = ("tape", "graph", "linalg", "loop", "llvm")


def hashed(x, count):
    """Unsigned numbers that a loop carries, and branches on them."""
    h = u32(2166136261)
    for i in range(count):
        h = (h ^ x[i % 4]) * u32(16777619)
        if h > u32(2**31):
            h = h // u32(3)
        x[i % 4] ^= h.astype(u8)
    return h, x


def collatz(n):
    steps = 0
    while n != 1:
        n = n // u64(2) if n % 2 == 0 else u64(3) * n + u64(1)
        steps += 1
    return n, steps


def stored(x, i):
    x[0] = i
    return x


def added(x, i):
    return x + i, x > i, i != x


def converted(x, f):
    integers = tuple(x.astype(f"{sign}int{n}") for sign in ("", "u") for n in (8, 16, 32, 64))
    floats = tuple(f.astype(t) for t in (u8, u16, u32, u64))
    return integers, floats, x.astype(float), x.astype(bool), int(x[1]), x[1].item(), float(x[0]), np.int8(x)


def counted(n):
    total = 0
    for i in range(n):
        total += i
    return total


def made(n):
    return [
        *(np.zeros(2, u8), np.full(2, 255, u8), np.arange(250, 256, dtype=u8), np.eye(2, dtype=u16)),
        *(np.array([2**63 + 5, n], u64), np.linspace(0, 255, 4, dtype=u8), u8(200) + u8(100), u8(n)),
    ]


def compared(x, i):
    return x == 2**64 - 1, x < 2**70, x > -5, x > i, x & (2**64 - 1), x // 3, x % 7


def of_python(x, y):
    return min(x, y), max(x, y), abs(x), divmod(x, y), pow(x, 2), sum([x, y]), (x if x > y else y)


BYTES = np.array([3, 250, 100, 77], u8)
LARGE = np.array([2**63 + 2048, 3, 255], u64)
FLOATS = np.array([1.5, -3.7, 200.7, 0.0])
CASES: list[tuple[Any, ...]] = [
    (hashed, BYTES, 9),
    (collatz, u64(27)),
    (added, BYTES, 3),
    (added, u8(4), 3),
    (added, LARGE, 7),
    (stored, BYTES, 200),
    (converted, BYTES, FLOATS),
    (converted, LARGE, np.array([2.0**63 + 4096, -2.0, 7.0])),
    (converted, np.array([-5, 3, 127], np.int8), FLOATS.astype(np.float32)),
    (made, 5),
    (compared, LARGE, np.array([-1, 3, 4])),
    (of_python, u8(200), u8(100)),
    (lambda x, k: (x[k], np.take(x, k), x[k[0]]), FLOATS, np.array([1, 3], u8)),
    (lambda x, k: x[k], FLOATS, np.array([2**64 - 1], u64)),
    (lambda x, n: (x**n, x >> n, x << n), np.array([3, 255], u8), np.array([200, 3], u8)),
    (counted, u8(200)),
    (lambda x: sum(v for v in x), BYTES),
    (lambda x: (np.mean(x), np.std(x), np.sum(x, dtype=u8), np.maximum.accumulate(x)), BYTES),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_values(case: Any) -> None:
    function, *args = case
    with np.errstate(all="ignore"):
        expected = pytrees.flatten(function(*fresh(args)))[0]
    found = pytrees.flatten(da.jit(function)(*fresh(args)))[0]
    for f, e in zip(found, expected, strict=True):
        assert (type(f), np.asarray(f).dtype) == (type(e), np.asarray(e).dtype)
        np.testing.assert_allclose(f, e, rtol=1e-14)


@pytest.mark.parametrize(
    "case",
    [
        (added, u8(4), 300),
        (added, LARGE, -1),
        (stored, BYTES, 256),
        (stored, np.zeros(2, np.int8), 200),
        (lambda n: u8(n), 256),
        (lambda x: x + 256, BYTES),
        (lambda x: x**-1, BYTES),
        (lambda x: int(x), u64(2**63)),
        (lambda x: np.full(2, 300, u8) + x, BYTES[:2]),
    ],
    ids=lambda c: c[0].__name__,
)
def test_python_integers_must_fit(case: Any) -> None:
    function, *args = case
    with pytest.raises(OverflowError):
        da.jit(function)(*fresh(args))


def weighted(w, x):
    """Floats that depend on unsigned numbers in a loop, in branches, in whole arrays and as indices."""
    s, h = 0.0, u32(2166136261)
    for i in range(x.shape[0]):
        h = (h ^ x[i]) * u32(16777619)
        if h % u32(3) == 0:
            s += w[i] * x[i]
        elif h > u32(2**31):
            s += np.sin(w[i]) * (h >> u32(28))
        else:
            s -= w[i] * w[i] * (h // u32(2**27))
    s += np.sum(w[x % 3]) + np.sum(np.where(x > 200, w * w, w)) + np.sum(np.minimum(x, u8(100)) * w)
    return (
        s + np.sum(w * (x.astype(u64) * u64(2**56 + 1))) * 1e-19 + np.max(x) * w[0] + np.sum(w ** (x % u8(5)))
    )


def looped(w, x):
    n, y = u8(0), w[0]
    while n < x[0]:
        y = y * w[1] + n
        n = n + u8(50)
        if n < 50:
            break
    return y


@pytest.mark.parametrize(
    ("function", "level"),
    [(f, level) for f in (weighted, looped) for level in LEVELS if (f, level) != (looped, "graph")],
    ids=lambda x: getattr(x, "__name__", x),  # a `while` is no static graph
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_derivatives_of_what_depends_on_them(function: Any, level: str) -> None:
    w, x = np.linspace(0.3, 1.1, 5), np.array([200, 3, 255, 17, 254], u8)
    slopes = [(function(w + e, x) - function(w - e, x)) / 2e-6 for e in 1e-6 * np.eye(5)]
    value, gradient = da.value_and_grad(function, level=level)(w, x)
    _, tangent = da.jvp(lambda w: function(w, x), (w,), (np.ones(5),), level=level)
    assert value == pytest.approx(function(w, x), rel=1e-12)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-5)
    assert tangent == pytest.approx(sum(slopes), rel=1e-5)


def test_the_ir_is_signless() -> None:
    signature, _ = Signature.of((BYTES, 9), {})
    for op in trace_program(hashed, signature, "f").module.walk():
        for value in (*op.results, *op.operands):
            element = emit.element(value)
            assert not isinstance(element, IntegerType) or element.signedness.data is Signedness.SIGNLESS


def test_no_op_reads_an_unsigned_number_as_a_signed_one() -> None:
    block = Block(arg_types=[dtypes.to_ir(np.dtype(u8))])
    trace = Trace(ModuleOp([]))
    with tracing(trace), trace.open(block, "function"):
        (x,) = block.args
        for operation in (arith.DivSIOp(x, x), arith.MaxSIOp(x, x), arith.CmpiOp(x, x, "slt")):
            with pytest.raises(AssertionError, match="without a sign"):
                emit.op(operation)
