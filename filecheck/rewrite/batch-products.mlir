// RUN: dialectad-opt %s -p batch-products,canonicalize,cse,dce | filecheck %s

// CHECK-LABEL: func.func @ahead
// CHECK:         %[[Y:.*]] = "blas.gemm"(%x, %w, %{{.*}}) <{alpha = 2.000000e+00 : f64, beta = 0.000000e+00 : f64, trans_b}>
// CHECK:         scf.for
// CHECK-NOT:     blas
// CHECK:           tensor.extract_slice %[[Y]][%i, 0] [1, 8] [1, 1]
func.func @ahead(%w: tensor<8x9xf64>, %x: tensor<10x9xf64>, %h: tensor<8xf64>) -> tensor<8xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 10 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %h) -> (tensor<8xf64>) {
    %s = tensor.extract_slice %x[%i, 0] [1, 9] [1, 1] : tensor<10x9xf64> to tensor<9xf64>
    %e = tensor.empty() : tensor<8xf64>
    %y = "blas.gemv"(%w, %s, %e) <{alpha = 2.0 : f64, beta = 0.0 : f64}> : (tensor<8x9xf64>, tensor<9xf64>, tensor<8xf64>) -> tensor<8xf64>
    %b = arith.mulf %a, %y : tensor<8xf64>
    scf.yield %b : tensor<8xf64>
  }
  func.return %r : tensor<8xf64>
}

// Columns, the last of them first, and not all of them.
// CHECK-LABEL: func.func @columns_in_reverse
// CHECK:         %[[X:.*]] = tensor.extract_slice %x[0, 2] [9, 6] [1, 1]
// CHECK:         %[[Y:.*]] = "blas.gemm"(%[[X]], %w, %{{.*}}) <{{.*}}trans_a}>
// CHECK:         scf.for
// CHECK:           %[[P:.*]] = arith.subi %{{.*}}, %i
// CHECK:           tensor.extract_slice %[[Y]][%[[P]], 0] [1, 8] [1, 1]
func.func @columns_in_reverse(%w: tensor<9x8xf64>, %x: tensor<9x10xf64>, %h: tensor<8xf64>) -> tensor<8xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 6 : index
  %last = arith.constant 7 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %h) -> (tensor<8xf64>) {
    %k = arith.subi %last, %i : index
    %s = tensor.extract_slice %x[0, %k] [9, 1] [1, 1] : tensor<9x10xf64> to tensor<9xf64>
    %e = tensor.empty() : tensor<8xf64>
    %y = "blas.gemv"(%w, %s, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans}> : (tensor<9x8xf64>, tensor<9xf64>, tensor<8xf64>) -> tensor<8xf64>
    %b = arith.mulf %a, %y : tensor<8xf64>
    scf.yield %b : tensor<8xf64>
  }
  func.return %r : tensor<8xf64>
}

// A few rows an iteration are rows of one matrix.
// CHECK-LABEL: func.func @rows
// CHECK:         %[[X:.*]] = tensor.collapse_shape %x
// CHECK:         %[[Y:.*]] = "blas.gemm"(%[[X]], %w
// CHECK:         tensor.expand_shape %[[Y]] {{.*}} output_shape [10, 3, 8]
// CHECK:         scf.for
// CHECK-NOT:       blas
func.func @rows(%w: tensor<9x8xf64>, %x: tensor<10x3x9xf64>, %h: tensor<3x8xf64>) -> tensor<3x8xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 10 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %h) -> (tensor<3x8xf64>) {
    %s = tensor.extract_slice %x[%i, 0, 0] [1, 3, 9] [1, 1, 1] : tensor<10x3x9xf64> to tensor<3x9xf64>
    %e = tensor.empty() : tensor<3x8xf64>
    %y = "blas.gemm"(%s, %w, %e) <{alpha = 1.0 : f64, beta = 0.0 : f64}> : (tensor<3x9xf64>, tensor<9x8xf64>, tensor<3x8xf64>) -> tensor<3x8xf64>
    %b = arith.mulf %a, %y : tensor<3x8xf64>
    scf.yield %b : tensor<3x8xf64>
  }
  func.return %r : tensor<3x8xf64>
}

// One factor is a slice, the other is kept in the same order; both sums share it.
// CHECK-LABEL: func.func @behind
// CHECK:         %{{.*}}, %[[L:.*]] = scf.for
// CHECK-NOT:       blas.ger
// CHECK:           tensor.insert_slice %{{.*}} into %{{.*}}[%{{.*}}, 0] [1, 8] [1, 1]
// CHECK:           scf.yield
// CHECK:         "blas.gemm"(%[[L]], %x, %v) <{alpha = 3.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a}>
// CHECK:         "blas.gemm"(%[[L]], %[[L]], %u) <{alpha = 1.000000e+00 : f64, beta = 1.000000e+00 : f64, trans_a}>
func.func @behind(%x: tensor<10x9xf64>, %h: tensor<8xf64>, %v: tensor<8x9xf64>, %u: tensor<8x8xf64>) -> (tensor<8xf64>, tensor<8x9xf64>, tensor<8x8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 10 : index
  %last = arith.constant 9 : index
  %r:3 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %h, %p = %v, %q = %u) -> (tensor<8xf64>, tensor<8x9xf64>, tensor<8x8xf64>) {
    %k = arith.subi %last, %i : index
    %s = tensor.extract_slice %x[%k, 0] [1, 9] [1, 1] : tensor<10x9xf64> to tensor<9xf64>
    %d = math.sin %a : tensor<8xf64>
    %f = "blas.ger"(%d, %d, %q) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<8xf64>, tensor<8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
    %g = "blas.ger"(%d, %s, %p) <{alpha = 3.0 : f64, beta = 1.0 : f64}> : (tensor<8xf64>, tensor<9xf64>, tensor<8x9xf64>) -> tensor<8x9xf64>
    scf.yield %d, %g, %f : tensor<8xf64>, tensor<8x9xf64>, tensor<8x8xf64>
  }
  func.return %r#0, %r#1, %r#2 : tensor<8xf64>, tensor<8x9xf64>, tensor<8x8xf64>
}

// Whoever reads the sum on the way needs it there.
// CHECK-LABEL: func.func @read_on_the_way
// CHECK:         scf.for
// CHECK:           blas.ger
func.func @read_on_the_way(%h: tensor<8xf64>, %u: tensor<8x8xf64>) -> (tensor<8xf64>, tensor<8x8xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 10 : index
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %h, %q = %u) -> (tensor<8xf64>, tensor<8x8xf64>) {
    %d = tensor.extract_slice %q[%i, 0] [1, 8] [1, 1] : tensor<8x8xf64> to tensor<8xf64>
    %f = "blas.ger"(%d, %a, %q) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : (tensor<8xf64>, tensor<8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
    scf.yield %d, %f : tensor<8xf64>, tensor<8x8xf64>
  }
  func.return %r#0, %r#1 : tensor<8xf64>, tensor<8x8xf64>
}

// The eleventh row isn't there: such a program ends in an error before it reads it, and so it must.
// CHECK-LABEL: func.func @beyond
// CHECK:         scf.for
// CHECK:           blas.gemv
func.func @beyond(%w: tensor<8x9xf64>, %x: tensor<10x9xf64>, %h: tensor<8xf64>) -> tensor<8xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 11 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %h) -> (tensor<8xf64>) {
    %s = tensor.extract_slice %x[%i, 0] [1, 9] [1, 1] : tensor<10x9xf64> to tensor<9xf64>
    %e = tensor.empty() : tensor<8xf64>
    %y = "blas.gemv"(%w, %s, %e) <{alpha = 2.0 : f64, beta = 0.0 : f64}> : (tensor<8x9xf64>, tensor<9xf64>, tensor<8xf64>) -> tensor<8xf64>
    %b = arith.mulf %a, %y : tensor<8xf64>
    scf.yield %b : tensor<8xf64>
  }
  func.return %r : tensor<8xf64>
}
