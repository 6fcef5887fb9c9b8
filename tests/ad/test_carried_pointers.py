"""What hands on pointers hands on places instead: it shows which memory, and which shadow, they are of."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import func, llvm, scf
from xdsl.parser import Parser

import dialectad as da
from dialectad import verifier
from dialectad.ad.chosen_pointers import resolve_chosen_pointers
from dialectad.dialects import context
from tests.ad import memory_programs
from tests.ad.memory_programs import check
from tests.gradients import directional_difference
from tests.lower.test_number_buffers import CASES, program


def swap_in_a_while(x):
    a, b = x.copy(), np.sin(x)
    k = 0
    while np.sum(b * b) < 30.0 and k < 6:
        b[1:] = b[1:] * a[:-1] + 0.5
        a, b = b, a
        k += 1
    return np.sum(a * a) + np.sum(b)


def swap_around_a_loop(x):
    u, v, k = x.copy(), np.zeros(4), 0
    while u[1] * u[1] < 20.0 and k < 7:
        for j in range(4):
            v[j] = u[j] * 1.5 + 0.1 * u[(j + 1) % 4]
        u, v = v, u
        k = k + 1
    return np.sum(u * v)


def new_array_in_a_while(x):
    a, b = x.copy(), np.sin(x)
    while np.max(b) < 5.0:
        a, b = b, a + b * b
    return np.sum(a * b)


def swap_until_break(x):
    a, b = x.copy(), np.sin(x)
    for _ in range(5):
        b[1:] = b[1:] * a[:-1] + 0.1
        a, b = b, a
        if a[1] > 10.0:
            break
    return np.sum(a * a) + np.sum(b)


def three_in_a_while(x):
    a, b, c, k = x.copy(), np.sin(x), np.cos(x), 0
    while k < 5 and c[0] < 3.0:
        if a[1] > 0.0:
            c[1:] = a[:-1] * b[1:]
        a, b, c = b, c, a
        k += 1
    return np.sum(a * b * c)


def while_that_does_not_run(x):
    a, b = x.copy(), np.sin(x)
    while b[0] > 3.0:
        b[0] = b[0] - a[1]
        a, b = b, a
    return np.sum(a * a) + np.sum(b)


def swaps_in_both_loops(x):
    a, b, k = x.copy(), np.sin(x), 0
    while k < 3 and a[0] < 9.0:
        a, b = b, a
        j = 0
        while j < 3 and b[j] < 9.0:
            b[j] = b[j] * a[j + 1] + 0.1
            a, b = b, a
            j += 1
        k += 1
    return np.sum(a * a) + np.sum(b)


def slices_of_unknown_size(x):
    n = int(x[3] * 3)
    a, b = x[:n].copy(), np.sin(x[:n])
    for _ in range(4):
        b[0] = b[0] * a[1]
        a, b = b, a
    return np.sum(a * a) + np.sum(b)


def slices_of_many_sizes(x):
    total = 0.0
    for m in range(2, 5):
        a, b = x[:m].copy(), np.sin(x[:m])
        for i in range(3):
            b[i % m] = b[i % m] * a[1] + 0.2
            a, b = b, a
        total = total + np.sum(a * a) * b[0]
    return total


def matrices_of_unknown_size(x):
    n = int(x[3] * 3)
    A = np.outer(x, x)[:n]
    B, C, k = np.sin(A), A * 0.5, 0
    while k < 4 and np.sum(C) < 9.0:
        C[k % n] = A[k % n] * B[(k + 1) % n]
        A, B, C = B, C, A
        k += 1
    return np.sum(A * B) + np.sum(C)


def empty_slices(x):
    n = int(x[0])
    a, b = x[:n].copy(), np.sin(x[:n])
    for _ in range(3):
        a, b = b, a
    return np.sum(a) + np.sum(x * x)


X, T = np.array([0.3, -0.7, 0.5, 1.1]), np.array([0.3, 0.2, -0.5, 0.7])
PROGRAMS = [
    *(swap_in_a_while, swap_around_a_loop, new_array_in_a_while, swap_until_break, three_in_a_while),
    *(while_that_does_not_run, swaps_in_both_loops),
    *(slices_of_unknown_size, slices_of_many_sizes, matrices_of_unknown_size, empty_slices),
]


@pytest.mark.parametrize("level", ["loop", "llvm"])
@pytest.mark.parametrize("function", PROGRAMS)
def test_derivatives(function, level: str) -> None:
    expected = da.grad(function, level="linalg")(X)
    np.testing.assert_allclose(expected @ T, directional_difference(function, (X,), T, 1e-6), rtol=1e-6)
    np.testing.assert_allclose(da.grad(function, level=level)(X), expected, rtol=1e-10)
    np.testing.assert_allclose(da.jvp(function, (X,), (T,), level=level)[1], expected @ T, rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_pointers_to_several_buffers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pass `number-buffers` the loops hand the buffers around themselves."""
    _, rest = memory_programs.PIPELINES["llvm"]
    monkeypatch.setitem(memory_programs.PIPELINES, "llvm", ("canonicalize", rest))
    check(program(CASES[name]), np.array([0.3, -0.7, 0.5, 1.1]), levels=["llvm"])


def rewritten(body: str) -> func.FuncOp:
    text = f"""
    func.func @f(%c: i1, %n: i64, %a: !llvm.ptr, %b: !llvm.ptr, %v: f64) -> f64 {{
      %c0 = arith.constant 0 : i64
      %c1 = arith.constant 1 : i64
      {body}
    }}"""
    module = Parser(context(), text).parse_module()
    (function,) = module.ops
    assert isinstance(function, func.FuncOp)
    resolve_chosen_pointers(function)
    verifier.check(module)
    return function


def carried(function: func.FuncOp) -> list[str]:
    """The types of what loops and branches give."""
    return [
        str(result.type)
        for op in function.walk()
        if isinstance(op, scf.ForOp | scf.WhileOp | scf.IfOp)
        for result in op.results
    ]


def test_one_buffer_needs_no_number() -> None:
    function = rewritten("""
      %p = scf.for %i = %c0 to %n step %c1 iter_args(%q = %a) -> (!llvm.ptr) : i64 {
        llvm.store %v, %q : f64, !llvm.ptr
        %r = llvm.getelementptr %q[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.array<3 x f64>
        scf.yield %r : !llvm.ptr
      }
      %x = llvm.load %p : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert carried(function) == ["i64"]
    assert not [op for op in function.walk() if isinstance(op, llvm.SelectOp)]


def test_several_buffers_are_accessed_in_branches() -> None:
    function = rewritten("""
      %p, %s = scf.for %i = %c0 to %n step %c1 iter_args(%q = %a, %t = %b) -> (!llvm.ptr, !llvm.ptr) : i64 {
        llvm.store %v, %q : f64, !llvm.ptr
        scf.yield %t, %q : !llvm.ptr, !llvm.ptr
      }
      %x = llvm.load %p : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert carried(function) == ["i64", "i64", "i64", "i64", "f64"]
    stores = [op for op in function.walk() if isinstance(op, llvm.StoreOp)]
    assert {op.ptr.owner.operands[0].name_hint for op in stores} == {"a", "b"}  # pyright: ignore


def test_memory_of_an_iteration_stays() -> None:
    function = rewritten("""
      %p = scf.for %i = %c0 to %n step %c1 iter_args(%q = %a) -> (!llvm.ptr) : i64 {
        %r = llvm.load %q : !llvm.ptr -> !llvm.ptr
        scf.yield %r : !llvm.ptr
      }
      %x = llvm.load %p : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert carried(function) == ["!llvm.ptr"]


def test_null_is_never_accessed() -> None:
    function = rewritten("""
      %none = llvm.mlir.zero : !llvm.ptr
      %p = scf.for %i = %c0 to %n step %c1 iter_args(%q = %none) -> (!llvm.ptr) : i64 {
        scf.yield %a : !llvm.ptr
      }
      %x = llvm.load %p : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert carried(function) == ["i64", "i64"]
