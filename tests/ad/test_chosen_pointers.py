"""Memory whose place a condition chooses is accessed on that condition."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import func, llvm, scf
from xdsl.parser import Parser

import dialectad as da
from dialectad import verifier
from dialectad.ad.chosen_pointers import resolve_chosen_pointers
from dialectad.dialects import context


def element_of_either(x, A, c):
    return (A[1, 1] if c > 0 else x[1]) ** 2


def one_of_four(x, A, c):
    return np.sin(A[0, 1] if c > 2 else x[1] if c > 0 else A[1, 0] if c < -2 else x[0])


def elements_in_a_loop(x, A, c):
    total = 0.0
    for i in range(2):
        v = A[i, 1] if x[i] > c else x[1 - i]
        total += v * v * A[i, 0]
    return total


def row_of_either(x, A, c):
    row = A[1] if c > 0 else x
    return np.sum(row * row * x)


def write_to_either(x, A, c):
    y, z = x * 1.0, A[0] * 1.0
    if c > 0:
        y[1] = x[0] * A[1, 1]
    else:
        z[1] = x[0] * A[1, 1]
    return np.sum(y * y) + np.sum(z * z * z)


def swapped_until_small(x, A, c):
    """The condition reads the buffer that the body reads too."""
    a, b, n = x * A[0], np.zeros(2), 0
    while np.sum(np.abs(a)) > 0.003 and n < 6:
        for j in range(2):
            b[j] = 0.4 * np.sin(a[j - 1] + a[j]) + 0.01 * c
        a, b = b, a
        n += 1
    return np.sum(a * a) + np.sum(np.sin(b))


X, A = np.array([0.3, -0.4]), np.array([[0.1, 0.2], [0.3, 0.5]])


@pytest.mark.parametrize(
    "function",
    [
        *(element_of_either, one_of_four, elements_in_a_loop, row_of_either, write_to_either),
        swapped_until_small,
    ],
)
def test_gradients(function) -> None:
    gradient = da.grad(function, argnums=(0, 1), level="llvm")
    reference = da.grad(function, argnums=(0, 1), level="linalg")
    for c in (-3.0, -1.0, 0.0, 1.0, 3.0):
        for ours, theirs in zip(gradient(X, A, c), reference(X, A, c), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def resolved(body: str) -> func.FuncOp:
    """The function of that body, resolved."""
    text = f"""
    func.func @f(%c: i1, %d: i1, %i: i64, %a: !llvm.ptr, %b: !llvm.ptr, %v: f64) -> f64 {{
      {body}
    }}"""
    module = Parser(context(), text).parse_module()
    (function,) = module.ops
    assert isinstance(function, func.FuncOp)
    resolve_chosen_pointers(function)
    verifier.check(module)
    return function


def names(function: func.FuncOp) -> list[str]:
    return [op.name for op in function.body.walk()]


def test_load_and_store_through_an_address() -> None:
    function = resolved("""
      %p = llvm.select %c, %a, %b : i1, !llvm.ptr
      %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
      %x = llvm.load %q : !llvm.ptr -> f64
      llvm.store %v, %p : f64, !llvm.ptr
      func.return %x : f64
    """)
    assert "llvm.select" not in names(function)
    load, store = (op for op in function.walk() if isinstance(op, scf.IfOp))
    assert [op.name for op in load.walk()][1::2] == ["llvm.load", "llvm.load"]
    assert [op.name for op in store.walk()][1::2] == ["llvm.store", "llvm.store"]
    stores = [op for op in function.walk() if isinstance(op, llvm.StoreOp)]
    assert [op.ptr for op in stores] == [function.body.block.args[3], function.body.block.args[4]]


def test_choice_among_three() -> None:
    function = resolved("""
      %p = llvm.select %c, %a, %b : i1, !llvm.ptr
      %e = llvm.getelementptr %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
      %q = llvm.select %d, %p, %e : i1, !llvm.ptr
      %x = llvm.load %q : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert "llvm.select" not in names(function)
    assert names(function).count("llvm.load") == 3


def test_branches_that_give_addresses() -> None:
    function = resolved("""
      %p, %n = scf.if %c -> (!llvm.ptr, i64) {
        %j = arith.addi %i, %i : i64
        %e = llvm.getelementptr %a[%j] : (!llvm.ptr, i64) -> !llvm.ptr, f64
        scf.yield %e, %j : !llvm.ptr, i64
      } else {
        scf.yield %b, %i : !llvm.ptr, i64
      }
      %q = llvm.getelementptr %p[%n] : (!llvm.ptr, i64) -> !llvm.ptr, f64
      %x = llvm.load %q : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert "llvm.select" not in names(function)
    number, _ = (op for op in function.walk() if isinstance(op, scf.IfOp))
    assert len(number.results) == 1


def test_addresses_that_are_read_stay_in_their_branch() -> None:
    function = resolved("""
      %p = scf.if %c -> (!llvm.ptr) {
        %e = llvm.load %a : !llvm.ptr -> !llvm.ptr
        scf.yield %e : !llvm.ptr
      } else {
        scf.yield %b : !llvm.ptr
      }
      %x = llvm.load %p : !llvm.ptr -> f64
      func.return %x : f64
    """)
    assert names(function).count("llvm.load") == 2
