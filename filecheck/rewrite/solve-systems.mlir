// RUN: dialectad-opt %s -p solve-systems,dce | filecheck %s

// CHECK-LABEL: func.func @inverse_by_vector
// CHECK:         %[[ROW:.*]] = tensor.expand_shape %b
// CHECK-NEXT:    %[[X:.*]] = "lapack.getrs"(%a, %f, %[[ROW]]) : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<1x3xf64>) -> tensor<1x3xf64>
// CHECK-NEXT:    %[[R:.*]] = tensor.collapse_shape %[[X]]
// CHECK-NEXT:    func.return %[[R]]
func.func @inverse_by_vector(%a: tensor<3x3xf64>, %f: tensor<4x3xf64>, %b: tensor<3xf64>, %e: tensor<3xf64>) -> tensor<3xf64> {
  %one = arith.constant 1.0 : f64
  %zero = arith.constant 0.0 : f64
  %g = tensor.empty() : tensor<3x3xf64>
  %i = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%g : tensor<3x3xf64>) {
  ^bb0(%o: f64):
    %r = linalg.index 0 : index
    %c = linalg.index 1 : index
    %t = arith.cmpi eq, %r, %c : index
    %s = arith.select %t, %one, %zero : f64
    linalg.yield %s : f64
  } -> tensor<3x3xf64>
  %n = "lapack.getrs"(%a, %f, %i) : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
  %x = "blas.gemv"(%n, %b, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans}> : (tensor<3x3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  func.return %x : tensor<3xf64>
}

// What isn't the identity is a right-hand side.
// CHECK-LABEL: func.func @other_solution
// CHECK:         "blas.gemv"
func.func @other_solution(%a: tensor<3x3xf64>, %f: tensor<4x3xf64>, %b: tensor<3xf64>, %e: tensor<3xf64>, %i: tensor<3x3xf64>) -> tensor<3xf64> {
  %n = "lapack.getrs"(%a, %f, %i) : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
  %x = "blas.gemv"(%n, %b, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans}> : (tensor<3x3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  func.return %x : tensor<3xf64>
}

// The pivots are the diagonal.
// CHECK-LABEL: func.func @cholesky_factor
// CHECK:         %l = "lapack.potrf"(%m)
// CHECK:         %[[T:.*]] = linalg.transpose ins(%l
// CHECK:         %[[ROWS:.*]] = tensor.insert_slice %[[T]]
// CHECK-NOT:     lapack.getrf
// CHECK:         tensor.extract_slice %[[ROWS]][0, 0] [3, 3] [1, 1]
// CHECK:         %[[X:.*]] = "lapack.trtrs"(%l, %b) : (tensor<3x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
// CHECK-NEXT:    func.return %{{.*}}, %[[X]]
func.func @cholesky_factor(%m: tensor<3x3xf64>, %b: tensor<2x3xf64>) -> (tensor<3xf64>, tensor<2x3xf64>) {
  %l = "lapack.potrf"(%m) : (tensor<3x3xf64>) -> tensor<3x3xf64>
  %e = tensor.empty() : tensor<3x3xf64>
  %t = linalg.transpose ins(%l : tensor<3x3xf64>) outs(%e : tensor<3x3xf64>) permutation = [1, 0]
  %g = tensor.empty() : tensor<4x3xf64>
  %r = tensor.insert_slice %t into %g[0, 0] [3, 3] [1, 1] : tensor<3x3xf64> into tensor<4x3xf64>
  %f = "lapack.getrf"(%r) : (tensor<4x3xf64>) -> tensor<4x3xf64>
  %s = tensor.extract_slice %f[0, 0] [3, 3] [1, 1] : tensor<4x3xf64> to tensor<3x3xf64>
  %h = tensor.empty() : tensor<3xf64>
  %d = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0, d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%s : tensor<3x3xf64>) outs(%h : tensor<3xf64>) {
  ^bb0(%x: f64, %y: f64):
    linalg.yield %x : f64
  } -> tensor<3xf64>
  %q = "lapack.getrs"(%l, %f, %b) : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  func.return %d, %q : tensor<3xf64>, tensor<2x3xf64>
}

// Row exchanges, or all of the factors, are those of the factorization.
// CHECK-LABEL: func.func @factors_are_read
// CHECK:         lapack.getrf
// CHECK:         lapack.getrs
func.func @factors_are_read(%m: tensor<3x3xf64>, %r: tensor<4x3xf64>, %b: tensor<2x3xf64>) -> (tensor<3xf64>, tensor<2x3xf64>) {
  %l = "lapack.potrf"(%m) : (tensor<3x3xf64>) -> tensor<3x3xf64>
  %f = "lapack.getrf"(%r) : (tensor<4x3xf64>) -> tensor<4x3xf64>
  %s = tensor.extract_slice %f[3, 0] [1, 3] [1, 1] : tensor<4x3xf64> to tensor<3xf64>
  %q = "lapack.getrs"(%l, %f, %b) : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  func.return %s, %q : tensor<3xf64>, tensor<2x3xf64>
}
