// RUN: dialectad-opt %s -p order-products,dce | filecheck %s

// CHECK-LABEL: func.func @from_the_right
// CHECK:         %[[T:.*]] = "blas.gemv"(%b, %x, %{{.*}}) <{alpha = 1.000000e+00 : f64, beta = 0.000000e+00 : f64}>
// CHECK:         "blas.gemv"(%a, %[[T]], %y) <{alpha = 6.000000e+00 : f64, beta = 1.000000e+00 : f64}>
// CHECK-NEXT:    func.return
func.func @from_the_right(%a: tensor<9x8xf64>, %b: tensor<8x7xf64>, %x: tensor<7xf64>, %y: tensor<9xf64>) -> tensor<9xf64> {
  %e = tensor.empty() : tensor<9x7xf64>
  %m = "blas.gemm"(%a, %b, %e) <{alpha = 3.0 : f64, beta = 0.0 : f64}> : (tensor<9x8xf64>, tensor<8x7xf64>, tensor<9x7xf64>) -> tensor<9x7xf64>
  %r = "blas.gemv"(%m, %x, %y) <{alpha = 2.0 : f64, beta = 1.0 : f64}> : (tensor<9x7xf64>, tensor<7xf64>, tensor<9xf64>) -> tensor<9xf64>
  func.return %r : tensor<9xf64>
}

// (A B)' x is B' (A' x).
// CHECK-LABEL: func.func @transposed
// CHECK:         %[[T:.*]] = "blas.gemv"(%a, %x, %{{.*}}) <{{{.*}}trans}>
// CHECK:         "blas.gemv"(%b, %[[T]], %{{.*}}) <{{{.*}}trans}>
func.func @transposed(%a: tensor<9x8xf64>, %b: tensor<8x7xf64>, %x: tensor<9xf64>) -> tensor<7xf64> {
  %e = tensor.empty() : tensor<9x7xf64>
  %f = tensor.empty() : tensor<7xf64>
  %m = "blas.gemm"(%a, %b, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<9x8xf64>, tensor<8x7xf64>, tensor<9x7xf64>) -> tensor<9x7xf64>
  %r = "blas.gemv"(%m, %x, %f) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans}> : (tensor<9x7xf64>, tensor<9xf64>, tensor<7xf64>) -> tensor<7xf64>
  func.return %r : tensor<7xf64>
}

// Who reads the product of the first two needs it.
// CHECK-LABEL: func.func @read_by_another
// CHECK:         %m = "blas.gemm"(%a, %b
// CHECK:         "blas.gemv"(%m
func.func @read_by_another(%a: tensor<9x8xf64>, %b: tensor<8x7xf64>, %x: tensor<7xf64>) -> (tensor<9xf64>, tensor<9x7xf64>) {
  %e = tensor.empty() : tensor<9x7xf64>
  %f = tensor.empty() : tensor<9xf64>
  %m = "blas.gemm"(%a, %b, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<9x8xf64>, tensor<8x7xf64>, tensor<9x7xf64>) -> tensor<9x7xf64>
  %r = "blas.gemv"(%m, %x, %f) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<9x7xf64>, tensor<7xf64>, tensor<9xf64>) -> tensor<9xf64>
  func.return %r, %m : tensor<9xf64>, tensor<9x7xf64>
}

// Four matrices: (A (B (C D))) as written from the left costs more than (A B) (C D) here.
// CHECK-LABEL: func.func @in_the_middle
// CHECK:         %[[L:.*]] = "blas.gemm"(%a, %b
// CHECK:         %[[R:.*]] = "blas.gemm"(%c, %d
// CHECK:         "blas.gemm"(%[[L]], %[[R]]
func.func @in_the_middle(%a: tensor<2x9xf64>, %b: tensor<9x2xf64>, %c: tensor<2x9xf64>, %d: tensor<9x2xf64>) -> tensor<2x2xf64> {
  %e = tensor.empty() : tensor<2x2xf64>
  %f = tensor.empty() : tensor<2x9xf64>
  %m = "blas.gemm"(%a, %b, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<2x9xf64>, tensor<9x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  %n = "blas.gemm"(%m, %c, %f) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<2x2xf64>, tensor<2x9xf64>, tensor<2x9xf64>) -> tensor<2x9xf64>
  %r = "blas.gemm"(%n, %d, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<2x9xf64>, tensor<9x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  func.return %r : tensor<2x2xf64>
}
