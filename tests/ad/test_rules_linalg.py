"""`linalg`, `tensor` and `blas`, in both modes and to the second order."""

import itertools

import numpy as np
import pytest

from tests.ad.check import check, gradient

rng = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


@pytest.mark.parametrize(("ta", "tb", "beta"), itertools.product([0, 1], [0, 1], [0.0, 1.0, 0.5]))
def test_gemm(ta, tb, beta):
    a, b = ("4x3" if ta else "3x4"), ("2x4" if tb else "4x2")
    flags = (", trans_a" if ta else "") + (", trans_b" if tb else "")
    text = f"""
    func.func @f(%a: tensor<{a}xf64>, %b: tensor<{b}xf64>, %c: tensor<3x2xf64>) -> tensor<3x2xf64> {{
      %r = "blas.gemm"(%a, %b, %c) <{{alpha = 1.5 : f64, beta = {beta} : f64{flags}}}>
        : (tensor<{a}xf64>, tensor<{b}xf64>, tensor<3x2xf64>) -> tensor<3x2xf64>
      return %r : tensor<3x2xf64>
    }}"""
    check(
        text, normal(*((4, 3) if ta else (3, 4))), normal(*((2, 4) if tb else (4, 2))), normal(3, 2), order=2
    )


def test_gemm_of_one_matrix():
    text = """
    func.func @f(%a: tensor<3x3xf64>) -> tensor<3x3xf64> {
      %r = "blas.gemm"(%a, %a, %a) <{alpha = 1.5 : f64, beta = 0.5 : f64, trans_b}>
        : (tensor<3x3xf64>, tensor<3x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
      return %r : tensor<3x3xf64>
    }"""
    check(text, normal(3, 3), order=2)


@pytest.mark.parametrize(("t", "beta"), itertools.product([0, 1], [0.0, 1.0, 0.5]))
def test_gemv(t, beta):
    a = "4x3" if t else "3x4"
    text = f"""
    func.func @f(%a: tensor<{a}xf64>, %x: tensor<4xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {{
      %r = "blas.gemv"(%a, %x, %y) <{{alpha = 1.5 : f64, beta = {beta} : f64{", trans" if t else ""}}}>
        : (tensor<{a}xf64>, tensor<4xf64>, tensor<3xf64>) -> tensor<3xf64>
      return %r : tensor<3xf64>
    }}"""
    check(text, normal(*((4, 3) if t else (3, 4))), normal(4), normal(3), order=2)


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.5])
def test_ger(beta):
    text = f"""
    func.func @f(%x: tensor<3xf64>, %y: tensor<4xf64>, %a: tensor<3x4xf64>) -> tensor<3x4xf64> {{
      %r = "blas.ger"(%x, %y, %a) <{{alpha = 1.5 : f64, beta = {beta} : f64}}>
        : (tensor<3xf64>, tensor<4xf64>, tensor<3x4xf64>) -> tensor<3x4xf64>
      return %r : tensor<3x4xf64>
    }}"""
    check(text, normal(3), normal(4), normal(3, 4), order=2)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_dot(n):
    text = f"""
    func.func @f(%x: tensor<{n}xf64>, %y: tensor<{n}xf64>) -> f64 {{
      %r = "blas.dot"(%x, %y) : (tensor<{n}xf64>, tensor<{n}xf64>) -> f64
      return %r : f64
    }}"""
    check(text, normal(n), normal(n), order=2)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (1, 1, 1), (0, 3, 2), (2, 0, 3)])
@pytest.mark.parametrize("element", ["f64", "f32"])
def test_named_products(sizes, element):
    m, k, n = sizes
    text = f"""
    func.func @f(%a: tensor<{m}x{k}x{element}>, %b: tensor<{k}x{n}x{element}>, %c: tensor<{m}x{n}x{element}>,
        %x: tensor<{k}x{element}>, %y: tensor<{m}x{element}>)
        -> (tensor<{m}x{n}x{element}>, tensor<{m}x{element}>, tensor<{n}x{element}>, tensor<{element}>) {{
      %mm = linalg.matmul ins(%a, %b : tensor<{m}x{k}x{element}>, tensor<{k}x{n}x{element}>)
        outs(%c : tensor<{m}x{n}x{element}>) -> tensor<{m}x{n}x{element}>
      %mv = linalg.matvec ins(%a, %x : tensor<{m}x{k}x{element}>, tensor<{k}x{element}>)
        outs(%y : tensor<{m}x{element}>) -> tensor<{m}x{element}>
      %z = arith.constant 0.0 : {element}
      %v0 = tensor.splat %z : tensor<{n}x{element}>
      %vm = linalg.vecmat ins(%x, %b : tensor<{k}x{element}>, tensor<{k}x{n}x{element}>)
        outs(%v0 : tensor<{n}x{element}>) -> tensor<{n}x{element}>
      %d0 = tensor.splat %z : tensor<{element}>
      %d = linalg.dot ins(%x, %x : tensor<{k}x{element}>, tensor<{k}x{element}>)
        outs(%d0 : tensor<{element}>) -> tensor<{element}>
      return %mm, %mv, %vm, %d
        : tensor<{m}x{n}x{element}>, tensor<{m}x{element}>, tensor<{n}x{element}>, tensor<{element}>
    }}"""
    check(
        text,
        normal(m, k),
        normal(k, n),
        normal(m, n),
        normal(k),
        normal(m),
        order=2 if element == "f64" else 1,
    )


def reduction(op: str, dims: list[int], shape: tuple[int, ...], init: str = "%i") -> str:
    source = "".join(f"{n}x" for n in shape) + "f64"
    target = "".join(f"{n}x" for i, n in enumerate(shape) if i not in dims) + "f64"
    return f"""
    func.func @f(%x: tensor<{source}>, %i: tensor<{target}>) -> tensor<{target}> {{
      %c = arith.constant -1.0e300 : f64
      %low = tensor.splat %c : tensor<{target}>
      %r = linalg.reduce ins(%x : tensor<{source}>) outs({init} : tensor<{target}>) dimensions = {dims}
      (%e: f64, %acc: f64) {{
        %q = {op} %e, %acc : f64
        linalg.yield %q : f64
      }}
      %s = arith.mulf %r, %r : tensor<{target}>
      return %s : tensor<{target}>
    }}"""


REDUCERS = ["arith.addf", "arith.mulf", "arith.maximumf", "arith.minimumf", "arith.subf"]
REDUCED = [([0, 1], (2, 3)), ([0], (2, 3)), ([1], (2, 3)), ([0, 2], (2, 3, 2)), ([0], (0,)), ([0], (1,))]


@pytest.mark.parametrize("op", REDUCERS)
@pytest.mark.parametrize(("dims", "shape"), REDUCED)
def test_reduce(op, dims, shape):
    target = [n for i, n in enumerate(shape) if i not in dims]
    check(reduction(op, dims, shape), normal(*shape), normal(*target), order=2)


def test_ties_share_evenly():
    text = reduction("arith.maximumf", [0], (4,), "%low").replace(
        "%s = arith.mulf %r, %r", "%s = arith.addf %r, %r"
    )
    dx, _ = gradient(text, np.array([3.0, 1.0, 3.0, 2.0]), np.zeros(()))
    np.testing.assert_array_equal(dx, [1.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("x", [[0.0, 2.0, 3.0], [0.0, 2.0, 0.0], [1.5, 2.0, 3.0]])
def test_product_at_zeros(x):
    check(reduction("arith.mulf", [0], (3,)), x, 0.7, order=2)


MOVEMENT = {
    "transpose": (
        "tensor<2x3x4xf64>",
        """%e = tensor.empty() : tensor<4x2x3xf64>
        %r = linalg.transpose ins(%x : tensor<2x3x4xf64>) outs(%e : tensor<4x2x3xf64>)
          permutation = [2, 0, 1]""",
        "tensor<4x2x3xf64>",
    ),
    "broadcast": (
        "tensor<3xf64>",
        """%e = tensor.empty() : tensor<2x3x4xf64>
        %r = linalg.broadcast ins(%x : tensor<3xf64>) outs(%e : tensor<2x3x4xf64>) dimensions = [0, 2]""",
        "tensor<2x3x4xf64>",
    ),
    "broadcast of a scalar": (
        "tensor<f64>",
        """%e = tensor.empty() : tensor<2x3xf64>
        %r = linalg.broadcast ins(%x : tensor<f64>) outs(%e : tensor<2x3xf64>) dimensions = [0, 1]""",
        "tensor<2x3xf64>",
    ),
    "fill": (
        "f64",
        """%e = tensor.empty() : tensor<2x3xf64>
        %r = linalg.fill ins(%x : f64) outs(%e : tensor<2x3xf64>) -> tensor<2x3xf64>""",
        "tensor<2x3xf64>",
    ),
    "splat": ("f64", "%r = tensor.splat %x : tensor<2x3xf64>", "tensor<2x3xf64>"),
    "splat of rank 0": ("f64", "%r = tensor.splat %x : tensor<f64>", "tensor<f64>"),
    "splat of nothing": ("f64", "%r = tensor.splat %x : tensor<0xf64>", "tensor<0xf64>"),
    "collapse": (
        "tensor<2x3x4xf64>",
        "%r = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x3x4xf64> into tensor<6x4xf64>",
        "tensor<6x4xf64>",
    ),
    "expand": (
        "tensor<6x4xf64>",
        "%r = tensor.expand_shape %x [[0, 1], [2]] output_shape [2, 3, 4] "
        ": tensor<6x4xf64> into tensor<2x3x4xf64>",
        "tensor<2x3x4xf64>",
    ),
    "cast": ("tensor<3xf64>", "%r = tensor.cast %x : tensor<3xf64> to tensor<?xf64>", "tensor<?xf64>"),
    "extract": ("tensor<2x3xf64>", "%r = tensor.extract %x[%c1, %c0] : tensor<2x3xf64>", "f64"),
    "extract of rank 0": ("tensor<f64>", "%r = tensor.extract %x[] : tensor<f64>", "f64"),
    "insert": ("f64", "%r = tensor.insert %x into %k[%c1, %c0] : tensor<2x3xf64>", "tensor<2x3xf64>"),
    "insert into": (
        "tensor<2x3xf64>",
        "%r = tensor.insert %half into %x[%c1, %c0] : tensor<2x3xf64>",
        "tensor<2x3xf64>",
    ),
    "slice": (
        "tensor<4x5xf64>",
        "%r = tensor.extract_slice %x[%c1, 0] [2, 3] [1, 2] : tensor<4x5xf64> to tensor<2x3xf64>",
        "tensor<2x3xf64>",
    ),
    "row": (
        "tensor<4x5xf64>",
        "%r = tensor.extract_slice %x[%c1, 0] [1, 5] [1, 1] : tensor<4x5xf64> to tensor<5xf64>",
        "tensor<5xf64>",
    ),
    "insert slice": (
        "tensor<3xf64>",
        "%r = tensor.insert_slice %x into %k[%c1, 0] [1, 3] [1, 1] : tensor<3xf64> into tensor<2x3xf64>",
        "tensor<2x3xf64>",
    ),
    "insert into slice": (
        "tensor<2x3xf64>",
        """%p = tensor.extract_slice %x[0, 1] [2, 1] [1, 1] : tensor<2x3xf64> to tensor<2xf64>
        %r = tensor.insert_slice %p into %x[0, 0] [2, 1] [1, 1] : tensor<2xf64> into tensor<2x3xf64>""",
        "tensor<2x3xf64>",
    ),
}


@pytest.mark.parametrize("case", MOVEMENT)
def test_movement(case):
    source, body, target = MOVEMENT[case]
    text = f"""
    func.func @f(%y: {source}) -> {target} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %half = arith.constant 0.5 : f64
      %k = tensor.splat %half : tensor<2x3xf64>
      %x = arith.mulf %y, %y : {source}
      {body}
      %s = math.sin %r : {target}
      return %s : {target}
    }}"""
    shape = [int(n) for n in source.removeprefix("tensor<").split("x")[:-1]] if "x" in source else []
    check(text, normal(*shape), order=2)


GENERICS = {
    "elementwise with a broadcast": (
        ["tensor<2x3xf64>", "tensor<3xf64>"],
        """#m = affine_map<(i, j) -> (i, j)>
        #v = affine_map<(i, j) -> (j)>""",
        """%e = tensor.empty() : tensor<2x3xf64>
        %r = linalg.generic {indexing_maps = [#m, #v, #m], iterator_types = ["parallel", "parallel"]}
          ins(%x0, %x1 : tensor<2x3xf64>, tensor<3xf64>) outs(%e : tensor<2x3xf64>) {
        ^bb0(%a: f64, %b: f64, %o: f64):
          %p = arith.mulf %a, %b : f64
          %s = math.sin %p : f64
          linalg.yield %s : f64
        } -> tensor<2x3xf64>""",
        "tensor<2x3xf64>",
    ),
    "sum of products, transposed": (
        ["tensor<2x3xf64>", "tensor<3x4xf64>", "tensor<4x2xf64>"],
        """#a = affine_map<(i, j, k) -> (i, k)>
        #b = affine_map<(i, j, k) -> (k, j)>
        #c = affine_map<(i, j, k) -> (j, i)>""",
        """%r = linalg.generic {indexing_maps = [#a, #b, #c],
            iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x0, %x1 : tensor<2x3xf64>, tensor<3x4xf64>) outs(%x2 : tensor<4x2xf64>) {
        ^bb0(%a: f64, %b: f64, %o: f64):
          %p = arith.mulf %a, %b : f64
          %e = math.exp %p : f64
          %s = arith.addf %o, %e : f64
          linalg.yield %s : f64
        } -> tensor<4x2xf64>""",
        "tensor<4x2xf64>",
    ),
    "maximum of a product": (
        ["tensor<2x3xf64>", "tensor<3xf64>", "tensor<2xf64>"],
        """#a = affine_map<(i, j) -> (i, j)>
        #b = affine_map<(i, j) -> (j)>
        #c = affine_map<(i, j) -> (i)>""",
        """%r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "reduction"]}
          ins(%x0, %x1 : tensor<2x3xf64>, tensor<3xf64>) outs(%x2 : tensor<2xf64>) {
        ^bb0(%a: f64, %b: f64, %o: f64):
          %p = arith.mulf %a, %b : f64
          %s = arith.maximumf %p, %o : f64
          linalg.yield %s : f64
        } -> tensor<2xf64>""",
        "tensor<2xf64>",
    ),
    "product of sines": (
        ["tensor<2x3xf64>", "tensor<2xf64>"],
        """#a = affine_map<(i, j) -> (i, j)>
        #c = affine_map<(i, j) -> (i)>""",
        """%r = linalg.generic {indexing_maps = [#a, #c], iterator_types = ["parallel", "reduction"]}
          ins(%x0 : tensor<2x3xf64>) outs(%x1 : tensor<2xf64>) {
        ^bb0(%a: f64, %o: f64):
          %p = math.sin %a : f64
          %s = arith.mulf %p, %o : f64
          linalg.yield %s : f64
        } -> tensor<2xf64>""",
        "tensor<2xf64>",
    ),
    "recurrence": (
        ["tensor<2x3xf64>", "tensor<2xf64>"],
        """#a = affine_map<(i, j) -> (i, j)>
        #c = affine_map<(i, j) -> (i)>""",
        """%r = linalg.generic {indexing_maps = [#a, #c], iterator_types = ["parallel", "reduction"]}
          ins(%x0 : tensor<2x3xf64>) outs(%x1 : tensor<2xf64>) {
        ^bb0(%a: f64, %o: f64):
          %p = math.sin %o : f64
          %s = arith.mulf %p, %a : f64
          linalg.yield %s : f64
        } -> tensor<2xf64>""",
        "tensor<2xf64>",
    ),
    "captured scalar and index": (
        ["tensor<2x3xf64>", "f64", "tensor<2x3xf64>"],
        "#m = affine_map<(i, j) -> (i, j)>",
        """%r = linalg.generic {indexing_maps = [#m, #m], iterator_types = ["parallel", "parallel"]}
          ins(%x0 : tensor<2x3xf64>) outs(%x2 : tensor<2x3xf64>) {
        ^bb0(%a: f64, %o: f64):
          %i = linalg.index 1 : index
          %k = arith.index_cast %i : index to i64
          %f = arith.sitofp %k : i64 to f64
          %p = arith.mulf %a, %x1 : f64
          %q = arith.mulf %p, %f : f64
          %n = math.sin %q : f64
          %s = arith.mulf %n, %o : f64
          linalg.yield %s : f64
        } -> tensor<2x3xf64>""",
        "tensor<2x3xf64>",
    ),
    "captured scalar in a sum": (
        ["tensor<3xf64>", "f64", "tensor<f64>"],
        """#m = affine_map<(i) -> (i)>
        #z = affine_map<(i) -> ()>""",
        """%r = linalg.generic {indexing_maps = [#m, #z], iterator_types = ["reduction"]}
          ins(%x0 : tensor<3xf64>) outs(%x2 : tensor<f64>) {
        ^bb0(%a: f64, %o: f64):
          %q = arith.mulf %x1, %x1 : f64
          %s = arith.addf %q, %o : f64
          linalg.yield %s : f64
        } -> tensor<f64>""",
        "tensor<f64>",
    ),
    "gather": (
        ["tensor<5xf64>", "f64"],
        "#m = affine_map<(i) -> (i)>",
        """%idx = arith.constant dense<[4, 0, 4]> : tensor<3xi64>
        %e = tensor.empty() : tensor<3xf64>
        %r = linalg.generic {indexing_maps = [#m, #m], iterator_types = ["parallel"]}
          ins(%idx : tensor<3xi64>) outs(%e : tensor<3xf64>) {
        ^bb0(%a: i64, %o: f64):
          %i = arith.index_cast %a : i64 to index
          %v = tensor.extract %x0[%i] : tensor<5xf64>
          %p = arith.mulf %v, %x1 : f64
          %s = math.sin %p : f64
          linalg.yield %s : f64
        } -> tensor<3xf64>""",
        "tensor<3xf64>",
    ),
    "scalar input": (
        ["f64", "tensor<3xf64>"],
        """#m = affine_map<(i) -> (i)>
        #z = affine_map<(i) -> ()>""",
        """%e = tensor.empty() : tensor<3xf64>
        %r = linalg.generic {indexing_maps = [#z, #m, #m], iterator_types = ["parallel"]}
          ins(%x0, %x1 : f64, tensor<3xf64>) outs(%e : tensor<3xf64>) {
        ^bb0(%a: f64, %b: f64, %o: f64):
          %p = arith.divf %b, %a : f64
          linalg.yield %p : f64
        } -> tensor<3xf64>""",
        "tensor<3xf64>",
    ),
    "diagonal": (
        ["tensor<3x3xf64>"],
        """#m = affine_map<(i) -> (i, i)>
        #v = affine_map<(i) -> (i)>""",
        """%e = tensor.empty() : tensor<3xf64>
        %r = linalg.generic {indexing_maps = [#m, #v], iterator_types = ["parallel"]}
          ins(%x0 : tensor<3x3xf64>) outs(%e : tensor<3xf64>) {
        ^bb0(%a: f64, %o: f64):
          %p = math.sin %a : f64
          linalg.yield %p : f64
        } -> tensor<3xf64>""",
        "tensor<3xf64>",
    ),
    "one row, by a constant in the map": (
        ["tensor<2x3xf64>"],
        """#m = affine_map<(i) -> (1, i)>
        #v = affine_map<(i) -> (i)>""",
        """%e = tensor.empty() : tensor<3xf64>
        %r = linalg.generic {indexing_maps = [#m, #v], iterator_types = ["parallel"]}
          ins(%x0 : tensor<2x3xf64>) outs(%e : tensor<3xf64>) {
        ^bb0(%a: f64, %o: f64):
          %p = math.sin %a : f64
          linalg.yield %p : f64
        } -> tensor<3xf64>""",
        "tensor<3xf64>",
    ),
    "select by comparison": (
        ["tensor<3xf64>", "tensor<3xf64>"],
        "#m = affine_map<(i) -> (i)>",
        """%e = tensor.empty() : tensor<3xf64>
        %r = linalg.generic {indexing_maps = [#m, #m, #m], iterator_types = ["parallel"]}
          ins(%x0, %x1 : tensor<3xf64>, tensor<3xf64>) outs(%e : tensor<3xf64>) {
        ^bb0(%a: f64, %b: f64, %o: f64):
          %c = arith.cmpf ogt, %a, %b : f64
          %p = arith.mulf %a, %a : f64
          %s = arith.select %c, %p, %b : f64
          linalg.yield %s : f64
        } -> tensor<3xf64>""",
        "tensor<3xf64>",
    ),
}


@pytest.mark.parametrize("case", GENERICS)
def test_generic(case):
    types, maps, body, target = GENERICS[case]
    signature = ", ".join(f"%y{i}: {t}" for i, t in enumerate(types))
    squares = "\n".join(f"%x{i} = arith.mulf %y{i}, %y{i} : {t}" for i, t in enumerate(types))
    text = f"{maps}\nfunc.func @f({signature}) -> {target} {{\n{squares}\n{body}\nreturn %r : {target}\n}}"
    shapes = [[int(n) for n in t.removeprefix("tensor<").split("x")[:-1]] if "x" in t else [] for t in types]
    check(text, *(normal(*shape) for shape in shapes), order=2)
