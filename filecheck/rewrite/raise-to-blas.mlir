// RUN: dialectad-opt -p raise-to-blas,dce %s | filecheck %s

// CHECK-LABEL: func.func @matmul
// CHECK-NEXT:    %0 = tensor.empty() : tensor<3x5xf64>
// CHECK-NEXT:    "blas.gemm"(%a, %b, %0) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}>
func.func @matmul(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>) -> tensor<3x5xf64> {
  %zero = arith.constant 0.0 : f64
  %z = tensor.splat %zero : tensor<3x5xf64>
  %r = linalg.matmul ins(%a, %b : tensor<3x4xf64>, tensor<4x5xf64>) outs(%z : tensor<3x5xf64>) -> tensor<3x5xf64>
  func.return %r : tensor<3x5xf64>
}

// CHECK-LABEL: func.func @into
// CHECK-NEXT:    "blas.gemm"(%a, %b, %c) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64}>
func.func @into(%a: tensor<3x4xf32>, %b: tensor<4x5xf32>, %c: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x5xf32>) outs(%c : tensor<3x5xf32>) -> tensor<3x5xf32>
  func.return %r : tensor<3x5xf32>
}

// BLAS knows no integers.
// CHECK-LABEL: func.func @integers
// CHECK:         linalg.matmul
func.func @integers(%a: tensor<3x3xi64>, %c: tensor<3x3xi64>) -> tensor<3x3xi64> {
  %r = linalg.matmul ins(%a, %a : tensor<3x3xi64>, tensor<3x3xi64>) outs(%c : tensor<3x3xi64>) -> tensor<3x3xi64>
  func.return %r : tensor<3x3xi64>
}

// CHECK-LABEL: func.func @transposed
// CHECK-NOT:     linalg.transpose
// CHECK:         "blas.gemm"(%a, %b, %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_a}>
func.func @transposed(%a: tensor<4x3xf64>, %b: tensor<4x5xf64>) -> tensor<3x5xf64> {
  %e = tensor.empty() : tensor<3x4xf64>
  %t = linalg.transpose ins(%a : tensor<4x3xf64>) outs(%e : tensor<3x4xf64>) permutation = [1, 0]
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %r = linalg.matmul ins(%t, %b : tensor<3x4xf64>, tensor<4x5xf64>) outs(%z : tensor<3x5xf64>) -> tensor<3x5xf64>
  func.return %r : tensor<3x5xf64>
}

// CHECK-LABEL: func.func @matvec_vecmat
// CHECK:         "blas.gemv"(%a, %x, %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK:         "blas.gemv"(%a, %y, %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64, trans}>
func.func @matvec_vecmat(%a: tensor<3x4xf64>, %x: tensor<4xf64>, %y: tensor<3xf64>) -> (tensor<3xf64>, tensor<4xf64>) {
  %z3 = arith.constant dense<0.0> : tensor<3xf64>
  %z4 = arith.constant dense<0.0> : tensor<4xf64>
  %r = linalg.matvec ins(%a, %x : tensor<3x4xf64>, tensor<4xf64>) outs(%z3 : tensor<3xf64>) -> tensor<3xf64>
  %s = linalg.vecmat ins(%y, %a : tensor<3xf64>, tensor<3x4xf64>) outs(%z4 : tensor<4xf64>) -> tensor<4xf64>
  func.return %r, %s : tensor<3xf64>, tensor<4xf64>
}

// CHECK-LABEL: func.func @dot
// CHECK-NEXT:    %[[S:.*]] = "blas.dot"(%x, %y)
// CHECK-NEXT:    tensor.splat %[[S]] : tensor<f64>
func.func @dot(%x: tensor<4xf64>, %y: tensor<4xf64>) -> tensor<f64> {
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.dot ins(%x, %y : tensor<4xf64>, tensor<4xf64>) outs(%z : tensor<f64>) -> tensor<f64>
  func.return %r : tensor<f64>
}

// CHECK-LABEL: func.func @scaled
// CHECK:         "blas.gemm"(%a, %b, %{{.*}}) <{alpha = -6.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK-NEXT:    func.return
func.func @scaled(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>) -> tensor<3x5xf64> {
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %three = arith.constant dense<3.0> : tensor<3x4xf64>
  %two = arith.constant dense<2.0> : tensor<3x5xf64>
  %a3 = arith.mulf %a, %three : tensor<3x4xf64>
  %r = linalg.matmul ins(%a3, %b : tensor<3x4xf64>, tensor<4x5xf64>) outs(%z : tensor<3x5xf64>) -> tensor<3x5xf64>
  %s = arith.mulf %r, %two : tensor<3x5xf64>
  %t = arith.negf %s : tensor<3x5xf64>
  func.return %t : tensor<3x5xf64>
}

// 0 * NaN is NaN, but BLAS with alpha = 0 doesn't look.
// CHECK-LABEL: func.func @not_by_zero
// CHECK:         arith.mulf
func.func @not_by_zero(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>) -> tensor<3x5xf64> {
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %r = linalg.matmul ins(%a, %b : tensor<3x4xf64>, tensor<4x5xf64>) outs(%z : tensor<3x5xf64>) -> tensor<3x5xf64>
  %s = arith.mulf %r, %z : tensor<3x5xf64>
  func.return %s : tensor<3x5xf64>
}

// CHECK-LABEL: func.func @summed
// CHECK:         %[[C:.*]] = math.exp
// CHECK-NEXT:    "blas.gemm"(%a, %b, %[[C]]) <{alpha = -1.000000e+00 : f64, beta = 1.000000e+00 : f64}>
func.func @summed(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>, %x: tensor<3x5xf64>) -> tensor<3x5xf64> {
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %r = linalg.matmul ins(%a, %b : tensor<3x4xf64>, tensor<4x5xf64>) outs(%z : tensor<3x5xf64>) -> tensor<3x5xf64>
  %c = math.exp %x : tensor<3x5xf64>
  %s = arith.subf %c, %r : tensor<3x5xf64>
  func.return %s : tensor<3x5xf64>
}

// The other term takes the product's shape, and the sum its own.
// CHECK-LABEL: func.func @summed_in_another_shape
// CHECK:         %[[C:.*]] = math.exp
// CHECK-NEXT:    %[[M:.*]] = tensor.collapse_shape %[[C]] {{\[\[}}0 : i64, 1 : i64], [2 : i64]] : tensor<3x2x5xf64> into tensor<6x5xf64>
// CHECK-NEXT:    %[[R:.*]] = "blas.gemm"(%a, %b, %[[M]]) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64}>
// CHECK-NEXT:    %[[S:.*]] = tensor.expand_shape %[[R]] {{\[\[}}0 : i64, 1 : i64], [2 : i64]] output_shape [3, 2, 5]
// CHECK-NEXT:    func.return %[[S]]
func.func @summed_in_another_shape(
  %a: tensor<6x4xf64>, %b: tensor<4x5xf64>, %x: tensor<3x2x5xf64>
) -> tensor<3x2x5xf64> {
  %z = arith.constant dense<0.0> : tensor<6x5xf64>
  %r = linalg.matmul ins(%a, %b : tensor<6x4xf64>, tensor<4x5xf64>) outs(%z : tensor<6x5xf64>) -> tensor<6x5xf64>
  %e = tensor.expand_shape %r [[0, 1], [2]] output_shape [3, 2, 5] : tensor<6x5xf64> into tensor<3x2x5xf64>
  %c = math.exp %x : tensor<3x2x5xf64>
  %s = arith.addf %c, %e : tensor<3x2x5xf64>
  func.return %s : tensor<3x2x5xf64>
}

// A bias is cheap to add when the result is read, and not cheap to write before.
// CHECK-LABEL: func.func @bias
// CHECK:         "blas.gemm"(%a, %b, %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK:         arith.addf
func.func @bias(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>, %v: tensor<5xf64>) -> tensor<3x5xf64> {
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %r = linalg.matmul ins(%a, %b : tensor<3x4xf64>, tensor<4x5xf64>) outs(%z : tensor<3x5xf64>) -> tensor<3x5xf64>
  %e = tensor.empty() : tensor<3x5xf64>
  %c = linalg.broadcast ins(%v : tensor<5xf64>) outs(%e : tensor<3x5xf64>) dimensions = [0]
  %s = arith.addf %r, %c : tensor<3x5xf64>
  func.return %s : tensor<3x5xf64>
}

// In a loop the sum is accumulated in place.
// CHECK-LABEL: func.func @accumulated
// CHECK:         scf.for {{.*}} iter_args(%acc = %c)
// CHECK:           "blas.ger"(%x, %y, %acc) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64}>
func.func @accumulated(%n: index, %x: tensor<3xf64>, %y: tensor<5xf64>, %c: tensor<3x5xf64>) -> tensor<3x5xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %c) -> (tensor<3x5xf64>) {
    %p = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<3xf64>, tensor<5xf64>) outs(%z : tensor<3x5xf64>) {
    ^bb0(%a: f64, %b: f64, %o: f64):
      %m = arith.mulf %a, %b : f64
      %s = arith.addf %o, %m : f64
      linalg.yield %s : f64
    } -> tensor<3x5xf64>
    %t = arith.addf %acc, %p : tensor<3x5xf64>
    scf.yield %t : tensor<3x5xf64>
  }
  func.return %r : tensor<3x5xf64>
}

// out[j, i] += a[k, i] b[j, k], whose result is that of b a.
// CHECK-LABEL: func.func @einsum
// CHECK:         "blas.gemm"(%b, %a, %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}>
func.func @einsum(%a: tensor<4x3xf64>, %b: tensor<5x4xf64>) -> tensor<5x3xf64> {
  %z = arith.constant dense<0.0> : tensor<5x3xf64>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (k, i)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (j, i)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<4x3xf64>, tensor<5x4xf64>) outs(%z : tensor<5x3xf64>) {
  ^bb0(%p: f64, %q: f64, %o: f64):
    %m = arith.mulf %p, %q : f64
    %s = arith.addf %m, %o : f64
    linalg.yield %s : f64
  } -> tensor<5x3xf64>
  func.return %r : tensor<5x3xf64>
}

// np.sum(a[:, :, None] * b[None, :, :], axis=1)
// CHECK-LABEL: func.func @broadcast_product
// CHECK-NEXT:    %[[E:.*]] = tensor.empty() : tensor<3x5xf64>
// CHECK-NEXT:    "blas.gemm"(%a, %b, %[[E]]) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}>
func.func @broadcast_product(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>) -> tensor<3x5xf64> {
  %e = tensor.empty() : tensor<3x4x5xf64>
  %z = arith.constant dense<0.0> : tensor<3x5xf64>
  %aa = linalg.broadcast ins(%a : tensor<3x4xf64>) outs(%e : tensor<3x4x5xf64>) dimensions = [2]
  %bb = linalg.broadcast ins(%b : tensor<4x5xf64>) outs(%e : tensor<3x4x5xf64>) dimensions = [0]
  %p = arith.mulf %aa, %bb : tensor<3x4x5xf64>
  %r = linalg.reduce ins(%p : tensor<3x4x5xf64>) outs(%z : tensor<3x5xf64>) dimensions = [1]
  (%x: f64, %y: f64) {
    %s = arith.addf %x, %y : f64
    linalg.yield %s : f64
  }
  func.return %r : tensor<3x5xf64>
}

// A slice of a transpose is the transpose of a slice.
// CHECK-LABEL: func.func @slices_of_transposes
// CHECK:         [[A:%.+]] = tensor.extract_slice %a[%i, 1, %j, 0] [1, 4, 1, 3] [1, 1, 1, 1] : tensor<2x5x6x3xf64> to tensor<4x3xf64>
// CHECK-NEXT:    [[B:%.+]] = tensor.extract_slice %b[%i, 0, 0] [1, 5, 3] [1, 1, 1] : tensor<2x5x3xf64> to tensor<5x3xf64>
// CHECK-NEXT:    "blas.gemm"([[A]], [[B]], %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_b}>
func.func @slices_of_transposes(%a: tensor<2x5x6x3xf64>, %b: tensor<2x5x3xf64>, %i: index, %j: index) -> tensor<4x5xf64> {
  %e = tensor.empty() : tensor<2x6x5x3xf64>
  %t = linalg.transpose ins(%a : tensor<2x5x6x3xf64>) outs(%e : tensor<2x6x5x3xf64>) permutation = [0, 2, 1, 3]
  %f = tensor.empty() : tensor<2x3x5xf64>
  %u = linalg.transpose ins(%b : tensor<2x5x3xf64>) outs(%f : tensor<2x3x5xf64>) permutation = [0, 2, 1]
  %x = tensor.extract_slice %t[%i, %j, 1, 0] [1, 1, 4, 3] [1, 1, 1, 1] : tensor<2x6x5x3xf64> to tensor<4x3xf64>
  %y = tensor.extract_slice %u[%i, 0, 0] [1, 3, 5] [1, 1, 1] : tensor<2x3x5xf64> to tensor<3x5xf64>
  %z = arith.constant dense<0.0> : tensor<4x5xf64>
  %r = linalg.matmul ins(%x, %y : tensor<4x3xf64>, tensor<3x5xf64>) outs(%z : tensor<4x5xf64>) -> tensor<4x5xf64>
  func.return %r : tensor<4x5xf64>
}

// BLAS needs rows or columns in one piece.
// CHECK-LABEL: func.func @slices_in_pieces
// CHECK:         [[T:%.+]] = linalg.transpose
// CHECK-NEXT:    [[X:%.+]] = tensor.extract_slice [[T]]
// CHECK:         "blas.gemm"([[X]], %b
func.func @slices_in_pieces(%a: tensor<4x3x2xf64>, %b: tensor<3x5xf64>, %i: index) -> tensor<4x5xf64> {
  %e = tensor.empty() : tensor<2x4x3xf64>
  %t = linalg.transpose ins(%a : tensor<4x3x2xf64>) outs(%e : tensor<2x4x3xf64>) permutation = [2, 0, 1]
  %x = tensor.extract_slice %t[%i, 0, 0] [1, 4, 3] [1, 1, 1] : tensor<2x4x3xf64> to tensor<4x3xf64>
  %z = arith.constant dense<0.0> : tensor<4x5xf64>
  %r = linalg.matmul ins(%x, %b : tensor<4x3xf64>, tensor<3x5xf64>) outs(%z : tensor<4x5xf64>) -> tensor<4x5xf64>
  func.return %r : tensor<4x5xf64>
}
