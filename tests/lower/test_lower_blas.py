"""`lower-blas` gives the product that NumPy gives, through a library and through loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dialectad import passes
from dialectad.dialects import context
from dialectad.lower import lower_blas
from tests.evaluate import evaluate
from tests.lower.machine import TO_LLVM, TO_LOOPS, Compiled, parse

CALLS = f"{TO_LOOPS},{TO_LLVM}"
LOOPS = f"lower-blas{{blas-calls=false}},convert-linalg-to-loops,{TO_LLVM}"


@pytest.fixture(params=["calls", "loops"])
def pipeline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With library calls for everything that a library can take, and without any."""
    monkeypatch.setattr(lower_blas, "CALL_ABOVE", dict.fromkeys(lower_blas.CALL_ABOVE, 0))
    return CALLS if request.param == "calls" else LOOPS


def _op(name: str, operands: list[tuple[str, str]], alpha: float, beta: float, flags: str = "") -> str:
    values = ", ".join(value for value, _ in operands)
    types = ", ".join(t for _, t in operands)
    properties = f"alpha = {alpha!r} : f64, beta = {beta!r} : f64{flags}"
    return f'"blas.{name}"({values}) <{{{properties}}}> : ({types}) -> ()'


def _scaled(product: np.ndarray, alpha: float, beta: float, dest: np.ndarray) -> np.ndarray:
    return alpha * product + (beta * dest if beta else 0.0)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize(("m", "n", "k"), [(3, 4, 5), (1, 1, 1), (4, 3, 0), (0, 2, 3), (2, 0, 3)])
def test_gemm(pipeline: str, dtype: str, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(0)
    cases = list(itertools.product((False, True), (False, True), ((1.0, 0.0), (-2.0, 1.0), (1.0, 0.5))))
    functions = []
    for case, (trans_a, trans_b, (alpha, beta)) in enumerate(cases):
        a = f"memref<{k}x{m}x{dtype}>" if trans_a else f"memref<{m}x{k}x{dtype}>"
        b = f"memref<{n}x{k}x{dtype}>" if trans_b else f"memref<{k}x{n}x{dtype}>"
        c = f"memref<{m}x{n}x{dtype}>"
        flags = ", trans_a" * trans_a + ", trans_b" * trans_b
        op = _op("gemm", [("%a", a), ("%b", b), ("%c", c)], alpha, beta, flags)
        functions.append(
            f"func.func @f{case}(%a: {a}, %b: {b}, %c: {c}) attributes {{dialectad.outs = 1 : i64}} "
            f"{{\n {op}\n return\n}}"
        )
    compiled = Compiled("\n".join(functions), pipeline)
    np_dtype = np.dtype(f"f{int(dtype[1:]) // 8}")
    for case, (trans_a, trans_b, (alpha, beta)) in enumerate(cases):
        a = rng.normal(size=(k, m) if trans_a else (m, k)).astype(np_dtype)
        b = rng.normal(size=(n, k) if trans_b else (k, n)).astype(np_dtype)
        c = rng.normal(size=(m, n)).astype(np_dtype)
        if beta == 0.0:
            c[:] = np.nan
        want = _scaled((a.T if trans_a else a) @ (b.T if trans_b else b), alpha, beta, c)
        assert compiled(f"f{case}", a, b, c) == 0
        np.testing.assert_allclose(c, want, rtol=1e-5 if dtype == "f32" else 1e-12, atol=1e-6)


@pytest.mark.parametrize("trans", [False, True])
@pytest.mark.parametrize(("m", "n"), [(3, 4), (1, 7), (4, 0), (0, 4)])
@pytest.mark.parametrize("dynamic", [False, True])
def test_gemv(pipeline: str, trans: bool, m: int, n: int, dynamic: bool) -> None:
    """A sum over nothing gives beta times the destination, also when that is found out at run time."""
    a = "memref<?x?xf64>" if dynamic else f"memref<{m}x{n}xf64>"
    x = "memref<?xf64>" if dynamic else f"memref<{m if trans else n}xf64>"
    y = "memref<?xf64>" if dynamic else f"memref<{n if trans else m}xf64>"
    scales = [(1.0, 0.0), (-2.0, 1.0), (1.0, 0.5)]
    text = "\n".join(
        f"func.func @f{case}(%a: {a}, %x: {x}, %y: {y}) attributes {{dialectad.outs = 1 : i64}} {{\n"
        + _op("gemv", [("%a", a), ("%x", x), ("%y", y)], alpha, beta, ", trans" * trans)
        + "\n return\n}"
        for case, (alpha, beta) in enumerate(scales)
    )
    compiled = Compiled(text, pipeline)
    rng = np.random.default_rng(1)
    for case, (alpha, beta) in enumerate(scales):
        matrix, vector = rng.normal(size=(m, n)), rng.normal(size=m if trans else n)
        dest = rng.normal(size=n if trans else m)
        want = _scaled((matrix.T if trans else matrix) @ vector, alpha, beta, dest)
        assert compiled(f"f{case}", matrix, vector, dest) == 0
        np.testing.assert_allclose(dest, want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (-2.0, 1.0), (1.0, 0.5)])
def test_ger_and_dot(pipeline: str, alpha: float, beta: float) -> None:
    a = "memref<3x4xf64>"
    ger = _op("ger", [("%x", "memref<3xf64>"), ("%y", "memref<4xf64>"), ("%a", a)], alpha, beta)
    text = f"""
    func.func @f(%x: memref<3xf64>, %y: memref<4xf64>, %a: {a}, %s: memref<f64>)
        attributes {{dialectad.outs = 2 : i64}} {{
      {ger}
      %d = "blas.dot"(%y, %y) : (memref<4xf64>, memref<4xf64>) -> f64
      memref.store %d, %s[] : memref<f64>
      return
    }}"""
    rng = np.random.default_rng(2)
    x, y, dest, s = rng.normal(size=3), rng.normal(size=4), rng.normal(size=(3, 4)), np.zeros(())
    if beta == 0.0:
        dest[:] = np.nan
    want = _scaled(np.outer(x, y), alpha, beta, dest)
    assert Compiled(text, pipeline)("f", x, y, dest, s) == 0
    np.testing.assert_allclose(dest, want, rtol=1e-12)
    np.testing.assert_allclose(s, y @ y, rtol=1e-12)


VIEWS = {
    "rows with a gap": ("[0, 1] [3, 3] [1, 1]", "memref<3x3xf64, strided<[8, 1], offset: 1>>"),
    "every other column": ("[0, 0] [3, 3] [1, 2]", "memref<3x3xf64, strided<[8, 2]>>"),
    "every other row": ("[0, 5] [3, 3] [2, 1]", "memref<3x3xf64, strided<[16, 1], offset: 5>>"),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("position", range(3))
def test_views_as_operands(pipeline: str, view: str, position: int) -> None:
    """What BLAS can't take becomes loops; what it can is given with its leading dimension."""
    slices, t = VIEWS[view]
    whole, plain = "memref<8x8xf64>", "memref<3x3xf64>"
    operands = [("%a", plain), ("%b", plain), ("%c", plain)]
    operands[position] = ("%v", t)
    types = [plain] * 3
    types[position] = whole
    name = "abc"[position]
    text = f"""
    func.func @f(%a: {types[0]}, %b: {types[1]}, %c: {types[2]}) attributes {{dialectad.outs = 1 : i64}} {{
      %v = memref.subview %{name}{slices} : {whole} to {t}
      {_op("gemm", operands, 1.0, 1.0)}
      return
    }}"""
    _agrees(text, pipeline, [8 if p == position else 3 for p in range(3)])


def _agrees(text: str, pipeline: str, sizes: list[int]) -> None:
    rng = np.random.default_rng(3)
    args = [rng.normal(size=(size, size)) for size in sizes]
    want = [arg.copy() for arg in args]
    evaluate(parse(text), "f", want)
    assert Compiled(text, pipeline)("f", *args) == 0
    for got, expected in zip(args, want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_column_is_a_vector_with_a_stride(pipeline: str) -> None:
    column = "memref<4xf64, strided<[4], offset: 2>>"
    text = f"""
    func.func @f(%a: memref<4x4xf64>, %c: memref<4x4xf64>) attributes {{dialectad.outs = 1 : i64}} {{
      %x = memref.subview %a[0, 2] [4, 1] [1, 1] : memref<4x4xf64> to {column}
      %y = memref.subview %c[0, 2] [4, 1] [1, 1] : memref<4x4xf64> to {column}
      {_op("gemv", [("%a", "memref<4x4xf64>"), ("%x", column), ("%y", column)], 1.0, 0.5, ", trans")}
      return
    }}"""
    _agrees(text, pipeline, [4, 4])


def test_slices_of_dynamic_size(pipeline: str) -> None:
    """As in a triangular solve: the sums are over the first i elements, none to begin with."""
    row = "memref<?xf64, strided<[1], offset: ?>>"
    text = f"""
    func.func @f(%a: memref<5x5xf64>, %c: memref<5x5xf64>) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c5 = arith.constant 5 : index
      scf.for %i = %c0 to %c5 step %c1 {{
        %x = memref.subview %a[%i, 0] [1, %i] [1, 1] : memref<5x5xf64> to {row}
        %d = "blas.dot"(%x, %x) : ({row}, {row}) -> f64
        memref.store %d, %c[%i, %i] : memref<5x5xf64>
        %y = memref.subview %c[%i, 0] [1, %i] [1, 1] : memref<5x5xf64> to {row}
        %s = memref.subview %a[0, 0] [%i, %i] [1, 1] : memref<5x5xf64> to memref<?x?xf64, strided<[5, 1]>>
        {_op("gemv", [("%s", "memref<?x?xf64, strided<[5, 1]>>"), ("%x", row), ("%y", row)], 1.0, 0.0)}
      }}
      return
    }}"""
    _agrees(text, pipeline, [5, 5])


def test_small_products_make_no_calls() -> None:
    t = "memref<4x4xf64>"
    text = f"""func.func @f(%a: {t}, %b: {t}, %c: {t}) {{
      {_op("gemm", [("%a", t), ("%b", t), ("%c", t)], 1.0, 0.0)}
      return
    }}"""
    module = parse(text)
    passes.run(context(), module, "lower-blas")
    assert "cblas" not in str(module)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize(("n", "k"), [(5, 3), (1, 1), (37, 2), (16, 4), (3, 0), (0, 2)])
def test_syrk(pipeline: str, dtype: str, n: int, k: int) -> None:
    """All of the result is written, in the rows or columns of a larger matrix, and nothing else."""
    cases = list(itertools.product((False, True), (False, True)))
    functions = []
    for case, (trans, by_columns) in enumerate(cases):
        a = f"memref<{k}x{n}x{dtype}>" if trans else f"memref<{n}x{k}x{dtype}>"
        whole = f"memref<{n + 1}x{n + 1}x{dtype}>"
        strides = [1, n + 1] if by_columns else [n + 1, 1]
        c = f"memref<{n}x{n}x{dtype}, strided<{strides}>>"
        functions.append(
            f"""func.func @f{case}(%a: {a}, %w: {whole}) attributes {{dialectad.outs = 1 : i64}} {{
              %c = memref.reinterpret_cast %w to
                  offset: [0], sizes: [{n}, {n}], strides: {strides} : {whole} to {c}
              "blas.syrk"(%a, %c) <{{alpha = -2.0 : f64{", trans" * trans}}}> : ({a}, {c}) -> ()
              return
            }}"""
        )
    compiled = Compiled("\n".join(functions), pipeline)
    np_dtype = np.dtype(f"f{int(dtype[1:]) // 8}")
    rng = np.random.default_rng(3)
    for case, (trans, _) in enumerate(cases):
        a = rng.normal(size=(k, n) if trans else (n, k)).astype(np_dtype)
        c = np.full((n + 1, n + 1), 7.0, np_dtype)
        assert compiled(f"f{case}", a, c) == 0
        want = np.full_like(c, 7.0)
        want[:n, :n] = -2.0 * (a.T @ a if trans else a @ a.T)
        np.testing.assert_allclose(c, want, rtol=1e-5 if dtype == "f32" else 1e-12, atol=1e-6)
